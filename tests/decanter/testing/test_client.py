"""The test client with a plain Chalice app, an app with tables, and an app in a test."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import boto3
import pytest
from botocore.session import Session
from chalice.app import Chalice, Response, WebsocketEvent
from chalice.test import Client

from decanter.errors import ProjectError
from decanter.testing import (
    ConnectionClosed,
    ConnectRefused,
    NoFrame,
    UnreadFrames,
    WebSocketClient,
)
from tests.support.apps import load_app
from tests.support.gateways import PROJECTS, ROOT
from tests.support.projects import TABLE, write_project


@pytest.fixture(name="probe")
def _probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PROBE_EVENTS", str(tmp_path))
    return load_app(PROJECTS / "probe")


@pytest.fixture(name="client")
def _client(probe: Any) -> Iterator[WebSocketClient]:
    with WebSocketClient(probe) as client:
        yield client


def test_a_plain_app_answers_through_websocket_api(client: WebSocketClient) -> None:
    alice, bob = client.connect(), client.connect()
    alice.send("one")
    bob.send_json({"send": {"two": 2}})
    assert alice.receive() == "echo one"
    assert bob.receive_json() == {"two": 2}
    assert alice.unread == []


def test_a_second_test_with_the_same_app_works_like_the_first(client: WebSocketClient) -> None:
    """Chalice keeps its client, with its endpoint, as long as the app lives."""
    for _ in range(2):
        with WebSocketClient(client.app) as other:
            alice = other.connect()
            alice.send("again")
            assert alice.receive() == "echo again"


def test_a_client_with_a_real_endpoint_is_redirected(client: WebSocketClient) -> None:
    alice = client.connect()
    alice.send_json({"post": "through boto3"})
    assert alice.receive() == "through boto3"


def test_boto3_describes_and_closes_a_connection_from_the_test(client: WebSocketClient) -> None:
    alice = client.connect()
    management = boto3.client("apigatewaymanagementapi")
    described = management.get_connection(ConnectionId=alice.connection_id)
    assert described["Identity"]["SourceIp"] == "127.0.0.1"
    management.delete_connection(ConnectionId=alice.connection_id)
    assert alice.closed == (1000, "Connection Closed Normally")
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=alice.connection_id, Data=b"late")


def test_a_vanished_connection_is_gone_without_a_disconnect_event(
    client: WebSocketClient, tmp_path: Path
) -> None:
    alice, bob = client.connect(), client.connect()
    alice.vanish()
    bob.send("still here")
    assert bob.receive() == "echo still here"
    management = boto3.client("apigatewaymanagementapi")
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=alice.connection_id, Data=b"late")
    with pytest.raises(ConnectionClosed, match="is closed: 1006"):
        alice.send("late")
    client.run_pending()
    assert not (tmp_path / f"DISCONNECT-{alice.connection_id}.json").exists()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"return": '{"statusCode": 401}'}, 401),
        ({"return": '{"no": "status", "statusCode": 200}'}, 502),
        ("raise", 502),
        ("self", 502),
    ],
)
def test_a_refused_connection_raises_with_its_status(
    client: WebSocketClient, query: Any, status: int
) -> None:
    with pytest.raises(ConnectRefused) as caught:
        client.connect(query=query)
    assert caught.value.status == status
    assert f"answered with {status}" in str(caught.value)


def test_a_refusal_has_the_handlers_exception(client: WebSocketClient) -> None:
    with pytest.raises(
        ConnectRefused, match=r"502 .*; the handler raised RuntimeError: as requested"
    ):
        client.connect(query="raise")


def test_query_headers_and_subprotocols_arrive(client: WebSocketClient) -> None:
    accept = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "v1"}}
    alice = client.connect(
        query={"return": json.dumps(accept), "a": ["1", "2"]},
        headers={"User-Agent": "probe"},
        subprotocols=["v2", "v1"],
    )
    assert alice.subprotocol == "v1"
    alice.send_json({"show": "event"})
    assert alice.receive_json()["requestContext"]["identity"]["userAgent"] == "probe"


def test_error_frames_arrive_as_frames_and_the_connection_stays_open(
    client: WebSocketClient,
) -> None:
    alice = client.connect()
    alice.send_json({"fail": None})
    assert alice.receive_json()["message"] == "Internal server error"
    alice.send("still here")
    assert alice.receive() == "echo still here"


def test_a_missing_frame_is_an_immediate_error_with_the_handlers_exception(
    client: WebSocketClient,
) -> None:
    alice = client.connect(query={"nickname": "alice"})
    alice.send_json({"fail": None})
    alice.receive()
    with pytest.raises(NoFrame) as caught:
        alice.receive()
    assert str(caught.value) == (
        f"client 1 ({alice.connection_id}, ?nickname=alice) has no frame to receive; "
        "the last handler raised RuntimeError: as requested"
    )


@pytest.mark.parametrize(
    ("message", "code"), [(b"bytes", 1003), ("x" * 32769, 1009), ("é" * 16385, 1009)]
)
def test_an_invalid_message_closes_the_connection(
    client: WebSocketClient, message: str | bytes, code: int
) -> None:
    alice = client.connect()
    alice.send(message)
    with pytest.raises(ConnectionClosed, match=f"is closed: {code}"):
        alice.receive()
    with pytest.raises(ConnectionClosed):
        alice.send("more")


def test_a_frame_of_exactly_the_limit_arrives(client: WebSocketClient) -> None:
    alice = client.connect()
    alice.send("x" * 32768)
    assert len(alice.receive()) == 32768 + len("echo ")


def test_closing_runs_the_disconnect_handler_once(client: WebSocketClient, tmp_path: Path) -> None:
    alice = client.connect()
    alice.close(4001, "enough")
    alice.close(4002, "more than enough")
    event = json.loads((tmp_path / f"DISCONNECT-{alice.connection_id}.json").read_text())
    context = event["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == (4001, "enough")
    assert (tmp_path / f"gone-{alice.connection_id}").exists()


def test_a_handler_may_close_its_own_connection(client: WebSocketClient) -> None:
    alice = client.connect()
    alice.send_json({"close": None})
    assert alice.closed == (1000, "Connection Closed Normally")


def test_a_handler_has_its_stages_environment_and_a_context(client: WebSocketClient) -> None:
    alice = client.connect()
    alice.send_json({"show": "environment"})
    shown = alice.receive_json()
    assert (shown["PROBE_STAGE"], shown["PROBE_FUNCTION"]) == ("dev", "message")
    alice.send_json({"show": "context"})
    context = alice.receive_json()
    assert 0 < context["remaining"] <= 4000
    assert context["aws_request_id"]


def test_unread_frames_are_listed_when_the_test_ends(probe: Any) -> None:
    client = WebSocketClient(probe).__enter__()
    alice = client.connect()
    alice.send("one")
    with pytest.raises(UnreadFrames) as caught:
        client.__exit__(None, None, None)
    assert str(caught.value) == (
        f"frames that the test did not receive:\n  client 1 ({alice.connection_id}): echo one"
    )


def test_a_failing_test_keeps_its_error_with_a_note_of_the_unread_frames(probe: Any) -> None:
    client = WebSocketClient(probe).__enter__()
    client.connect().send("one")
    error = RuntimeError("mine")
    client.__exit__(RuntimeError, error, None)
    assert "echo one" in error.__notes__[0]


def test_everything_is_restored(probe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("PROBE_STAGE", "before")
    monkeypatch.delenv("AWS_REGION", raising=False)
    before = dict(os.environ)
    with WebSocketClient(probe):
        assert os.environ["PROBE_STAGE"] == "dev"
        assert "AWS_PROFILE" not in os.environ
        assert os.environ["AWS_ACCESS_KEY_ID"] == "local"
    assert dict(os.environ) == before


def test_without_a_test_client_calls_have_their_usual_target(probe: Any) -> None:
    with WebSocketClient(probe):
        pass
    client = Session().create_client(
        "apigatewaymanagementapi",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9/api",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    urls: list[str] = []

    def stop(request: Any, **_: Any) -> None:
        urls.append(request.url)
        raise RuntimeError("stop")

    client.meta.events.register("before-send", stop)
    with pytest.raises(RuntimeError, match="stop"):
        client.delete_connection(ConnectionId="x")
    assert urls == ["http://127.0.0.1:9/api/@connections/x"]


def test_the_template_of_a_project_gives_routes_and_expression() -> None:
    with WebSocketClient(load_app(PROJECTS / "routes")) as client:
        alice = client.connect()
        alice.send_json({"kind": "one"})
        assert alice.receive_json()["routeKey"] == "one"
        alice.send_json({"kind": "two-way", "status": 200, "body": "answer"})
        assert alice.receive() == "answer"


def test_without_a_message_handler_a_message_is_forbidden() -> None:
    with WebSocketClient(load_app(PROJECTS / "silent")) as client:
        alice = client.connect()
        alice.send("hello")
        assert alice.receive_json()["message"] == "Forbidden"


def test_a_missing_stage_is_named(probe: Any) -> None:
    with pytest.raises(ProjectError, match="has no stage 'prod'"):
        WebSocketClient(probe, stage_name="prod")


class Declared:
    """Without a configuration, the table's name begins with the app's."""

    @classmethod
    def __decanter__(cls) -> dict[str, Any]:
        return TABLE


def app_in_a_test() -> Chalice:
    app = Chalice(app_name="inline")
    app.experimental_feature_flags.update(["WEBSOCKETS"])

    @app.on_ws_message()
    def message(event: WebsocketEvent) -> Response:
        item = {"connectionID": {"S": event.connection_id}}
        boto3.client("dynamodb").put_item(TableName=os.environ["CONNECTIONS_TABLE"], Item=item)
        return Response(body="", status_code=200)

    return app


def test_an_app_in_a_test_starts_with_empty_tables_each_time() -> None:
    for _ in range(2):
        with WebSocketClient(app_in_a_test()) as client:
            dynamodb = boto3.client("dynamodb")
            assert os.environ["CONNECTIONS_TABLE"] == "inline-dev-ConnectionsTable"
            assert dynamodb.scan(TableName="inline-dev-ConnectionsTable")["Count"] == 0
            client.connect().send("write")
            assert dynamodb.scan(TableName="inline-dev-ConnectionsTable")["Count"] == 1


def test_the_folder_of_another_project_can_be_named(tmp_path: Path) -> None:
    with WebSocketClient(app_in_a_test(), project_dir=write_project(tmp_path / "p")) as client:
        assert os.environ["CONNECTIONS_TABLE"] == "pour-dev-connections"
        client.connect()


def test_the_error_of_a_closed_client_shows_how_to_open_it(probe: Any) -> None:
    client = WebSocketClient(probe)
    with pytest.raises(RuntimeError, match="use `with WebSocketClient"):
        client.connect()
    with client:
        client.connect()
    with pytest.raises(RuntimeError, match="is not open"):
        client.connect()


def test_an_http_route_of_the_same_app_posts_to_a_connection() -> None:
    """Chalice's test client calls the route, and the post arrives in this client."""
    app = app_in_a_test()

    @app.route("/notify/{connection_id}", methods=["POST"])
    def notify(connection_id: str) -> dict[str, Any]:
        management = boto3.client("apigatewaymanagementapi")
        management.post_to_connection(ConnectionId=unquote(connection_id), Data=b"notified")
        return {}

    with WebSocketClient(app) as client, Client(app) as http:
        alice = client.connect()
        assert http.http.post(f"/notify/{quote(alice.connection_id)}").status_code == 200
        assert alice.receive() == "notified"


@pytest.mark.parametrize("transport", ["botocore", "fast"])
def test_every_transport_of_the_framework_is_redirected(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECANTER_TRANSPORT", transport)
    with WebSocketClient(load_app(ROOT / "examples" / "broadcast")) as client:
        everyone = [client.connect() for _ in range(3)]
        everyone[2].close()
        everyone[0].send('{"message": "sendmessage", "data": "hi"}')
        assert [each.receive() for each in everyone[:2]] == ['"hi"', '"hi"']
