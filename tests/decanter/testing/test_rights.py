"""The role of the function that runs, in a test."""

import json
import logging
import threading
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from chalice.app import Chalice

from decanter.testing import WebSocketClient
from tests.support.projects import table_resource, write_project

GET = "dynamodb:GetItem"
MANAGE = "execute-api:ManageConnections"
SCORES = "arn:aws:dynamodb:*:*:table/scores"
KEY = {"id": {"S": "a"}}
CONFIG = {
    "version": "2.0",
    "app_name": "pour",
    "stages": {"dev": {"autogen_policy": False, "iam_policy_file": "policy-all.json"}},
}
TEMPLATE = {"Resources": {"Scores": table_resource("scores")}}
"""An app without Decanter whose functions share one policy file."""


def dynamodb() -> Any:
    return boto3.client("dynamodb", region_name="us-east-1")


class Desk:
    """An app whose functions do what the test tells them, and its project."""

    def __init__(self, folder: Path) -> None:
        self.project = write_project(folder, "", CONFIG, TEMPLATE)
        self.work: Any = None
        self.app = app = Chalice(app_name="pour")
        app.experimental_feature_flags.update(["WEBSOCKETS"])
        self.grant()

        @app.on_ws_message()
        def message(event: Any) -> None:
            self.work(event)

        @app.lambda_function()
        def job(event: Any, context: Any) -> Any:
            return self.work(event)

        @app.route("/scores")
        def scores() -> Any:
            return self.work(app.current_request)

    def grant(self, *statements: tuple[str, str]) -> None:
        document = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": action, "Resource": resource}
                for action, resource in statements
            ],
        }
        path = self.project / ".chalice" / "policy-all.json"
        path.write_text(json.dumps(document))

    def open(self, **options: Any) -> WebSocketClient:
        return WebSocketClient(self.app, project_dir=self.project, **options)


@pytest.fixture(name="desk")
def _desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "p")


def read(_: Any) -> Any:
    return dynamodb().get_item(TableName="scores", Key=KEY).get("Item", {})


def test_a_missing_right_raises_botocores_error(desk: Desk) -> None:
    desk.work = read
    with desk.open() as client, pytest.raises(ClientError) as raised:
        client.invoke("job")
    session = "arn:aws:sts::123456789012:assumed-role/pour-dev-job/pour-dev-job"
    assert raised.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": f"User: {session} is not authorized to perform: {GET} on resource: "
        "arn:aws:dynamodb:us-east-1:123456789012:table/scores because no identity-based policy "
        f"allows the {GET} action",
    }


def test_its_right_allows_the_call(desk: Desk) -> None:
    desk.grant((GET, SCORES))
    desk.work = read
    with desk.open() as client:
        assert client.invoke("job") == {}


def test_a_denial_is_among_the_errors(desk: Desk) -> None:
    desk.work = read
    with desk.open() as client:
        alice = client.connect()
        alice.send("x")
        assert "Internal server error" in alice.receive()
        (error,) = client.errors
    assert "AccessDeniedException" in str(error)


def test_the_log_has_the_statement_that_grants_it_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.work = read
    with desk.open() as client:
        for _ in range(2):
            with pytest.raises(ClientError):
                client.invoke("job")
    (line,) = [it.getMessage() for it in caplog.records if it.name == "decanter.testing.running"]
    head, statement = line.split("\n")
    assert head.endswith("to allow it, add this statement to .chalice/policy-all.json:")
    pasted = json.loads(statement)
    desk.grant((pasted["Action"][0], pasted["Resource"][0]))
    with desk.open() as client:
        assert client.invoke("job") == {}


def test_threads_have_the_role_of_the_function(desk: Desk) -> None:
    outcomes = []

    def in_a_thread(event: Any) -> None:
        def call() -> None:
            try:
                read(event)
            except ClientError as error:
                outcomes.append(error.response["Error"]["Code"])

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    desk.work = in_a_thread
    with desk.open() as client:
        client.invoke("job")
    assert outcomes == ["AccessDeniedException"]


def test_a_test_needs_no_right(desk: Desk) -> None:
    desk.work = lambda _: None
    with desk.open() as client:
        alice = client.connect()
        dynamodb().put_item(TableName="scores", Item=KEY)
        client.invoke("job")
        assert read(None) == KEY
        api = boto3.client("apigatewaymanagementapi", endpoint_url="https://x/api")
        api.post_to_connection(ConnectionId=alice.connection_id, Data=b"hi")
        assert alice.receive() == "hi"


def test_http_routes_have_the_role_of_their_function(desk: Desk) -> None:
    desk.work = read
    with desk.open() as client:
        assert client.http.get("/scores").status_code == 500
        assert "AccessDeniedException" in str(client.errors[0])
    desk.grant((GET, SCORES))
    with desk.open() as client:
        assert client.http.get("/scores").json_body == {}


def post(event: Any) -> None:
    api = boto3.client("apigatewaymanagementapi", endpoint_url="https://x/api")
    api.post_to_connection(ConnectionId=event.connection_id, Data=b"hi")


def test_connections_need_a_right(desk: Desk) -> None:
    desk.work = post
    with desk.open() as client:
        alice = client.connect()
        alice.send("x")
        assert "Internal server error" in alice.receive()
        (error,) = client.errors
    assert isinstance(error, ClientError)
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    session = "arn:aws:sts::123456789012:assumed-role/pour-dev-websocket_message"
    assert error.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": f"User: {session}/pour-dev-websocket_message is not authorized to perform: "
        f"{MANAGE} on resource: arn:aws:execute-api:us-east-1:********9012:localapi00/api/POST/"
        "@connections/{connectionId}",
    }
    desk.grant((MANAGE, "arn:aws:execute-api:*:*:*/api/POST/@connections/*"))
    with desk.open() as client:
        alice = client.connect()
        alice.send("x")
        assert alice.receive() == "hi"


@pytest.mark.parametrize(("mode", "notes"), [("warn", 1), ("off", 0)])
def test_other_modes_allow(
    mode: str, notes: int, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.work = read
    with desk.open(iam=mode) as client:
        assert client.invoke("job") == {}
    assert len(caplog.records) == notes


def test_an_unknown_mode_is_refused(desk: Desk) -> None:
    with pytest.raises(ValueError, match="iam is one of enforce, warn, off, not 'on'"):
        desk.open(iam="on")


def test_a_policy_that_chalice_generates_allows_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path / "p")
    config = {"version": "2.0", "app_name": "pour", "stages": {"dev": {}}}
    (desk.project / ".chalice" / "config.json").write_text(json.dumps(config))
    desk.work = lambda event: [read(event), dynamodb().scan(TableName="scores")["Items"]]
    with desk.open() as client:
        assert client.invoke("job") == [{}, []]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("the rights of job are not checked: Chalice derives")
