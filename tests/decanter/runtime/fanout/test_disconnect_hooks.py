"""Disconnect hooks of connections that are found gone, in a router with fakes."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter import Disconnection, Request, Router
from decanter.runtime.errors import StoreError
from decanter.runtime.fanout.disconnect_hooks import MOST_AT_ONCE, DisconnectHooks
from decanter.runtime.fanout.frame import Frame
from decanter.runtime.recipients import Removed
from tests.support.events import CONNECTED_AT, disconnect_event, message_event
from tests.support.fakes import GONE, FakeClock, FakeConnections, FakeTransport
from tests.support.fixtures import LogLines
from tests.support.marks import THOROUGH

HERE = "Sender0000DoECA="
WAYS = ("broadcast", "send one", "send all", "sweep")


class Context:
    """Lambda's context, with this many seconds left on the clock."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        self._clock = clock
        self._until = clock.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._until - self._clock.monotonic()) * 1000)


class Service:
    """One open connection, and others that are gone."""

    def __init__(self, gone: int, hook_seconds: float = 0.0) -> None:
        self.clock = FakeClock(CONNECTED_AT + 60_000)
        self.ids = [f"gone{number:04}" for number in range(gone)]
        rows = dict.fromkeys([HERE, *self.ids], CONNECTED_AT)
        self.connections = FakeConnections(rows, page_size=2000)
        self.transport = FakeTransport(self.clock)
        for each in self.ids:
            self.transport.answer(each, GONE)
        self.router = Router(
            "$request.body.action",
            connections=self.connections,
            open_transport=lambda endpoint, settings: self.transport,
            clock=self.clock,
            backoff=lambda _: 0.0,
        )
        self.hook_seconds = hook_seconds
        self.broadcast: Callable[[Disconnection, Frame], object] = Disconnection.broadcast
        self.told: list[Disconnection] = []
        self.reports: list[Any] = []
        self.router.route("broadcast")(lambda request: self.take(request.broadcast("hi")))
        self.router.route("send one")(lambda request: self.take(*map(self.one(request), self.ids)))
        self.router.route("send all")(lambda request: self.take(request.send(self.ids, "hi")))
        self.router.on_disconnect(self.farewell)

    def one(self, request: Request) -> Any:
        return lambda connection_id: request.send(connection_id, "hi")

    def take(self, *reports: Any) -> None:
        self.reports += reports

    def farewell(self, ended: Disconnection) -> None:
        self.told.append(ended)
        self.clock.elapsed += self.hook_seconds
        self.broadcast(ended, {"left": ended.connection_id})

    def find(self, way: str, seconds: float = 28.0, *, reached: bool = True) -> None:
        context = Context(self.clock, seconds)
        self.transport.reach.reached = reached
        if way == "sweep":
            self.reports.append(self.router.sweep(context))
        else:
            event = message_event(f'{{"action": "{way}"}}', connectionId=HERE)
            assert self.router.handle(event, context) == {"statusCode": 200}

    @property
    def left(self) -> list[str]:
        return [each.connection_id for each in self.told]


@pytest.fixture(autouse=True)
def _endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", "http://127.0.0.1:9/v1")


@pytest.mark.parametrize("way", WAYS)
def test_hooks_run_once_however_a_connection_is_found_gone(way: str, log_lines: LogLines) -> None:
    service = Service(30)
    service.connections.attributes = {"identity": "ann", "nickname": "Ann"}
    service.find(way)
    assert sorted(service.left) == service.ids
    assert [*service.connections.rows] == [HERE]
    for ended in service.told:
        assert (ended.code, ended.reason, ended.identity) == (None, "", "ann")
        assert (ended.connected_at, ended.attributes["nickname"]) == (CONNECTED_AT, "Ann")
    news = [to for to, text in service.transport.posts if "left" in text]
    assert news.count(HERE) == 30
    assert way == "send one" or set(news) == {HERE}
    service.find(way)
    for each in service.ids:
        service.router.handle(disconnect_event(connectionId=each))
    assert len(service.told) == 30
    assert "disconnect_hook_failed" not in {line["event"] for line in log_lines()}


@pytest.mark.parametrize("by_router", [False, pytest.param(True, marks=THOROUGH)])
@pytest.mark.parametrize("way", ["broadcast", "sweep"])
def test_hooks_run_for_a_thousand_gone_connections(way: str, *, by_router: bool) -> None:
    service = Service(1000, hook_seconds=0.005)
    if by_router:
        service.broadcast = lambda ended, frame: service.router.broadcast(frame, context=ended)
    service.find(way)
    if way == "broadcast":
        (report,) = service.reports
        assert (report.sent, report.gone, report.pending) == (1, 1000, 0)
    assert sorted(service.left) == service.ids
    # The posts of the broadcast, if this is one, and one post for each hook.
    assert len(service.transport.posts) == 1001 * (way == "broadcast") + 1000
    assert [*service.connections.rows] == [HERE]


@pytest.mark.parametrize("hook_seconds", [0.05, 1.0, 6.0, 40.0])
def test_a_row_without_time_for_its_hooks_is_kept(hook_seconds: float) -> None:
    service = Service(1000, hook_seconds)
    began = service.clock.monotonic()
    service.find("broadcast")
    took = service.clock.monotonic() - began
    (report,) = service.reports
    kept = sorted(service.connections.rows.keys() - {HERE})
    assert 0 < len(service.told) < 1000
    assert sorted([*service.left, *kept]) == service.ids
    assert (report.gone, report.pending) == (len(service.told), len(kept))
    assert took < max(28, hook_seconds + 1)
    if hook_seconds == 0.05:
        service.hook_seconds = 0
        service.find("broadcast")
        assert sorted(service.left) == service.ids


def test_a_broadcast_without_time_left_deletes_nothing() -> None:
    service = Service(50)
    service.transport.seconds_per_post = 1.0
    service.find("broadcast", seconds=10)
    assert (service.told, len(service.connections.rows)) == ([], 51)


@pytest.mark.parametrize("way", ["broadcast", "send all", "sweep"])
def test_no_hook_runs_for_many_gone_connections_until_one_was_reached(
    way: str, log_lines: LogLines
) -> None:
    service = Service(40)
    del service.connections.rows[HERE]
    service.find(way, reached=False)
    errors = [line for line in log_lines() if line["level"] == "ERROR"]
    assert len(errors) == 1
    assert "40 connections are said to be gone" in (errors[0].get("error") or errors[0]["problem"])
    assert (service.told, len(service.connections.rows)) == ([], 40)


def test_a_single_send_deletes_no_young_row_and_none_until_one_was_reached() -> None:
    service = Service(2)
    service.find("send one", reached=False)
    assert (service.told, len(service.connections.rows)) == ([], 3)
    service.connections.rows["gone0001"] = service.clock.time_ms() - 1000
    service.find("send one")
    assert (service.left, sorted(service.connections.rows)) == (["gone0000"], [HERE, "gone0001"])


def test_a_send_in_a_hook_calls_no_hook_and_deletes_no_row() -> None:
    service = Service(3)
    service.transport.answer("late", GONE)
    service.connections.rows["late"] = CONNECTED_AT

    @service.router.on_disconnect
    def also(ended: Disconnection) -> None:
        report = ended.send(["late", HERE], "psst")
        assert (report.sent, report.gone, report.gone_ids) == (1, 1, ("late",))
        assert ended.broadcast("once more").pending == 0

    service.router.handle(disconnect_event(connectionId="gone0000"))
    assert (service.left, "late" in service.connections.rows) == (["gone0000"], True)


def test_a_failing_hook_is_logged_and_the_other_hooks_run(log_lines: LogLines) -> None:
    service = Service(3)

    @service.router.on_disconnect
    def fails(ended: Disconnection) -> None:
        raise RuntimeError(f"cannot forget {ended.connection_id}")

    service.find("broadcast")
    lines = [line for line in log_lines() if line["event"] == "disconnect_hook_failed"]
    assert [line["connection_id"] for line in lines] == service.ids
    assert all("cannot forget" in line["error"] and "traceback" in line for line in lines)
    assert len(service.told) == 3


def test_no_hook_is_called_for_a_row_that_cannot_be_deleted(
    log_lines: LogLines,
) -> None:
    service = Service(3)
    service.connections.problem = StoreError("AccessDenied")
    service.find("broadcast")
    assert service.told == []
    (line,) = [line for line in log_lines() if line["event"] == "rows_not_removed"]
    assert (line["error"], line["count"]) == ("AccessDenied", 3)


# -------------------------------------------------------------------------- how many at a time


@given(
    seconds=st.lists(st.floats(0, 30), max_size=8),
    left=st.floats(-5, 900),
)
def test_the_slowest_hook_limits_the_number_of_deleted_rows(
    seconds: list[float], left: float
) -> None:
    clock = FakeClock()
    taken = iter(seconds)

    def call(removed: Removed) -> list[Exception]:
        clock.elapsed += next(taken)
        return []

    hooks = DisconnectHooks(call, clock)
    for _ in seconds:
        hooks.call(Removed("a", 0, dict))
    until = clock.monotonic() + left
    left = until - clock.monotonic()  # with the rounding of floats
    room = hooks.room(until)
    assert 0 <= room <= MOST_AT_ONCE
    if left <= 0:
        assert room == 0
    elif not seconds:
        assert room == 1
    else:
        assert room * max(seconds) <= left
