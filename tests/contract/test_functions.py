"""Functions of all kinds, in their own processes: listed, and run by hand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.field_cases.apps import Done, run
from tests.support.apps import NO_DATABASE, replace
from tests.support.clients import JSON, call
from tests.support.gateways import Running, gateway, wait_until
from tests.support.projects import write_project

APP = """
import os
from chalice import Chalice

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])

@app.middleware("sqs")
def count(event, get_response):
    return {"counted": get_response(event)}

@app.on_ws_message()
def message(event):
    return {"statusCode": 200, "body": event.body}

@app.on_sqs_message(queue="jobs")
def work(event):
    name = event.context.function_name
    return [[each.body for each in event], name, os.environ["WHOSE"], os.getpid()]

@app.on_sns_message(topic="news")
def news(event):
    return event.message

@app.lambda_function()
def pure(event, context):
    print("pure prints")
    return {"event": event, "request": context.aws_request_id}

@app.lambda_function()
def broken(event, context):
    raise ValueError(f"no {event}")

@app.lambda_function()
def ended(event, context):
    os._exit(3)

@app.lambda_function()
def unsaid(event, context):
    return {1, 2}

@app.lambda_function()
def deleted(event, context):
    pass

del deleted

@app.schedule("rate(1 hour)", name="sweep")
def sweeping(event):
    return event.source

@app.route("/rooms/{room}")
def rooms(room):
    return {"room": room}

from chalicelib.jobs import jobs
app.register_blueprint(jobs)
"""
JOBS = """
import sys
from chalice import Blueprint

jobs = Blueprint(__name__)

@jobs.on_sqs_message(queue="later")
def later(event):
    return "app" in sys.modules
"""
CONFIG = {
    "version": "2.0",
    "app_name": "pour",
    "stages": {
        "dev": {
            "environment_variables": {"WHOSE": "the stage's"},
            "lambda_functions": {"work": {"environment_variables": {"WHOSE": "its own"}}},
        }
    },
}


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_project(tmp_path_factory.mktemp("functions") / "pour", APP, CONFIG)
    (project / "chalicelib").mkdir()
    (project / "chalicelib" / "jobs.py").write_text(JOBS)
    return project


@pytest.fixture(name="running", scope="module")
def _running(project: Path) -> Iterator[Running]:
    with gateway(project, *NO_DATABASE) as running:
        yield running


def post(running: Running, name: str, body: bytes = b"") -> tuple[int, Any]:
    status, _, answer = call(running, "POST", f"/_gateway/functions/{name}", body, JSON)
    return status, json.loads(answer)


def invoke(running: Running, *arguments: str) -> Done:
    return run("invoke", *arguments, "--url", running.origin)


def test_the_functions_are_listed_with_kind_source_and_example(running: Running) -> None:
    _, _, body = call(running, "GET", "/_gateway/functions")
    found = {each.pop("name"): each for each in json.loads(body)["functions"]}
    assert found["work"].pop("example")["Records"][0]["body"] == "hello world !"
    assert found["work"].pop("mapping")["BatchSize"] == 1
    assert found["work"].pop("objects") == {}
    assert found["work"] == {"kind": "sqs", "source": "jobs", "handler": "app.work"}
    assert {name: each["kind"] for name, each in found.items()} == {
        "websocket_message": "websocket",
        "api_handler": "http",
        **dict.fromkeys(("pure", "broken", "ended", "unsaid", "deleted"), "lambda"),
        **dict.fromkeys(("work", "later"), "sqs"),
        "news": "sns",
        "sweep": "schedule",
    }
    listed = json.loads(call(running, "GET", "/_gateway/info")[2])["functions"]
    assert [each["name"] for each in listed] == [*found]


def test_the_banner_lists_functions_without_a_route(running: Running) -> None:
    functions = [line for line in running.lines if line.startswith("Function ")]
    assert "Function      work: SQS queue jobs" in functions
    assert "Function      pure: no event source" in functions
    assert len(functions) == 8
    assert running.banner("Invoke").endswith(f"invoke pure --url {running.origin}")


def test_a_function_runs_with_its_environment_and_middleware(running: Running) -> None:
    status, answer = post(running, "work")
    bodies, name, whose, _ = answer["result"]["counted"]
    assert (status, bodies, name, whose) == (200, ["hello world !"], "pour-dev-work", "its own")


def test_a_blueprints_function_imports_only_its_own_module(running: Running) -> None:
    """Functions on Lambda behave in the same way: app.py and its middleware are not loaded."""
    assert post(running, "later")[1]["result"] is False


def test_its_answer_has_the_request_id_of_its_log(running: Running) -> None:
    _, answer = post(running, "pure", b'{"a": 1}')
    assert answer["result"]["event"] == {"a": 1}
    assert answer["function"] == "pure"
    assert isinstance(answer["milliseconds"], int)
    running.wait_for_line(f"log +pure {answer['request_id']} . pure prints")
    running.wait_for_line("ran .* pure by hand returned")
    path = f"/_gateway/invocations/{answer['request_id']}"
    kept = json.loads(call(running, "GET", path)[2])
    assert kept == {"event": {"a": 1}, "response": answer["result"]}


def test_a_function_without_a_route_keeps_its_process(running: Running) -> None:
    first, second = (post(running, "work")[1]["result"]["counted"][-1] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("name", "kind", "message", "last"),
    [
        ("broken", "ValueError", "no 1", "ValueError: no 1"),
        ("ended", "Runtime.ExitError", "the process ended while", None),
        ("unsaid", "TypeError", "Object of type set is not JSON", "TypeError: Object of type set"),
        (
            "deleted",
            "Runtime.HandlerNotFound",
            "Handler 'deleted' missing on module 'app'",
            "Runtime.HandlerNotFound: Handler",
        ),
    ],
)
def test_a_failure_is_answered_with_its_traceback(
    running: Running, name: str, kind: str, message: str, last: str | None
) -> None:
    status, answer = post(running, name, b"1")
    assert (status, answer["error"]["type"]) == (200, kind)
    assert answer["error"]["message"].startswith(message)
    trace = answer["error"]["traceback"]
    assert trace[-1].startswith(last) if last else trace == []


@pytest.mark.parametrize(
    ("name", "result"),
    [("sweep", "aws.events"), ("websocket_message", {"statusCode": 200, "body": "hello world !"})],
)
def test_schedules_and_handlers_run_too(running: Running, name: str, result: Any) -> None:
    assert post(running, name)[1]["result"] == result


def test_the_http_function_takes_a_request(running: Running) -> None:
    result = post(running, "api_handler")[1]["result"]
    assert (result["statusCode"], json.loads(result["body"])) == (200, {"room": "room"})


def test_an_unknown_function_is_answered_with_the_known_ones(running: Running) -> None:
    status, answer = post(running, "wrok")
    assert status == 404
    assert answer["message"].startswith("the app has no function 'wrok'; it has api_handler, ")


def test_an_event_that_is_not_json_is_refused(running: Running) -> None:
    status, answer = post(running, "pure", b"{")
    assert status == 400
    assert answer["message"].startswith("the event is not JSON: ")


def test_a_page_elsewhere_cannot_run_a_function(running: Running) -> None:
    path = "/_gateway/functions/pure"
    assert call(running, "POST", path)[0] == 415
    assert call(running, "POST", path, headers={**JSON, "Origin": "http://evil.example"})[0] == 403


def test_the_command_prints_the_result(running: Running, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text('{"a": 1}')
    done = invoke(running, "pure", str(tmp_path / "event.json"))
    assert (done.status, json.loads(done.out)["event"]) == (0, {"a": 1})
    assert invoke(running, "news", "--body", "it & rains").out == '"it & rains"\n'


def test_the_command_prints_the_traceback_of_a_failure(running: Running) -> None:
    done = invoke(running, "broken")
    assert (done.status, done.out) == (1, "")
    assert done.reason == "ValueError: no {}"
    assert 'File "' in done.err


def test_a_mistake_of_the_command_is_one_line(running: Running, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for arguments, text in (
        (("wrok",), "the app has no function 'wrok'; it has "),
        (("pure", str(tmp_path / "bad.json")), "bad.json is not JSON"),
        (("pure", str(tmp_path / "none.json")), "none.json: No such file"),
        (("pure", "--body", "text"), "an event of pure has no body: give the whole event"),
    ):
        done = invoke(running, *arguments)
        assert done.refused
        assert text in done.reason


def test_a_changed_function_runs_its_new_code(running: Running, project: Path) -> None:
    """The last test: it changes the app."""
    assert post(running, "news")[1]["result"] == "hello world !"
    replace(project / "app.py", APP.replace("return event.message", "return 'changed'"))
    wait_until(lambda: post(running, "news")[1].get("result") == "changed", "it is in service")
    replace(project / "app.py", APP.replace("def news", "def newest"))
    wait_until(lambda: post(running, "news")[0] == 404, "it is gone")
    assert post(running, "newest")[1]["result"] == "hello world !"
