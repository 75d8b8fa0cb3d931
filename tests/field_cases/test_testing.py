"""Section T: an application's tests reach only the application."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.session import Session
from chalice.test import Client

from decanter.testing import WebSocketClient, message_event
from tests.field_cases.apps import imported, plain_project
from tests.support.projects import table_resource
from tests.support.pytests import run_pytest

MESSAGE = """
@app.on_ws_message()
def message(event):
    pass
"""


# ----------------------------------------------------------------------- nothing leaves the machine


@pytest.fixture(name="lookups")
def _lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts other than this machine that were looked up, without success, with a developer's
    keys.
    """
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIADEVELOPERSOWNKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "developers-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the keys that it has seen
    found: list[str] = []
    resolve = socket.getaddrinfo

    def stay_here(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in ("127.0.0.1", "localhost", "::1"):
            found.append(str(host))
            raise socket.gaierror("this test is not to leave the machine")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", stay_here)
    return found


UNDECLARED = """
made_at_import = boto3.client("dynamodb")

@app.on_ws_connect()
def connect(event):
    client = {client}
    try:
        client.put_item(TableName="orders", Item={{"id": {{"S": "1"}}}})
    except Exception as error:
        app.said = str(error)

@app.on_ws_message()
def message(event):
    pass
"""


@pytest.mark.row("T1")
@pytest.mark.parametrize("client", ["made_at_import", 'boto3.client("dynamodb")'])
def test_an_undeclared_table_is_not_looked_for_on_aws(
    tmp_path: Path, lookups: list[str], client: str
) -> None:
    project = plain_project(tmp_path / "pour", UNDECLARED.format(client=client))
    with imported(project) as app, WebSocketClient(app, project_dir=project) as test_client:
        test_client.connect()
        assert lookups == []
        assert "PutItem" in app.said


CALLS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], str]] = {
    "s3": (lambda: boto3.client("s3"), lambda s3: s3.list_buckets(), "ListBuckets"),
    "sqs": (lambda: boto3.client("sqs"), lambda sqs: sqs.list_queues(), "ListQueues"),
    "sts": (
        lambda: boto3.client("sts"),
        lambda sts: sts.get_caller_identity(),
        "GetCallerIdentity",
    ),
    "ssm": (lambda: boto3.client("ssm"), lambda ssm: ssm.get_parameters(Names=["a"]), "GetParam"),
    "raw botocore": (
        lambda: Session().create_client("lambda"),
        lambda client: client.invoke(FunctionName="f"),
        "Invoke",
    ),
    "explicit endpoint": (
        lambda: boto3.client("s3", endpoint_url="https://s3.eu-west-1.amazonaws.com"),
        lambda s3: s3.list_buckets(),
        "ListBuckets",
    ),
    "another host": (
        lambda: boto3.client("sns", endpoint_url="http://sns.example:4566"),
        lambda sns: sns.publish(TopicArn="arn:aws:sns:eu-west-1:1:t", Message="m"),
        "Publish",
    ),
}


@pytest.mark.row("T1")
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("made", ["before", "while open"])
def test_no_call_leaves_the_machine(
    tmp_path: Path, lookups: list[str], name: str, made: str
) -> None:
    make, use, operation = CALLS[name]
    project = plain_project(tmp_path / "pour", MESSAGE)
    early = make() if made == "before" else None
    with imported(project) as app, WebSocketClient(app, project_dir=project):
        client = early or make()
        with pytest.raises(Exception, match=r".") as caught:  # of any kind
            use(client)
    assert lookups == []
    assert operation in str(caught.value)
    assert client.meta.service_model.service_name in str(caught.value).lower()


@pytest.mark.row("T1")
def test_an_explicit_aws_endpoint_stays_on_the_machine(tmp_path: Path, lookups: list[str]) -> None:
    """The embedded DynamoDB may answer instead of AWS's."""
    endpoint = "https://dynamodb.eu-west-1.amazonaws.com"
    project = plain_project(tmp_path / "pour", MESSAGE)
    with imported(project) as app, WebSocketClient(app, project_dir=project):
        with suppress(Exception):
            boto3.client("dynamodb", endpoint_url=endpoint).list_tables()
        assert lookups == []


# ---------------------------------------------------------------------- what an app finds at import

AT_IMPORT = """
TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])

@app.on_ws_message()
def message(event):
    TABLE.put_item(Item={"id": event.body})
    app.websocket_api.send(event.connection_id, TABLE.table_name)
"""
ORDERS = {
    "Resources": {
        "Orders": table_resource("orders"),
        "WebsocketMessage": {
            "Properties": {"Environment": {"Variables": {"TABLE": {"Ref": "Orders"}}}}
        },
    }
}
ITS_TEST = """
def test_it(websocket_client):
    alice = websocket_client.connect()
    alice.send("1")
    assert alice.receive() == "orders"
"""


@pytest.mark.row("T2")
def test_the_stages_environment_is_there_before_the_app_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # loading them takes a second
    project = plain_project(tmp_path / "pour", AT_IMPORT, ORDERS)
    (project / "test_t.py").write_text(ITS_TEST)
    done = run_pytest(project, "--rootdir", ".", "-p", "no:cacheprovider")
    assert "1 passed" in done.stdout, done.stdout


# ---------------------------------------------------------------- together with Chalice's client

ROUTED = """
@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, os.environ["TABLE"])

@app.route("/table")
def table():
    return {"table": os.environ["TABLE"]}
"""
BOTH_FUNCTIONS = {
    "Resources": {
        **ORDERS["Resources"],
        "APIHandler": {"Properties": {"Environment": {"Variables": {"TABLE": {"Ref": "Orders"}}}}},
    }
}


@pytest.mark.row("T3")
@pytest.mark.parametrize("first", ["ours", "Chalice's"])
def test_chalices_client_and_decanters_can_be_open_together(tmp_path: Path, first: str) -> None:
    """The template's table name is the one that functions get on AWS."""
    project = plain_project(tmp_path / "pour", ROUTED, BOTH_FUNCTIONS, TABLE="the-configurations")
    with imported(project) as app, ExitStack() as stack:
        ours = WebSocketClient(app, project_dir=project)
        chalices = Client(app, stage_name="dev", project_dir=str(project))
        for each in (ours, chalices) if first == "ours" else (chalices, ours):
            stack.enter_context(each)
        alice = ours.connect()
        alice.send("which table?")
        assert alice.receive() == "orders"
        assert chalices.http.get("/table").json_body == {"table": "orders"}
        chalices.lambda_.invoke("message", message_event("", connectionId=alice.connection_id))
        assert alice.receive() == "orders"


# ------------------------------------------------------------------ functions without sockets

BESIDE = """
@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, "hello")

@app.on_ws_disconnect()
def disconnect(event):
    app.left = event.connection_id

@app.route("/greeting")
def greeting():
    return {"hello": os.environ["WHOM"]}

@app.schedule("rate(1 hour)")
def nightly(event):
    return {"source": event.source, "whom": os.environ["WHOM"]}

@app.on_sqs_message(queue="jobs")
def work(event):
    return {"bodies": [record.body for record in event]}
"""
RECORD = {"messageId": "1", "receiptHandle": "r", "body": "paint it", "eventSource": "aws:sqs"}


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[WebSocketClient]:
    project = plain_project(tmp_path / "pour", BESIDE, WHOM="world")
    with imported(project) as app, WebSocketClient(app, project_dir=project) as client:
        app.left = None
        yield client


@pytest.mark.row("T4")
def test_an_http_route_is_called(client: WebSocketClient) -> None:
    answer = client.http.get("/greeting")
    assert (answer.status_code, answer.json_body) == (200, {"hello": "world"})


@pytest.mark.row("T4")
def test_a_schedule_is_run(client: WebSocketClient) -> None:
    assert client.invoke("nightly") == {"source": "aws.events", "whom": "world"}


@pytest.mark.row("T4")
def test_a_queues_function_is_run(client: WebSocketClient) -> None:
    assert client.invoke("work", {"Records": [RECORD]}) == {"bodies": ["paint it"]}


@pytest.mark.row("T4")
def test_a_client_vanishes_without_a_disconnect(client: WebSocketClient) -> None:
    """API Gateway calls the disconnect handler best effort."""
    alice = client.connect()
    alice.vanish()
    client.connect()
    assert client.app.left is None


@pytest.mark.row("T4")
def test_time_passes(client: WebSocketClient) -> None:
    """API Gateway closes a connection after two hours, an idle one after ten minutes."""
    alice = client.connect()
    client.clock.advance(2 * 60 * 60 + 1)
    assert alice.closed is not None
