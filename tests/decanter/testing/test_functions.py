"""Functions without sockets, in one project that has each kind of function."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice
from chalice.test import Client

from decanter.testing import ConnectRefused, WebSocketClient, connect_event
from tests.field_cases.apps import imported
from tests.support.projects import table_resource, write_project

APP = """
import functools
import os

from chalice import AuthResponse, Blueprint, Chalice

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])
SEEN = {}


def sees(name):
    SEEN[name] = (os.environ["TABLE"], os.environ["OWN"])


def counted(handler):
    @functools.wraps(handler)
    def wrapper(event, context):
        app.counted = context.function_name
        return handler(event, context)
    return wrapper


@app.on_ws_connect(name="ws")
def opened(event):
    sees("connect")


@counted
@app.on_ws_message(name="ws")
def incoming(event):
    sees("message")
    app.said = event.body


@app.route("/table/{id}", methods=["GET", "POST"])
def table(id):
    sees("http")
    return {"id": id, "sent": app.current_request.json_body}


@app.authorizer()
def authorize(request):
    return AuthResponse(["*"], request.token)


@app.route("/secret", authorizer=authorize)
def secret():
    return {"who": app.current_request.context["authorizer"]["principalId"]}


@app.schedule("rate(1 hour)", name="hourly")
def by_the_hour(event):
    sees("hourly")
    return [event.source, event.detail_type, event.to_dict()["time"]]


@app.on_cw_event({"source": ["aws.codecommit"]})
def on_commit(event):
    return event.source


@app.on_sqs_message(queue="jobs")
def work(event):
    return [record.body for record in event]


@app.on_sns_message(topic="news")
def read(event):
    return event.message


@app.on_s3_event(bucket="pictures")
def shrink(event):
    return [event.bucket, event.key]


@app.on_kinesis_record(stream="clicks")
def click(event):
    return [record.data.decode() for record in event]


@app.on_dynamodb_record("arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/1")
def changed(event):
    return [record.event_name for record in event]


@app.lambda_function(name="plain")
def pure(event, context):
    return event


@app.lambda_function()
def measure(event, context):
    return [context.memory_limit_in_mb, os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]]


@app.route("/memory")
def memory():
    return measure(None, app.lambda_context)


@app.lambda_function()
def not_json(event, context):
    return {1, 2}


jobs = Blueprint(__name__)


@jobs.schedule("rate(1 day)")
def daily(event):
    return "daily"


app.register_blueprint(jobs)


def register(other):
    @other.on_ws_disconnect()
    def inner(event):
        pass


register(app)
"""
CONFIG = {
    "version": "2.0",
    "app_name": "pour",
    "stages": {
        "dev": {
            "environment_variables": {"TABLE": "the-configurations", "OWN": "all"},
            "lambda_memory_size": 256,
            "lambda_functions": {
                "measure": {"lambda_memory_size": 1024},
                "hourly": {"environment_variables": {"OWN": "hourly"}},
                "api_handler": {"environment_variables": {"OWN": "http"}},
            },
        },
        "prod": {"environment_variables": {"TABLE": "production", "OWN": "prod"}},
    },
}


def function(name: str) -> dict[str, Any]:
    variables = {"TABLE": {"Ref": "Orders"}, "OWN": {"Fn::Sub": name + "-${Orders}"}}
    return {"Properties": {"Environment": {"Variables": variables}}}


TEMPLATE = {
    "Resources": {
        "Orders": table_resource("orders"),
        "APIHandler": {"Properties": {"Environment": {"Variables": {"TABLE": {"Ref": "Orders"}}}}},
        "WebsocketMessage": function("message"),
    }
}


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("projects") / "pour", APP, CONFIG, TEMPLATE)


@pytest.fixture(name="app", scope="module")
def _app(project: Path) -> Iterator[Any]:
    with imported(project) as app:
        yield app


@pytest.fixture(name="client")
def _client(app: Any, project: Path) -> Iterator[WebSocketClient]:
    with WebSocketClient(app, project_dir=project) as client:
        yield client


@pytest.fixture(name="seen")
def _seen(app: Any) -> Any:
    found = app.handler_map["hourly"].func.__globals__["SEEN"]
    found.clear()
    return found


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("work", ["hello world !"]),
        ("read", "hello world !"),
        ("shrink", ["pictures", "example.txt"]),
        ("click", ["hello world !"]),
        ("changed", ["INSERT"]),
        ("on_commit", "aws.codecommit"),
        ("plain", {}),
        ("daily", "daily"),
    ],
)
def test_each_kind_of_function_runs_with_an_example(
    client: WebSocketClient, name: str, result: Any
) -> None:
    assert client.invoke(name) == result


def test_an_event_can_be_given_or_built(client: WebSocketClient) -> None:
    events = client.events
    assert client.invoke("plain", {"a": [1]}) == {"a": [1]}
    assert client.invoke("plain", []) == []
    assert client.invoke("work", events.generate_sqs_event(["a", "b"], "jobs")) == ["a", "b"]
    assert client.invoke("work", events.example("work", "mine")) == ["mine"]
    assert client.invoke("shrink", events.generate_s3_event("b", "k")) == ["b", "k"]


def test_a_schedule_has_the_time_of_the_clock(client: WebSocketClient) -> None:
    before = client.invoke("hourly")
    client.clock.advance(3600)
    assert before[:2] == ["aws.events", "Scheduled Event"]
    assert client.invoke("hourly")[2] > before[2]


def test_each_function_has_its_own_environment(client: WebSocketClient, seen: Any) -> None:
    client.connect().send("{}")
    client.http.get("/table/1")
    client.invoke("hourly")
    assert seen == {
        "connect": ("the-configurations", "all"),
        "message": ("orders", "message-orders"),
        "http": ("orders", "http"),
        "hourly": ("the-configurations", "hourly"),
    }


def test_each_function_has_its_configured_memory(
    client: WebSocketClient, app: Any, project: Path
) -> None:
    assert client.invoke("measure") == ["1024", "1024"]
    assert client.http.get("/memory").json_body == ["256", "256"]
    with Client(app, "dev", str(project)) as other:
        assert other.lambda_.invoke("measure").payload == [1024, "1024"]


def test_a_stage_without_a_memory_has_chalices_default(app: Any, project: Path) -> None:
    with WebSocketClient(app, "prod", project) as production:
        assert production.invoke("measure") == ["128", "128"]
        assert production.http.get("/memory").json_body == ["128", "128"]


def test_http_routes_are_called_as_with_chalices_client(client: WebSocketClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.http.post("/table/7", headers=headers, body=b'{"a": 1}')
    assert answer.json_body == {"id": "7", "sent": {"a": 1}}
    assert client.http.get("/secret", headers={"Authorization": "me"}).json_body == {"who": "me"}
    assert client.http.get("/secret").status_code == 401
    assert client.http.get("/nothing").status_code == 403
    assert client.http is client.http


def test_handlers_are_those_that_lambda_finds(client: WebSocketClient, app: Any) -> None:
    """Two have one name in Chalice, one has another decorator, one is made in a function."""
    vars(app).pop("said", None)
    alice = client.connect()
    assert not hasattr(app, "said")
    alice.send("hello")
    assert (app.said, app.counted) == ("hello", "pour-dev-websocket_message")
    alice.close()
    assert "Handler 'inner' missing on module 'app'" in client.raised


def test_websocket_handlers_run_by_name(client: WebSocketClient, seen: Any) -> None:
    assert client.invoke("websocket_connect", connect_event(query="a=1")) == {"statusCode": 200}
    assert client.invoke("websocket_message") == {"statusCode": 200}
    assert seen.keys() == {"connect", "message"}


def test_a_function_that_cannot_run_is_an_error(client: WebSocketClient) -> None:
    with pytest.raises(LookupError, match=r"no function 'nightly'; its functions: websocket_"):
        client.invoke("nightly")
    with pytest.raises(TypeError, match="not JSON serializable"):
        client.invoke("not_json")
    with pytest.raises(TypeError, match="not JSON serializable"):
        client.invoke("plain", {1})


def test_a_closed_client_runs_nothing(app: Any, project: Path) -> None:
    client = WebSocketClient(app, project_dir=project)
    for use in (
        lambda: client.invoke("work"),
        lambda: client.http,
        lambda: client.clock.advance(1),
    ):
        with pytest.raises(RuntimeError, match="is not open"):
            use()


# ----------------------------------------------------------------- with chalice.test.Client


def test_chalices_client_has_the_templates_environment(
    client: WebSocketClient, app: Any, project: Path, seen: Any
) -> None:
    with Client(app, "dev", str(project)) as other:
        other.http.get("/table/1")
        other.lambda_.invoke("hourly", client.events.example("hourly"))
        other.lambda_.invoke("ws", connect_event())
    assert seen["http"] == ("orders", "http")
    assert seen["hourly"] == ("the-configurations", "hourly")


@pytest.mark.parametrize("when", ["after", "another stage", "another project"])
def test_only_the_same_project_and_stage_are_completed(
    app: Any, project: Path, seen: Any, tmp_path: Path, when: str
) -> None:
    stage = "prod" if when == "another stage" else "dev"
    where = write_project(tmp_path / "p", APP, CONFIG) if when == "another project" else project
    other = Client(app, stage, str(where))
    with WebSocketClient(app, project_dir=project):
        if when != "after":
            other.http.get("/table/1")
    if when == "after":
        other.http.get("/table/1")
    table = "production" if stage == "prod" else "the-configurations"
    assert seen["http"][0] == table


def test_an_app_without_a_project() -> None:
    """Chalice's own handlers run, because no module has the app."""
    app = Chalice(app_name="inline")

    @app.route("/")
    def index() -> dict[str, str]:
        return {"hello": "world"}

    @app.schedule("rate(1 hour)")
    def hourly(event: Any) -> str:
        return str(event.source)

    @app.on_ws_connect()
    def connect(event: Any) -> dict[str, int]:
        return {"statusCode": 403}

    with WebSocketClient(app) as client:
        assert client.http.get("/").json_body == {"hello": "world"}
        assert client.invoke("hourly") == "aws.events"
        assert client.invoke("connect") == {"statusCode": 403}
        with pytest.raises(ConnectRefused):
            client.connect()


def test_a_client_without_http_routes() -> None:
    app = Chalice(app_name="inline")
    with WebSocketClient(app) as client:
        assert client.http.get("/").status_code == 403
