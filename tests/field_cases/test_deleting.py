"""Section F, row 3: the answers that delete the row of a connection."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from decanter import Router
from decanter.runtime.clock import Clock
from decanter.runtime.fanout.outbox import OpenTransport
from decanter.runtime.transports import TRANSPORTS
from tests.field_cases.servers import Answer, Asked, serving
from tests.support.events import message_event
from tests.support.fakes import FakeConnections
from tests.support.fixtures import LogLines

ROWS = 12
"""More than ten: if all rows of a table appear gone, that many are not believed."""

FOREIGN: dict[str, Answer] = {
    "400 HTML": Answer(400, {"Content-Type": "text/html"}, b"<h1>Bad Request</h1>"),
    "400 of another type": Answer(400, {"x-amzn-ErrorType": "ValidationException"}, b"{}"),
    "404 HTML": Answer(404, {"Content-Type": "text/html"}, b"<h1>Not Found</h1>"),
    "410 without type": Answer(410, {}, b"Gone"),
    "410 of another type": Answer(410, {"x-amzn-ErrorType": "NoSuchUpload"}, b"{}"),
    "502": Answer(502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>"),
    "200 with garbage": Answer(200, {}, b"\x00 garbage"),
}
PROOF = Answer(410, {"x-amzn-ErrorType": "GoneException"}, b'{"message": "Gone"}')
OPEN = Answer(200, {}, b"")
MOMENT = "2026-01-01T00:00:00Z"
DESCRIBED = {
    "connectedAt": MOMENT,
    "identity": {"sourceIp": "127.0.0.1", "userAgent": "test"},
    "lastActiveAt": MOMENT,
}
"""API Gateway's answer about an open connection, which a sweep asks for."""


class Fleet:
    """A router with rows of open connections, whose posts go to a server on this machine."""

    def __init__(self, rows: int, open_transport: OpenTransport) -> None:
        connected_at = Clock().time_ms() - 60_000
        self.ids = [f"c{number:02}" for number in range(rows)]
        self.connections = FakeConnections(dict.fromkeys(self.ids, connected_at), page_size=1000)
        self.router = Router(
            "$request.body.action",
            connections=self.connections,
            open_transport=open_transport,
            backoff=lambda _: 0.0,
        )
        self.said_to_be_gone: int = 0
        self.router.route("broadcast")(self._broadcast)
        self.router.route("send")(self._send)

    def _broadcast(self, request: Any) -> None:
        self.said_to_be_gone += request.broadcast("hi").gone

    def _send(self, request: Any) -> None:
        self.said_to_be_gone += request.send(self.ids, "hi").gone

    def do(self, what: str) -> None:
        if what == "sweep":
            self.said_to_be_gone += self.router.sweep()["gone"]
        else:
            self.router.handle(message_event(json.dumps({"action": what})))


Posting = Callable[..., Fleet]
"""Takes the answers for connection ids and the number of rows; returns a fleet."""


@pytest.fixture(name="posting", params=sorted(TRANSPORTS))
def _posting(
    request: pytest.FixtureRequest,
    signed: None,
    open_transport: OpenTransport,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Posting]:
    """Makes a fleet whose posts get the test's answers, with each transport."""
    monkeypatch.setenv("DECANTER_TRANSPORT", request.param)
    monkeypatch.setenv("DECANTER_SWEEP_PER_SECOND", "1000")
    with contextlib.ExitStack() as stack:

        def posting(answers: Callable[[str], Answer], rows: int = ROWS) -> Fleet:
            def answer(asked: Asked) -> Answer:
                answer = answers(unquote(asked.path).rpartition("/")[2])
                if answer is OPEN and asked.method == "GET":
                    return answer._replace(body=json.dumps(DESCRIBED).encode())
                return answer

            url = stack.enter_context(serving(answer))
            monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", f"{url}/v1")
            return Fleet(rows, open_transport)

        yield posting


@pytest.mark.row("F3")
@pytest.mark.parametrize(
    ("what", "name"),
    [
        *(("broadcast", name) for name in FOREIGN),
        *(("send", name) for name in ("400 HTML", "410 without type")),
        *(("sweep", name) for name in ("400 HTML", "410 without type")),
    ],
)
def test_only_api_gateways_own_errors_delete_a_row(posting: Posting, what: str, name: str) -> None:
    """One connection is reached, so only the others' answers matter."""
    fleet = posting(lambda connection_id: OPEN if connection_id == "c00" else FOREIGN[name])
    fleet.do(what)
    assert [*fleet.connections.rows] == fleet.ids
    assert fleet.said_to_be_gone == 0


@pytest.mark.row("F3")
@pytest.mark.parametrize("what", ["broadcast", "sweep"])
def test_api_gateways_own_errors_delete_rows(posting: Posting, what: str) -> None:
    fleet = posting(lambda connection_id: OPEN if connection_id == "c00" else PROOF)
    fleet.do(what)
    assert [*fleet.connections.rows] == ["c00"]


@pytest.mark.row("F3")
@pytest.mark.parametrize("what", ["broadcast", "send", "sweep"])
def test_if_all_are_gone_and_none_was_reached_only_an_error_is_logged(
    posting: Posting, what: str, log_lines: LogLines
) -> None:
    fleet = posting(lambda connection_id: PROOF)
    fleet.do(what)
    assert [*fleet.connections.rows] == fleet.ids
    assert fleet.said_to_be_gone == 0
    assert len([line for line in log_lines() if line["level"] == "ERROR"]) == 1


@pytest.mark.row("F3")
@pytest.mark.parametrize("what", ["broadcast", "sweep"])
def test_a_few_rows_are_deleted_even_if_none_was_reached(posting: Posting, what: str) -> None:
    fleet = posting(lambda connection_id: PROOF, rows=9)
    fleet.do(what)
    assert fleet.connections.rows == {}


@pytest.mark.row("F3")
def test_an_emptied_room_is_not_an_error(posting: Posting, log_lines: LogLines) -> None:
    """This process has reached a connection through this endpoint."""
    answers = [OPEN]
    fleet = posting(lambda connection_id: answers[0])
    fleet.do("broadcast")
    answers[0] = PROOF
    fleet.do("broadcast")
    assert fleet.connections.rows == {}
    assert [line for line in log_lines() if line["level"] == "ERROR"] == []
