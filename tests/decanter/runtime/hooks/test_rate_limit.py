"""The rate limit, with a DynamoDB."""

import json
from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute

from chalicelib.connections import Connection as PlainConnection
from decanter import IdentifiedModel, RateLimit, RateLimitedModel, Request, Router, connection_table
from decanter.runtime.hooks.rate_limit import CLOSE_VARIABLE, PACE_VARIABLE
from tests.support.events import connect_event, message_event
from tests.support.fakes import FakeClock, FakeTransport
from tests.support.fixtures import LogLines

NAME = "Sender0000DoECA="


@connection_table(env="CONNECTIONS_TABLE")
class Connection(RateLimitedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


@connection_table(env="CONNECTIONS_TABLE")
class Both(IdentifiedModel, RateLimitedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


def service(environ: dict[str, str], clock: FakeClock) -> tuple[Router, FakeTransport]:
    transport = FakeTransport(clock)
    router = Router(
        "$request.body.message",
        connections=Connection,
        open_transport=lambda endpoint, settings: transport,
        clock=clock,
    )
    router.on_message(RateLimit(Connection, environ, clock))

    @router.route("say")
    def say(request: Request) -> None:
        request.reply("heard")

    return router, transport


def say(router: Router, body: str = '{"message": "say"}') -> Any:
    return router.handle(message_event(body))["statusCode"]


@pytest.mark.usefixtures("table")
def test_the_limit_applies_to_bursts_and_to_the_rate() -> None:
    clock = FakeClock()
    router, transport = service({PACE_VARIABLE: "5"}, clock)
    Connection.record(connect_event())
    assert [say(router) for _ in range(7)] == [200] * 5 + [429] * 2
    assert json.loads(transport.posted_to(NAME)[-1])["error"]["code"] == "rate_limited"
    clock.elapsed += 0.2
    assert [say(router) for _ in range(2)] == [200, 429]
    clock.elapsed += 10
    assert [say(router) for _ in range(6)] == [200] * 5 + [429]
    assert transport.closed == []


@pytest.mark.usefixtures("table")
def test_nothing_is_refused_at_the_allowed_rate() -> None:
    clock = FakeClock()
    router, _ = service({PACE_VARIABLE: "5"}, clock)
    Connection.record(connect_event())
    for _ in range(20):
        assert say(router) == 200
        clock.elapsed += 0.2


@pytest.mark.usefixtures("table")
def test_a_clock_that_was_ahead_silences_no_connection() -> None:
    clock = FakeClock()
    router, _ = service({PACE_VARIABLE: "5", CLOSE_VARIABLE: "6"}, clock)
    Connection.record(connect_event())
    clock.elapsed += 3600
    assert say(router) == 200
    clock.elapsed -= 3600
    assert [say(router) for _ in range(7)] == [200] * 5 + [429] * 2


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("value", [{"S": "soon"}, {"NULL": True}, {"L": []}, {"N": "1E+40"}])
def test_a_damaged_time_counts_as_none(value: dict[str, Any]) -> None:
    router, _ = service({PACE_VARIABLE: "5"}, FakeClock())
    Connection.record(connect_event())
    Connection._get_connection().connection.client.update_item(
        TableName=Connection.Meta.table_name,
        Key={"connectionID": {"S": NAME}},
        UpdateExpression="SET free_at = :value",
        ExpressionAttributeValues={":value": value},
    )
    assert [say(router) for _ in range(7)] == [200] * 5 + [429] * 2


@pytest.mark.usefixtures("table")
def test_mistakes_that_select_no_route_count_too() -> None:
    router, _ = service({PACE_VARIABLE: "3"}, FakeClock())
    Connection.record(connect_event())
    mistakes = ["{", "[]", '{"message": "nobody"}', "{", "[]", '{"message": "nobody"}']
    assert [say(router, body) for body in mistakes] == [400, 400, 404, 429, 429, 429]


@pytest.mark.usefixtures("table")
def test_a_connection_that_keeps_sending_is_closed() -> None:
    router, transport = service({PACE_VARIABLE: "5", CLOSE_VARIABLE: "10"}, FakeClock())
    Connection.record(connect_event())
    assert [say(router) for _ in range(10)] == [200] * 5 + [429] * 5
    assert transport.closed == []
    frames = len(transport.posts)
    assert say(router) == 429
    assert (transport.closed, len(transport.posts)) == ([NAME], frames)


@pytest.mark.usefixtures("table")
def test_a_waiting_connection_recovers_at_the_allowed_rate() -> None:
    clock = FakeClock()
    router, transport = service({PACE_VARIABLE: "5", CLOSE_VARIABLE: "10"}, clock)
    Connection.record(connect_event())
    assert [say(router) for _ in range(10)] == [200] * 5 + [429] * 5
    clock.elapsed += 1
    assert say(router) == 429  # six ahead: it kept sending while refused
    clock.elapsed += 0.4
    assert say(router) == 200
    clock.elapsed += 10
    assert [say(router) for _ in range(6)] == [200] * 5 + [429]
    assert transport.closed == []


@pytest.mark.usefixtures("table")
def test_a_constant_rate_above_the_limit_closes_the_connection() -> None:
    clock = FakeClock()
    router, transport = service({PACE_VARIABLE: "5", CLOSE_VARIABLE: "10"}, clock)
    Connection.record(connect_event())
    sent = 0
    while not transport.closed:
        say(router)
        sent += 1
        clock.elapsed += 0.1  # ten a second: five above the limit
    assert 18 <= sent <= 22


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(("closing", "closed"), [({}, []), ({CLOSE_VARIABLE: "10"}, [NAME])])
def test_a_connection_without_a_row_is_refused_and_gets_no_row(
    closing: dict[str, str], closed: list[str]
) -> None:
    router, transport = service({PACE_VARIABLE: "5"} | closing, FakeClock())
    assert say(router) == 429
    assert list(Connection.scan()) == []
    assert transport.closed == closed


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("environ", [{}, {PACE_VARIABLE: ""}])
def test_without_the_variable_there_is_no_limit_and_no_write(environ: dict[str, str]) -> None:
    router, _ = service(environ, FakeClock())
    Connection.record(connect_event())
    assert {say(router) for _ in range(20)} == {200}
    assert Connection.get(NAME).free_at is None


@pytest.mark.parametrize(
    ("environ", "remedy"),
    [
        *(({PACE_VARIABLE: value}, "from 1 to 1000") for value in ("0", "1001", "1.5", "many")),
        *(
            ({PACE_VARIABLE: "5", CLOSE_VARIABLE: value}, "from 6 to 100000")
            for value in ("5", "100001", "many")
        ),
        ({CLOSE_VARIABLE: "10"}, "set both or neither"),
    ],
)
def test_an_invalid_number_is_an_internal_error(
    environ: dict[str, str], remedy: str, log_lines: LogLines, aws_environment: None
) -> None:
    router, _ = service(environ, FakeClock())
    assert say(router) == 500
    assert remedy in log_lines()[0]["error"]


@pytest.mark.parametrize(("value", "closes"), [("", False), ("10", True)])
def test_it_needs_the_right_to_close_only_if_it_may_close(value: str, *, closes: bool) -> None:
    router, _ = service({PACE_VARIABLE: "5", CLOSE_VARIABLE: value}, FakeClock())
    posts = router.__decanter__()["posts"]["websocket_message"]
    assert ("DELETE" in posts) is closes


def test_the_message_function_needs_one_more_right() -> None:
    plain, paced, both = (
        set((model.__decanter__() or {})["actions"]["websocket_message"])
        for model in (PlainConnection, Connection, Both)
    )
    assert paced - plain == {"dynamodb:UpdateItem"}
    assert both - plain == {"dynamodb:UpdateItem", "dynamodb:GetItem"}
