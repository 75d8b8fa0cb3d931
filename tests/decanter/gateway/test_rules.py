"""The rules without a socket: a fake clock, fake clients, given outcomes."""

import json
from itertools import count
from typing import Any

import pytest

from decanter.gateway.events import EventMaker, Handshake
from decanter.gateway.model import Accept, Api, Connection, Limits, Phase, Refuse, Route
from decanter.gateway.results import Failure, Returned
from decanter.gateway.rules import Gateway
from tests.support.sockets import FakeClock, FakeOutlet

OK = Returned({"statusCode": 200})
ROUTES = {
    "$connect": Route("websocket_connect"),
    "$default": Route("websocket_message"),
    "$disconnect": Route("websocket_disconnect"),
    "two": Route("websocket_message", two_way=True),
}


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="gateway")
def _gateway(clock: FakeClock) -> Gateway:
    numbers = count(1)
    events = EventMaker("api", "local:1", clock, lambda: f"{next(numbers):015}=")
    api = Api("api", ROUTES, "$request.body.action")
    return Gateway(api, events, Limits(60, 600, 10), clock, clock)


@pytest.mark.rule(94)
@pytest.mark.parametrize(("mapping", "name"), [("ws", "X-Mine"), ("v1/ws", "x-mine")])
def test_a_mapping_of_one_level_keeps_header_names(mapping: str, name: str) -> None:
    events = EventMaker("api", "local:1", mapping=mapping)
    gateway = Gateway(Api("api", ROUTES, "$request.body.action"), events)
    sent = (("X-Mine", "1"),)
    _, invocation = gateway.connect(Handshake(sent, path=mapping))
    _, at_stage = gateway.connect(Handshake(sent, path="api"))
    assert invocation is not None
    assert at_stage is not None
    assert name in invocation.event["headers"]
    assert "X-Mine" in at_stage.event["headers"]


def opened(gateway: Gateway) -> tuple[Connection, FakeOutlet]:
    connection, invocation = gateway.connect(Handshake())
    assert isinstance(gateway.connected(connection, invocation, OK), Accept)
    connection.outlet = outlet = FakeOutlet()
    return connection, outlet


def frames(outlet: FakeOutlet) -> list[Any]:
    return [json.loads(data) for data in outlet.sent]


def test_a_connection_is_unknown_until_its_handler_is_done(gateway: Gateway) -> None:
    connection, invocation = gateway.connect(Handshake())
    assert invocation is not None
    assert (connection.phase, gateway.find(connection.id)) == (Phase.CONNECTING, None)
    gateway.connected(connection, invocation, OK)
    assert gateway.find(connection.id) is connection


def test_a_refused_connection_is_forgotten(gateway: Gateway) -> None:
    connection, invocation = gateway.connect(Handshake())
    decision = gateway.connected(connection, invocation, Failure.TIMED_OUT)
    assert isinstance(decision, Refuse)
    assert decision.body["message"] == "Endpoint request timed out"
    assert (decision.status, gateway.connections) == (504, {})


@pytest.mark.rule(21)
def test_the_expression_does_not_affect_connect_and_disconnect(clock: FakeClock) -> None:
    """A static expression would send everything to one route."""
    gateway = Gateway(Api("api", ROUTES, "two"), EventMaker("api", "local:1", clock))
    connection, invocation = gateway.connect(Handshake())
    assert invocation is not None
    gateway.connected(connection, invocation, OK)
    message, end = gateway.message(connection, "{}"), gateway.closed(connection, 1000, "")
    assert message is not None
    assert end is not None
    keys = [each.route_key for each in (invocation, message, end)]
    assert keys == ["$connect", "two", "$disconnect"]


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (Failure.RAISED, "Internal server error"),
        (Failure.DIED, "Internal server error"),
        (Returned("no result"), "Internal server error"),
        (Failure.TIMED_OUT, "Endpoint request timed out"),
    ],
)
def test_a_failed_message_is_an_error_frame(gateway: Gateway, outcome: Any, message: str) -> None:
    connection, outlet = opened(gateway)
    invocation = gateway.message(connection, "{}")
    assert invocation is not None
    gateway.answered(connection, invocation, outcome)
    expected = {
        "message": message,
        "connectionId": connection.id,
        "requestId": invocation.request_id,
    }
    assert frames(outlet) == [expected]


def test_a_two_way_body_of_lone_surrogates_is_sent_with_replacements(gateway: Gateway) -> None:
    connection, outlet = opened(gateway)
    invocation = gateway.message(connection, '{"action": "two"}')
    assert invocation is not None
    gateway.answered(connection, invocation, Returned({"statusCode": 200, "body": "\ud800!"}))
    assert outlet.sent == [b"?!"]


def test_an_answer_after_the_end_is_dropped(gateway: Gateway) -> None:
    connection, outlet = opened(gateway)
    invocation = gateway.message(connection, "{}")
    assert invocation is not None
    gateway.closed(connection, 1000, "")
    gateway.answered(connection, invocation, Failure.RAISED)
    assert outlet.sent == []


def test_a_removed_route_still_completes_its_invocations(
    gateway: Gateway,
) -> None:
    connection, outlet = opened(gateway)
    invocation = gateway.message(connection, '{"action": "two"}')
    assert invocation is not None
    gateway.deploy(Api("api", {}, "$request.body.kind"))
    gateway.answered(connection, invocation, Returned({"statusCode": 200, "body": "late"}))
    assert outlet.sent == [b"late"]
    assert gateway.message(connection, '{"action": "two"}') is None
    assert frames(FakeOutlet(sent=outlet.sent[1:]))[0]["message"] == "Forbidden"


def test_a_bad_expression_does_not_change_the_api(gateway: Gateway) -> None:
    before = gateway.api
    with pytest.raises(ValueError, match="route selection expression"):
        gateway.deploy(Api("api", {}, "$body"))
    assert gateway.api is before


def test_a_close_from_our_side_is_the_reason_in_the_event(gateway: Gateway) -> None:
    connection, outlet = opened(gateway)
    gateway.close(connection, 1001, "Going away")
    gateway.close(connection, 1000, "again")
    assert (outlet.ended, gateway.find(connection.id)) == ([(1001, "Going away")], None)
    invocation = gateway.closed(connection, 1006, "")
    assert invocation is not None
    assert invocation.event["requestContext"]["disconnectStatusCode"] == 1001


def test_sweep_closes_idle_and_old_connections_and_returns_when_to_repeat(
    gateway: Gateway, clock: FakeClock
) -> None:
    _, outlet = opened(gateway)
    assert gateway.sweep() == 10
    clock.now += 55
    assert gateway.sweep() == pytest.approx(5)
    clock.now += 5
    gateway.sweep()
    assert outlet.ended == [(1001, "Going away")]
    busy, busy_outlet = opened(gateway)
    for _ in range(12):
        clock.now += 50
        gateway.message(busy, "{}")
        gateway.sweep()
    assert busy_outlet.ended == [(1001, "Going away")]


def test_a_client_that_does_not_read_is_dropped_unless_it_reads_again(
    gateway: Gateway, clock: FakeClock
) -> None:
    stuck, stuck_outlet = opened(gateway)
    slow, slow_outlet = opened(gateway)
    for connection, outlet in ((stuck, stuck_outlet), (slow, slow_outlet)):
        outlet.is_clogged = True
        assert not gateway.send(connection, b"x")
    slow_outlet.is_clogged = False
    clock.now += 10
    gateway.sweep()
    assert (stuck_outlet.ended, slow_outlet.ended) == (["aborted"], [])


def test_no_event_precedes_its_connection_if_the_clock_is_set_back(
    gateway: Gateway, clock: FakeClock
) -> None:
    connection, _ = opened(gateway)
    clock.now -= 3600
    invocation = gateway.message(connection, "{}")
    assert invocation is not None
    context = invocation.event["requestContext"]
    assert context["requestTimeEpoch"] == context["connectedAt"]
    assert gateway.describe(connection)["lastActiveAt"] == "2023-11-14T22:13:20.000Z"


def test_only_an_enforced_authorizer_refuses_clients() -> None:
    gateway = Gateway(Api("api", ROUTES, "$request.body.action"), EventMaker("api", "local:1"))
    guarded = Api("api", {"$connect": Route("websocket_connect", authorizer="Guard")}, "one")
    for enforced in (True, False):
        gateway.deploy(guarded, authorizers=enforced)
        assert (gateway.unauthorized() is not None) is enforced
    gateway.deploy(Api("api", ROUTES, "$request.body.action"), authorizers=True)
    assert gateway.unauthorized() is None
