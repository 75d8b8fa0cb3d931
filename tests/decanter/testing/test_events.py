"""The builders' events are equal to the gateway's, except values that a test sets."""

import pytest
from chalice.app import Chalice, WebsocketEvent
from chalice.test import Client

from decanter.testing import connect_event, disconnect_event, message_event


def test_a_connect_event_has_the_clients_headers_and_query() -> None:
    event = connect_event(
        query={"a": ["1", "2"]}, headers={"X-Mine": "yes"}, subprotocols=["v1"], connectionId="Me"
    )
    assert event["queryStringParameters"] == {"a": "2"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert event["headers"]["X-Mine"] == "yes"
    assert event["headers"]["Sec-WebSocket-Protocol"] == "v1"
    assert "Upgrade" not in event["headers"]
    context = event["requestContext"]
    assert (context["eventType"], context["connectionId"]) == ("CONNECT", "Me")
    assert "queryStringParameters" not in connect_event()


def test_a_message_event_has_the_body_and_a_route() -> None:
    event = message_event("text", route_key="echo")
    assert (event["body"], event["requestContext"]["routeKey"]) == ("text", "echo")
    assert event["requestContext"]["messageId"]
    assert "headers" not in event


def test_a_disconnect_event_has_the_close() -> None:
    context = disconnect_event(code=4000, reason="bye")["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == (4000, "bye")


def test_chalices_own_client_accepts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # Chalice needs one at each event
    app = Chalice(app_name="own")
    app.experimental_feature_flags.update(["WEBSOCKETS"])
    bodies = []

    @app.on_ws_message()
    def message(event: WebsocketEvent) -> None:
        bodies.append(event.json_body)

    with Client(app) as client:
        client.lambda_.invoke("message", message_event('{"a": 1}'))
    assert bodies == [{"a": 1}]
