"""Rules 52 to 69: the handlers' events, key by key."""

import calendar
import re
import time
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    APIGatewayWebSocketConnectEventModel,
    APIGatewayWebSocketDisconnectEventModel,
    APIGatewayWebSocketMessageEventModel,
)
from websockets.sync.client import connect

from tests.contract.conftest import Events
from tests.support.clients import own_event
from tests.support.gateways import SECONDS, Running

CONTEXT_KEYS = {
    "apiId",
    "connectedAt",
    "connectionId",
    "domainName",
    "eventType",
    "extendedRequestId",
    "identity",
    "messageDirection",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "routeKey",
    "stage",
}
ID = re.compile(r"[A-Za-z0-9_-]{15}=")


class Three:
    """The three events of one connection's life."""

    def __init__(self, probe: Running, events: Events, query: str = "", **options: Any) -> None:
        with probe.connect(query, **options) as client:
            self.message = own_event(client)
            own = self.message["requestContext"]["connectionId"]
            self.second = own_event(client)
            client.close(4001, "enough")
        self.connect = events.of("CONNECT", own)
        self.disconnect = events.of("DISCONNECT", own)

    @property
    def all(self) -> list[dict[str, Any]]:
        return [self.connect, self.message, self.second, self.disconnect]

    @property
    def contexts(self) -> list[dict[str, Any]]:
        return [event["requestContext"] for event in self.all]


@pytest.fixture(scope="module", name="three")
def _three(probe: Running, events_folder: Any) -> Three:
    return Three(probe, Events(events_folder), "a=1&b=&a=2&c=%C3%A9%20x")


@pytest.mark.rule(52)
def test_the_keys_of_a_connect_event(three: Three, probe: Running, events: Events) -> None:
    without = {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded"}
    query = {"queryStringParameters", "multiValueQueryStringParameters"}
    assert set(three.connect) == without | query
    assert set(Three(probe, events).connect) == without


@pytest.mark.rule(53)
def test_the_keys_of_a_message_event(three: Three) -> None:
    assert set(three.message) == {"requestContext", "body", "isBase64Encoded"}


@pytest.mark.rule(54)
def test_the_keys_of_a_disconnect_event(three: Three) -> None:
    expected = {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded"}
    assert set(three.disconnect) == expected


@pytest.mark.rule(55)
def test_the_headers_of_a_disconnect_event(three: Three) -> None:
    host = three.disconnect["requestContext"]["domainName"]
    headers = {"Host": host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    assert three.disconnect["headers"] == headers
    several = {name: [value] for name, value in headers.items()}
    assert three.disconnect["multiValueHeaders"] == several


@pytest.mark.rule(56, 57, 58, 68)
def test_the_keys_of_the_request_context(three: Three) -> None:
    connect_keys, message_keys, _, disconnect_keys = map(set, three.contexts)
    assert connect_keys == CONTEXT_KEYS
    assert message_keys == CONTEXT_KEYS | {"messageId"}
    assert disconnect_keys == CONTEXT_KEYS | {"disconnectStatusCode", "disconnectReason"}
    context = three.contexts[3]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == (4001, "enough")


@pytest.mark.rule(59)
def test_the_fixed_values(three: Three) -> None:
    assert {context["messageDirection"] for context in three.contexts} == {"IN"}
    assert [(c["eventType"], c["routeKey"]) for c in three.contexts] == [
        ("CONNECT", "$connect"),
        ("MESSAGE", "$default"),
        ("MESSAGE", "$default"),
        ("DISCONNECT", "$disconnect"),
    ]
    assert [event["isBase64Encoded"] for event in three.all] == [False] * 4


@pytest.mark.rule(60, 61)
def test_ids_have_the_shape_of_awss_and_are_new_for_each_event(three: Three) -> None:
    request_ids = [context["requestId"] for context in three.contexts]
    assert [context["extendedRequestId"] for context in three.contexts] == request_ids
    message_ids = [three.contexts[1]["messageId"], three.contexts[2]["messageId"]]
    connection_ids = {context["connectionId"] for context in three.contexts}
    assert len({*request_ids, *message_ids}) == 6
    assert len(connection_ids) == 1
    assert all(ID.fullmatch(each) for each in [*request_ids, *message_ids, *connection_ids])


@pytest.mark.rule(62, 63)
def test_times_are_epoch_milliseconds_and_one_instant(three: Three) -> None:
    assert len({context["connectedAt"] for context in three.contexts}) == 1
    for context in three.contexts:
        epoch = context["requestTimeEpoch"]
        assert context["connectedAt"] <= epoch
        assert abs(epoch / 1000 - time.time()) < 600
        shown = time.strptime(context["requestTime"], "%d/%b/%Y:%H:%M:%S +0000")
        assert calendar.timegm(shown) == epoch // 1000


@pytest.mark.rule(64)
def test_the_identity_is_the_same_in_every_event(
    three: Three, probe: Running, events: Events
) -> None:
    agents = [context["identity"] for context in three.contexts]
    assert agents == [agents[0]] * 4
    assert set(agents[0]) == {"sourceIp", "userAgent"}
    nameless = Three(probe, events, user_agent_header=None)
    assert [c["identity"] for c in nameless.contexts] == [{"sourceIp": "127.0.0.1"}] * 4


@pytest.mark.rule(65, 66)
def test_the_headers_of_a_connect_event(probe: Running, events: Events) -> None:
    sent = [("X-LETTER-case", "1"), ("x-Twice", "first"), ("x-Twice", "second")]
    event = Three(probe, events, additional_headers=sent).connect
    headers, several = event["headers"], event["multiValueHeaders"]
    assert headers["X-LETTER-case"] == "1"
    assert (headers["x-Twice"], several["x-Twice"]) == ("second", ["first", "second"])
    assert not {"connection", "upgrade"} & {name.lower() for name in headers}
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["X-Amzn-Trace-Id"])
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Port"] == probe.url.rsplit(":")[-1].split("/")[0]
    assert headers["X-Forwarded-Proto"] == "http"
    assert {name: values[-1] for name, values in several.items()} == headers


@pytest.mark.rule(66)
def test_the_query_of_a_connect_event(three: Three) -> None:
    assert three.connect["queryStringParameters"] == {"a": "2", "b": "", "c": "é x"}
    several = {"a": ["1", "2"], "b": [""], "c": ["é x"]}
    assert three.connect["multiValueQueryStringParameters"] == several


@pytest.mark.rule(69)
def test_the_management_endpoint_follows_from_the_event(three: Three, probe: Running) -> None:
    context = three.contexts[0]
    url = f"http://{context['domainName']}/{context['stage']}"
    assert url == probe.management_url
    with connect(url.replace("http", "ws", 1), open_timeout=SECONDS):
        pass


@pytest.mark.rule(52, 53, 54, 56, 57, 58)
def test_awss_own_models_accept_every_event(three: Three) -> None:
    """aws-lambda-powertools' parser also checks types."""
    connect_event = APIGatewayWebSocketConnectEventModel.model_validate(three.connect)
    message_event = APIGatewayWebSocketMessageEventModel.model_validate(three.message)
    disconnect_event = APIGatewayWebSocketDisconnectEventModel.model_validate(three.disconnect)
    ids = [
        event.request_context.connection_id
        for event in (connect_event, message_event, disconnect_event)
    ]
    assert ids == [three.contexts[0]["connectionId"]] * 3
