"""How fast a connection may send, in a DynamoDB."""

import json
from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute

from app import Connection as PlainConnection
from chalicelib import IdentifiedModel, PacedModel, Pacing, Request, Router, connection_table
from chalicelib.pacing import VARIABLE

from .events import connect_event, message_event
from .fakes import FakeClock, FakeTransport

NAME = "Sender0000DoECA="


@connection_table(env="CONNECTIONS_TABLE")
class Connection(PacedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


@connection_table(env="CONNECTIONS_TABLE")
class Both(IdentifiedModel, PacedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


def service(environ: dict[str, str], clock: FakeClock) -> tuple[Router, FakeTransport]:
    transport = FakeTransport(clock)
    router = Router(
        "$request.body.message",
        connections=Connection,
        open_transport=lambda endpoint, settings: transport,
        clock=clock,
    )
    router.middleware(Pacing(Connection, environ, clock))

    @router.route("say")
    def say(request: Request) -> None:
        request.reply("heard")

    return router, transport


def say(router: Router) -> Any:
    return router.dispatch(message_event('{"message": "say"}'))["statusCode"]


@pytest.mark.usefixtures("table")
def test_so_many_at_once_and_so_many_a_second() -> None:
    clock = FakeClock()
    router, transport = service({VARIABLE: "5"}, clock)
    Connection.record(connect_event())
    assert [say(router) for _ in range(7)] == [200] * 5 + [429] * 2
    assert json.loads(transport.posted_to(NAME)[-1])["error"]["code"] == "rate_limited"
    clock.elapsed += 0.2
    assert [say(router) for _ in range(2)] == [200, 429]
    clock.elapsed += 10
    assert [say(router) for _ in range(6)] == [200] * 5 + [429]


@pytest.mark.usefixtures("table")
def test_at_the_pace_allowed_nothing_is_refused() -> None:
    clock = FakeClock()
    router, _ = service({VARIABLE: "5"}, clock)
    Connection.record(connect_event())
    for _ in range(20):
        assert say(router) == 200
        clock.elapsed += 0.2


@pytest.mark.usefixtures("table")
def test_a_connection_without_a_row_is_refused_and_gets_none() -> None:
    router, _ = service({VARIABLE: "5"}, FakeClock())
    assert say(router) == 429
    assert list(Connection.scan()) == []


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}])
def test_unset_there_is_no_limit_and_no_write(environ: dict[str, str]) -> None:
    router, _ = service(environ, FakeClock())
    Connection.record(connect_event())
    assert {say(router) for _ in range(20)} == {200}
    assert Connection.get(NAME).free_at is None


@pytest.mark.parametrize("value", ["0", "1001", "1.5", "many"])
def test_a_number_that_cannot_be_is_our_fault(
    value: str, capsys: pytest.CaptureFixture[str], aws_environment: None
) -> None:
    router, _ = service({VARIABLE: value}, FakeClock())
    assert say(router) == 500
    assert "set it to a whole number from 1 to 1000" in capsys.readouterr().out


def test_the_message_function_needs_one_right_more() -> None:
    plain, paced, both = (
        set((model.__decanter__() or {})["actions"]["websocket_message"])
        for model in (PlainConnection, Connection, Both)
    )
    assert paced - plain == {"dynamodb:UpdateItem"}
    assert both - plain == {"dynamodb:UpdateItem", "dynamodb:GetItem"}
