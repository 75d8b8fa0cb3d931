"""Sending from a function that has no event of a connection."""

import json
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from decanter.runtime.errors import (
    PostingRefusedError,
    SettingError,
    StoreRefusedError,
    TooLarge,
)
from decanter.runtime.fanout.report import Report
from decanter.runtime.fanout.wire import Wire
from decanter.runtime.publishing.item import Item
from decanter.runtime.publishing.publisher import Publisher
from decanter.runtime.recipients import Page
from decanter.runtime.routing.router import Router
from decanter.runtime.store.tables import translated
from tests.support.events import CONNECTED_AT
from tests.support.fakes import ENDPOINT, GONE, FakeClock, FakeConnections, FakeTransport
from tests.support.fixtures import LogLines

REFUSED = "posting to connections is refused"


class Service:
    """A router, a table with two connections, and a transport."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.connections = FakeConnections({"Ann": CONNECTED_AT, "Bob": CONNECTED_AT})
        self.transport = FakeTransport(self.clock, seconds_per_post=1)
        self.router = Router(
            "$request.body.action",
            connections=self.connections,
            open_transport=lambda endpoint, settings: self.transport,
            clock=self.clock,
        )


@pytest.fixture(name="service")
def _service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", ENDPOINT)
    return Service()


def test_a_broadcast_reaches_every_connection(service: Service, log_lines: LogLines) -> None:
    report = service.router.broadcast({"n": 1})
    assert (report.sent, report.cursor) == (2, None)
    assert sorted(service.transport.posts) == [("Ann", '{"n":1}'), ("Bob", '{"n":1}')]
    (line,) = log_lines()
    assert (line["event"], line["kind"], line["sent"]) == ("published", "broadcast", 2)


def test_connections_are_excluded(service: Service) -> None:
    service.router.broadcast("hey", exclude="Ann")
    service.router.broadcast("ho", exclude=["Bob"])
    assert service.transport.posts == [("Bob", "hey"), ("Ann", "ho")]


def test_a_send_reaches_one_or_several(service: Service) -> None:
    assert service.router.send("Ann", [1]).sent == 1
    assert service.router.send(["Ann", "Bob"], "x").sent == 2
    assert service.transport.posts[0] == ("Ann", "[1]")
    assert len(service.transport.posts) == 3


def test_each_recipient_of_another_programs_send_is_in_the_report(service: Service) -> None:
    class Silencing(Wire):
        def silent(self, connection_ids: Iterable[str]) -> set[str]:
            return {*connection_ids} & {"Bob"}

    service.router.outboxes.wire = Silencing()
    payload = {"connection_ids": ["Ann", "Bob"], "data": 1}
    message = json.dumps({"method": "send", "payload": payload})
    report = Publisher(service.router.outboxes).accept(message, None)
    assert (report["sent"], report["pending"], report["failed_ids"]) == (1, 1, ("Bob",))
    assert service.transport.posts == [("Ann", "1")]


def test_a_close_reports_closed_and_gone_connections(service: Service) -> None:
    service.transport.answer("Bob", GONE)
    assert service.router.send("Ann", "x").sent == 1  # so that the endpoint is not in doubt
    report = service.router.close(["Ann", "Bob"])
    assert (report.sent, report.gone_ids) == (1, ("Bob",))
    assert service.router.close("Ann").sent == 1
    assert service.transport.closed == ["Ann", "Bob", "Ann"]
    assert list(service.connections.rows) == ["Ann"]


def test_the_disconnect_hooks_run_for_gone_connections(service: Service) -> None:
    ended: list[tuple[str, Any]] = []
    service.router.on_disconnect(lambda gone: ended.append((gone.connection_id, gone.code)))
    service.transport.answer("Bob", GONE)
    service.router.broadcast("x")
    assert ended == [("Bob", None)]


@pytest.mark.parametrize("wrap", [lambda context: context, lambda it: SimpleNamespace(context=it)])
@pytest.mark.parametrize(("milliseconds", "sent"), [(600_000, 2), (1500, 1)])
def test_the_functions_time_is_the_limit(
    wrap: Callable[[Any], Any], milliseconds: int, sent: int, service: Service
) -> None:
    """API Gateway's 29 seconds do not apply to a schedule."""
    service.transport.seconds_per_post = 40 if milliseconds > 60_000 else 1
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds)
    report = service.router.broadcast("x", context=wrap(context))
    assert (report.sent, report.left_over) == (sent, 2 - sent)


def test_without_a_context_a_setting_is_the_limit(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECANTER_DEADLINE_SECONDS", "1.5")
    first = service.router.broadcast("x")
    assert (first.sent, first.left_over) == (1, 1)
    assert first.cursor is not None
    assert service.router.broadcast("x", after=first.cursor).sent == 1


def test_the_error_without_an_endpoint_names_the_declaration(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DECANTER_MANAGEMENT_ENDPOINT")
    sends: list[Callable[[], Report]] = [
        lambda: service.router.broadcast("x"),
        lambda: service.router.send("Ann", "x"),
        lambda: service.router.close("Ann"),
    ]
    for each in sends:
        with pytest.raises(SettingError, match=r"@uses\(sends=True\)"):
            each()


def test_a_refused_scan_is_an_error_with_the_same_remedy(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan is refused before the first post."""
    answer = {"Error": {"Code": "AccessDeniedException", "Message": "User: x is not authorized"}}

    def page(*_: object) -> Page:
        with translated(None):
            raise ClientError(answer, "Scan")

    monkeypatch.setattr(service.connections, "page", page)
    with pytest.raises(PostingRefusedError, match=REFUSED) as refused:
        service.router.broadcast("x")
    assert isinstance(refused.value.__cause__, StoreRefusedError)
    assert "@uses(sends=True)" in str(refused.value)


def test_a_frame_that_is_too_large_is_not_sent(service: Service) -> None:
    for send in (service.router.broadcast, lambda frame: service.router.send("Ann", frame)):
        with pytest.raises(TooLarge):
            send("x" * 131_073)
    assert service.transport.posts == []


def test_a_programs_data_keeps_the_form_of_its_numbers() -> None:
    item = Item("job", '{"n": 1.00, "é": "😀"}', foreign="data")
    body = item.body()
    assert body.isascii()
    text = Item.of(body, "m").text
    assert '"n": 1.00' in text
    assert json.loads(text) == json.loads(item.text)
