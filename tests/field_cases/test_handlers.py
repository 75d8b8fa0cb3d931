"""Section L: handlers, as Lambda finds them."""

import json
import os
import re
import shlex
import sysconfig
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from decanter.cli import build_parser
from decanter.errors import DecanterError
from decanter.testing import WebSocketClient
from tests.field_cases.apps import PLAIN, imported, plain_project, run
from tests.field_cases.servers import Answer, Asked, serving
from tests.support.apps import NO_DATABASE, replace
from tests.support.clients import JSON, call, receive
from tests.support.gateways import ROOT, Running, gateway, wait_until
from tests.support.projects import table_resource

QUICK = (*NO_DATABASE, "--no-reload")


def said(running: Running, *words: str) -> list[str]:
    """Return the lines so far that contain all of these words."""
    return [line for line in running.lines if all(word in line for word in words)]


# ------------------------------------------------------------------ which object is the handler

ONE_NAME = """
@app.on_ws_connect(name="ws")
def c(event):
    print("c ran")

@app.on_ws_message(name="ws")
def m(event):
    app.websocket_api.send(event.connection_id, "m ran")
"""

WRAPPED = """
def loud(handler):
    def wrapper(event, context):
        event["body"] = event["body"].upper()
        return handler(event, context)
    return wrapper

@loud
@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, event.body)
"""

NAMESAKE = """
@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, "message ran")

@app.schedule("rate(1 hour)", name="message")
def nightly(event):
    print("nightly ran")
"""


Answered = Callable[[str], str]
"""Returns the answer of an app with this source to a message."""


@pytest.fixture(name="changing", scope="module")
def _changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    """A gateway that serves one app after the other."""
    project = plain_project(tmp_path_factory.mktemp("changing") / "pour", NAMESAKE)
    with gateway(project, *NO_DATABASE) as running:
        yield project, running


@pytest.fixture(name="answered", params=["locally", "in a test"])
def _answered(request: pytest.FixtureRequest, tmp_path: Path) -> Answered:
    def answer_locally(source: str) -> str:
        project, running = request.getfixturevalue("changing")
        running.forget_lines()
        replace(project / "app.py", f"{PLAIN}\n{source}\n# {tmp_path}\n")
        running.wait_for_changes(1)
        with running.connect() as alice:
            alice.send("hello")
            answer = receive(alice)
        assert said(running, "Blueprint") == []
        return answer

    def answer_in_a_test(source: str) -> str:
        project = plain_project(tmp_path / "pour", source)
        with imported(project) as app, WebSocketClient(app, project_dir=project) as client:
            alice = client.connect()
            alice.send("hello")
            return str(alice.receive())

    return answer_locally if request.param == "locally" else answer_in_a_test


@pytest.mark.row("L1")
def test_two_handlers_of_one_name_are_distinguished(answered: Answered) -> None:
    """Chalice packages app.c and app.m."""
    assert answered(ONE_NAME) == "m ran"


@pytest.mark.row("L2")
def test_a_decorator_above_chalices_runs(answered: Answered) -> None:
    assert answered(WRAPPED) == "HELLO"


@pytest.mark.row("L4")
def test_a_schedule_may_have_the_message_handlers_name(answered: Answered) -> None:
    assert answered(NAMESAKE) == "message ran"


OWN_KEY = """
@app._create_registration_function(
    handler_type="on_ws_message", name="bid", registration_kwargs={"route_key": "bid"}
)
def bid(event):
    app.websocket_api.send(event.connection_id, "bid taken")
"""
BID = '{"action": "bid"}'


@pytest.mark.row("L5")
def test_a_custom_route_key_is_served_or_refused_in_one_line(tmp_path: Path) -> None:
    """Chalice deploys it, though it has no public decorator for it."""
    project = plain_project(tmp_path / "pour", OWN_KEY)
    with gateway(project, *QUICK, ready="^Connect +|^decanter: error:") as running:
        if said(running, "decanter: error:"):
            assert running.lines == said(running, "decanter: error:", "bid")
            return
        with running.connect() as alice:
            alice.send(BID)
            assert receive(alice) == "bid taken"


@pytest.mark.row("L5")
def test_a_custom_route_key_is_served_or_refused_in_a_test(tmp_path: Path) -> None:
    project = plain_project(tmp_path / "pour", OWN_KEY)
    with imported(project) as app, ExitStack() as refused:
        refused.push(in_one_line)
        with WebSocketClient(app, project_dir=project) as client:
            alice = client.connect()
            alice.send(BID)
            assert alice.receive() == "bid taken"


def in_one_line(kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
    """Ignore an error of the tool that names the key in one line."""
    return isinstance(error, DecanterError) and bool(re.fullmatch(".*bid.*", str(error)))


# -------------------------------------------------------- functions in addition to the handlers

OTHERS = """
def register(app):
    @app.on_ws_message()
    def inner(event):
        pass

register(app)

@app.lambda_function()
def pure(event, context):
    return {"pure": event}

@app.on_sqs_message(queue="jobs")
def work(event):
    return {"bodies": [record.body for record in event]}

@app.on_sns_message(topic="headlines")
def news(event):
    pass

@app.on_s3_event(bucket="pictures")
def thumbnail(event):
    pass

@app.on_dynamodb_record(stream_arn="arn:aws:dynamodb:us-east-1:123456789012:table/a/stream/b")
def changed(event):
    pass

@app.schedule("rate(1 hour)")
def nightly(event):
    pass
"""
QUEUE_EVENT = {
    "Records": [
        {
            "messageId": "1",
            "receiptHandle": "r",
            "body": "paint it",
            "attributes": {},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:jobs",
            "awsRegion": "us-east-1",
        }
    ]
}


@pytest.fixture(name="others", scope="module")
def _others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    project = plain_project(tmp_path_factory.mktemp("others") / "pour", OTHERS)
    with gateway(project, *QUICK, "--no-schedules") as running:
        yield running


@pytest.mark.row("L3")
def test_a_handler_that_lambda_will_not_find_is_named_at_start(others: Running) -> None:
    """The handler string is app.inner, which app.py does not have."""
    assert said(others, "inner", "Lambda")


@pytest.mark.row("L3")
@pytest.mark.parametrize("command", ["template", "package"])
def test_an_app_with_such_a_handler_is_refused(tmp_path: Path, command: str) -> None:
    done = run(command, "--project-dir", plain_project(tmp_path / "pour", OTHERS))
    assert done.refused
    assert done.reason.startswith("decanter: error: Lambda will not find inner: its handler string")


@pytest.mark.row("L6")
@pytest.mark.parametrize("name", ["pure", "work", "news", "thumbnail", "changed"])
def test_each_function_is_listed_at_start(others: Running, name: str) -> None:
    assert [line for line in others.lines if re.search(rf"\b{name}\b", line)]


@pytest.mark.row("L6")
@pytest.mark.parametrize(
    ("name", "event", "result"),
    [
        ("pure", {"a": 1}, {"pure": {"a": 1}}),
        ("work", QUEUE_EVENT, {"bodies": ["paint it"]}),
    ],
)
def test_each_function_can_be_run_by_hand(
    others: Running, name: str, event: Any, result: Any
) -> None:
    path = f"/_gateway/functions/{name}"
    status, _, body = call(others, "POST", path, json.dumps(event).encode(), JSON)
    assert status == 200
    assert json.loads(body)["result"] == result


@pytest.mark.row("L6")
def test_a_command_runs_a_function(others: Running) -> None:
    assert build_parser(["invoke", "pure"]).parse_args(["invoke", "pure"]).module


@pytest.mark.row("L6")
def test_schedules_can_be_turned_off(others: Running) -> None:
    (schedule,) = json.loads(call(others, "GET", "/_gateway/schedules")[2])["schedules"]
    assert (schedule["function"], schedule["runs"]) == ("nightly", False)


# -------------------------------------------------------------------------- the merge template

GUARDED = """
@app.on_ws_connect()
def connect(event):
    pass

@app.on_ws_message()
def message(event):
    pass

@app.lambda_function(name="guard")
def guard(event, context):
    effect = "Allow" if event["queryStringParameters"]["token"] == "good" else "Deny"
    arn = event["methodArn"]
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}
    return {"principalId": "ann", "policyDocument": {"Statement": [statement]}}
"""
LIVE = {
    "Resources": {
        "TokenGuard": {
            "Type": "AWS::ApiGatewayV2::Authorizer",
            "Properties": {
                "ApiId": {"Ref": "WebsocketAPI"},
                "AuthorizerType": "REQUEST",
                "AuthorizerUri": {
                    "Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
                    "${Guard.Arn}/invocations"
                },
                "IdentitySource": ["route.request.querystring.token"],
                "Name": "token-guard",
            },
        },
        "WebsocketConnectRoute": {
            "Properties": {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "TokenGuard"}}
        },
        "WebsocketAPIStage": {"Properties": {"StageName": "live"}},
    }
}


@pytest.fixture(name="templated", scope="module")
def _templated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    project = plain_project(tmp_path_factory.mktemp("templated") / "pour", GUARDED, LIVE)
    with gateway(project, *QUICK) as running:
        yield running


@pytest.mark.row("L7")
def test_an_authorizer_is_emulated_or_named_at_start(templated: Running) -> None:
    assert said(templated, "TokenGuard") or is_refused(templated, "token=bad")


def is_refused(running: Running, query: str) -> bool:
    try:
        with running.connect(query):
            return False
    except InvalidStatus as error:
        return error.response.status_code in (401, 403)


@pytest.mark.row("L8")
def test_the_templates_stage_name_is_the_urls(templated: Running) -> None:
    assert templated.url.endswith("/live")


# ------------------------------------------------------------------------ another interpreter

PREFIX = """
import sys

@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, sys.prefix)
"""


@pytest.mark.row("L9")
def test_handlers_run_in_the_apps_own_interpreter(tmp_path: Path) -> None:
    """It has Chalice and boto3, but not the tool."""
    own = tmp_path / "own"
    venv.create(own, symlinks=True)
    (site,) = own.glob("lib/python*/site-packages")
    (site / "chalice.pth").write_text(sysconfig.get_path("purelib"))
    project = plain_project(tmp_path / "pour", PREFIX)
    python = str(own / "bin" / "python")
    with gateway(project, *QUICK, "--python", python) as running, running.connect() as alice:
        alice.send("hello")
        assert receive(alice) == str(own)


# ------------------------------------------------------------------------------- AWS and tables

OUTSIDE = """
import socket
from urllib.parse import urlsplit

resolve = socket.getaddrinfo

def stay_here(host, *arguments, **options):
    if host not in ("127.0.0.1", "localhost", "::1"):
        print("looked up", host)
        raise socket.gaierror("this test is not to leave the machine")
    return resolve(host, *arguments, **options)

socket.getaddrinfo = stay_here

def put(table):
    boto3.client("dynamodb").put_item(TableName=table, Item={"id": {"S": "1"}})

ORDERS = {
    "queues": lambda: boto3.client("sqs").list_queues(),
    "europe": lambda: boto3.client(
        "dynamodb", endpoint_url="https://dynamodb.eu-west-1.amazonaws.com"
    ).list_tables(),
    "rooms": lambda: put(os.environ["ROOMS_TABLE"]),
    "books": lambda: put(os.environ["BOOKS_TABLE"]),
    "shelves": lambda: boto3.resource("dynamodb").Table("shelves").delete_item(
        Key={"row": 1, "place": "left"}
    ),
}

@app.on_ws_message()
def message(event):
    ORDERS[event.body]()
    app.websocket_api.send(event.connection_id, "done")
"""
ROOMS = {"Resources": {"Rooms": table_resource("the-rooms")}}
AWS_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


@contextmanager
def outside(folder: Path, *options: str, **variables: str) -> Iterator[Running]:
    """A gateway whose app calls AWS and resolves only this machine's name."""
    project = plain_project(
        folder / "pour", OUTSIDE, ROOMS_TABLE="the-rooms", BOOKS_TABLE="the-books"
    )
    (project / "resources.json").write_text(json.dumps(ROOMS))
    environment = {
        **dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull),
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
    }
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name in AWS_VARIABLES:
            patch.delenv(name, raising=False)
        options = ("--no-reload", *options)
        yield stack.enter_context(gateway(project, *options, environment=environment))


@pytest.fixture(name="alone", scope="module")
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with outside(tmp_path_factory.mktemp("alone")) as running:
        yield running


def order(running: Running, what: str) -> tuple[str, list[str]]:
    """Send one message; return the frame that answers it, and the lines printed meanwhile."""
    before = len(running.lines)
    with running.connect() as alice:
        alice.send(what)
        answer = receive(alice)
    wait_until(lambda: any(" ran " in line for line in running.lines[before:]), "it ran")
    return answer, running.lines[before:]


PROFILE = """\
[profile mine]
aws_access_key_id = KEYOFMINE
aws_secret_access_key = secret
region = us-east-1
services = here
[services here]
sqs =
  endpoint_url = {endpoint}
"""


@pytest.mark.row("L10")
def test_the_users_profile_is_passed_through(tmp_path: Path) -> None:
    signed: list[str] = []

    def list_queues(asked: Asked) -> Answer:
        signed.append(asked.headers["Authorization"])
        return Answer(200, {}, b"{}")

    mine = {"AWS_PROFILE": "mine", "AWS_CONFIG_FILE": str(tmp_path / "config")}
    with serving(list_queues) as endpoint:
        (tmp_path / "config").write_text(PROFILE.format(endpoint=endpoint))
        with outside(tmp_path, *NO_DATABASE, **mine) as running:
            assert order(running, "queues")[0] == "done"
    assert ["KEYOFMINE" in each for each in signed] == [True]


@pytest.mark.row("L10")
def test_without_a_profile_a_call_to_aws_is_blocked_in_one_line(alone: Running) -> None:
    _, lines = order(alone, "queues")
    assert not [line for line in lines if "looked up" in line]
    assert [line for line in lines if "sqs" in line.lower()]


@pytest.mark.row("L10")
def test_the_documentation_explains_the_use_of_a_profile() -> None:
    assert "AWS_PROFILE" in (ROOT / "docs" / "guides" / "run-locally.md").read_text()


@pytest.mark.row("L11")
def test_a_client_with_an_explicit_aws_endpoint_stays_on_the_machine(alone: Running) -> None:
    answer, lines = order(alone, "europe")
    assert not [line for line in lines if "looked up" in line]
    assert answer == "done" or [line for line in lines if "dynamodb.eu-west-1" in line]


@pytest.mark.row("L12")
def test_an_undeclared_table_is_named_with_its_variable(alone: Running) -> None:
    _, lines = order(alone, "books")
    assert [line for line in lines if "the-books" in line and "BOOKS_TABLE" in line]


@pytest.mark.row("L12")
def test_the_command_in_the_log_creates_a_table(alone: Running) -> None:
    """The app names this table itself, so there is no variable."""
    order(alone, "shelves")
    line = alone.wait_for_line("there is no table shelves: ")
    assert "table create --table shelves --key row:N --sort-key place:S " in line
    _, arguments = line.split("`")[1].split(" table ")
    assert run("table", *shlex.split(arguments)).status == 0
    assert order(alone, "shelves")[0] == "done"


@pytest.mark.row("L12")
def test_a_template_in_the_projects_root_is_found_or_named(alone: Running) -> None:
    """Chalice's own tutorial keeps it there."""
    answer, lines = order(alone, "rooms")
    assert answer == "done" or [
        line for line in lines if "the-rooms" in line and "ROOMS_TABLE" in line
    ]
