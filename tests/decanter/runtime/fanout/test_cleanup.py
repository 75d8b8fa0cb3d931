"""The rows of gone connections."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial

import pytest

from decanter.runtime.clock import Clock
from decanter.runtime.errors import StoreError
from decanter.runtime.fanout.cleanup import BATCH, BATCHES_AT_ONCE, MOST_WAITING, Cleanup
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.outbox import OpenTransport, Outbox, Outboxes
from decanter.runtime.fanout.sweep import Sweeper
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.recipients import Recipient
from decanter.runtime.settings import Settings
from decanter.runtime.transports import TRANSPORTS
from decanter.runtime.transports.base import Reach
from tests.support.events import CONNECTED_AT, message_event
from tests.support.fakes import ENDPOINT, FakeClock, FakeConnections, InlineWorkers
from tests.support.fixtures import LogLines
from tests.support.management import Answer, Management, Reply, run_management
from tests.support.marks import THOROUGH

REACHED = Reach(ENDPOINT, reached=True)
MANY = BATCH * (BATCHES_AT_ONCE + 2) + 1


def until(seconds: float) -> Deadline:
    return Deadline(seconds, seconds)


def people(count: int) -> list[Recipient]:
    return [Recipient(f"c{number:04}", CONNECTED_AT) for number in range(count)]


def table(recipients: list[Recipient]) -> FakeConnections:
    return FakeConnections({each.connection_id: each.connected_at for each in recipients})


def test_rows_are_deleted_in_full_batches_and_the_rest_at_the_end() -> None:
    recipients = people(BATCH + 1)
    connections, clock = table(recipients), FakeClock()
    cleanup = Cleanup(connections, InlineWorkers(clock), REACHED)
    for recipient in recipients[:-1]:
        assert recipient.connection_id in connections.rows
        cleanup.add(recipient)
    assert list(connections.rows) == [recipients[-1].connection_id]
    cleanup.add(recipients[-1])
    cleanup.finish(until(clock.monotonic() + 1))
    assert (connections.rows, cleanup.count) == ({}, BATCH + 1)


class HeldWorkers(Workers):
    """Starts nothing until it is released."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.begun = 0
        self.go = threading.Event()

    def start(self, work: partial[object]) -> "Future[object]":  # type: ignore[override]
        self.begun += 1

        def later() -> object:
            self.go.wait(10)
            return work()

        return super().start(later)


def test_only_a_few_batches_run_together_and_none_is_lost() -> None:
    recipients, workers = people(MANY), HeldWorkers()
    connections = table(recipients)
    cleanup = Cleanup(connections, workers, REACHED)
    for recipient in recipients:
        cleanup.add(recipient)
    assert workers.begun == BATCHES_AT_ONCE
    workers.go.set()
    cleanup.finish(until(Clock().monotonic() + 10))
    assert (connections.rows, cleanup.count) == ({}, MANY)


def test_waiting_ends_at_the_deadline() -> None:
    recipients, workers = people(1), HeldWorkers()
    connections = table(recipients)
    cleanup = Cleanup(connections, workers, REACHED)
    cleanup.add(recipients[0])
    cleanup.finish(until(Clock().monotonic()))
    assert len(connections.rows) == 1
    workers.go.set()


def test_failed_deletions_are_one_line_for_each_reason(log_lines: LogLines) -> None:
    recipients, clock = people(BATCH + 3), FakeClock()
    connections = table(recipients)
    connections.problem = StoreError("AccessDenied")
    cleanup = Cleanup(connections, InlineWorkers(clock), REACHED)
    for recipient in recipients:
        cleanup.add(recipient)
    cleanup.finish(until(clock.monotonic() + 1))
    (line,) = log_lines()
    assert line == {
        "level": "WARNING",
        "event": "rows_not_removed",
        "error": "AccessDenied",
        "count": BATCH + 3,
    }


def test_rows_are_deleted_in_parallel_once_a_connection_was_reached() -> None:
    recipients, clock, reach = people(3 * BATCH + 1), FakeClock(), Reach(ENDPOINT)
    connections = table(recipients)
    cleanup = Cleanup(connections, InlineWorkers(clock), reach)
    for recipient in recipients[:-1]:
        cleanup.add(recipient)
    assert len(connections.rows) == len(recipients)
    reach.reached = True
    cleanup.add(recipients[-1])
    assert len(connections.rows) == 1
    cleanup.finish(until(clock.monotonic() + 1))
    assert (connections.rows, cleanup.count, cleanup.doubt) == ({}, 3 * BATCH + 1, None)


def test_rows_above_the_limit_are_kept_for_a_later_run() -> None:
    recipients, clock, reach = people(100_000), FakeClock(), Reach(ENDPOINT)
    connections = table(recipients)
    cleanup = Cleanup(connections, InlineWorkers(clock), reach)
    for recipient in recipients:
        cleanup.add(recipient)
    reach.reached = True
    cleanup.finish(until(clock.monotonic() + 1))
    assert (cleanup.count, cleanup.kept) == (MOST_WAITING, 100_000 - MOST_WAITING)
    assert len(connections.rows) == cleanup.kept


@pytest.mark.parametrize(
    ("gone", "unproven", "kept"), [(9, 0, 0), (10, 0, 10), (1, 9, 1), (40, 0, 40)]
)
def test_without_a_reached_connection_only_fewer_than_ten_are_deleted(
    gone: int, unproven: int, kept: int
) -> None:
    recipients, clock = people(gone), FakeClock()
    connections = table(recipients)
    cleanup = Cleanup(connections, InlineWorkers(clock), Reach(ENDPOINT))
    for recipient in recipients:
        cleanup.add(recipient)
    cleanup.unproven = unproven
    cleanup.finish(until(clock.monotonic() + 1))
    assert (len(connections.rows), cleanup.kept, cleanup.count) == (kept, kept, gone - kept)
    assert (cleanup.doubt is not None) == bool(kept)


HTML = b"<html><body>hello</body></html>"
STRANGERS: dict[str, Answer] = {
    "400 HTML": Reply(400, HTML),
    "400 of another kind": Reply(400, b'{"__type":"ValidationException"}'),
    "404 HTML": Reply(404, HTML),
    "410 HTML": Reply(410, HTML),
    "410 without type": Reply(410),
    "502": Reply(502, HTML),
    "200 with garbage": Reply(200, HTML),
    "another API's 410": 410,
    "another API's 400": 400,
}

USUAL = {"410 HTML", "410 without type", "another API's 410", "another API's 400"}


class Room:
    """Forty rows that are old enough to be deleted, and @connections on a real socket."""

    def __init__(
        self, management: Management, transport: str, open_transport: OpenTransport
    ) -> None:
        self.management = management
        self.clock = Clock()
        self.ids = [f"Client{number:04}DoECA=" for number in range(40)]
        an_hour_ago = self.clock.time_ms() - 3_600_000
        self.connections = FakeConnections(dict.fromkeys(self.ids, an_hour_ago), page_size=50)
        self.connections.identity_ends = dict.fromkeys(self.ids[:20], 1)
        self.outboxes = Outboxes(open_transport, self.connections, self.clock, lambda _: 0.0)
        self.outboxes.settings = Settings(
            region="eu-west-1",
            transport=transport,
            management_endpoint=management.endpoint,
            sweep_per_second=1000,
        )
        self.sweeper = Sweeper(self.outboxes, self.connections, self.clock, anywhere=lambda: "")

    @property
    def outbox(self) -> Outbox:
        return self.outboxes.of(message_event("{}"), None)

    def counts(self, way: str) -> tuple[int, int]:
        """Send to everyone in one way; return how many are reported gone, and the total."""
        if way == "sweep":
            found = self.sweeper.run(None)
            return found["gone"], found["swept"]
        outbox = self.outbox
        report = outbox.send(self.ids, "hi") if way == "send" else outbox.broadcast("hi")
        return report.gone, report.sent + report.gone + report.pending + report.failed


@pytest.fixture(name="room", params=sorted(TRANSPORTS))
def _room(
    request: pytest.FixtureRequest,
    open_transport: OpenTransport,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Room]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with run_management() as management:
        yield Room(management, request.param, open_transport)


@pytest.mark.parametrize(
    "stranger",
    [pytest.param(it, marks=() if it in USUAL else THOROUGH) for it in STRANGERS],
)
def test_another_server_at_the_endpoint_does_not_empty_the_table(
    room: Room, stranger: str, log_lines: LogLines
) -> None:
    room.management.everyone = [STRANGERS[stranger]]
    for way in ("broadcast", "send", "sweep"):
        gone, all_told = room.counts(way)
        lines = log_lines()
        assert (way, gone) == (way, 0)
        assert len(room.connections.rows) == 40
        if way != "sweep" or stranger.startswith("another"):
            assert all_told == 40
        errors = [line for line in lines if line["level"] == "ERROR"]
        doubted = stranger.startswith("another") or ("410" in stranger and way != "sweep")
        assert len(errors) == doubted
        if doubted:
            (text,) = (line.get("error") or line["problem"] for line in errors)
            for value in (room.management.endpoint, "'v1'", "'rows' (from CONNECTIONS_TABLE)"):
                assert value in text


@pytest.mark.parametrize("way", ["broadcast", "send", "sweep"])
def test_a_process_that_reached_a_connection_clears_an_emptied_room(
    room: Room, way: str, log_lines: LogLines
) -> None:
    room.management.script("Another0000ECA=", 200)
    room.management.everyone = [410]
    room.outbox.post("Another0000ECA=", "hi")
    assert room.counts(way) == (40, 40)
    assert room.connections.rows == {}
    assert {line["level"] for line in log_lines()} <= {"INFO"}


@pytest.mark.parametrize("stranger", [each for each in STRANGERS if "another API" not in each])
def test_another_servers_answer_among_many_is_not_counted_as_gone(
    room: Room, stranger: str
) -> None:
    """For example, a proxy answers some of the calls."""
    room.management.everyone = [410]
    room.management.script(room.ids[30], 200)
    room.management.script(room.ids[31], STRANGERS[stranger])
    report = room.outbox.broadcast("hi")
    assert {*room.connections.rows} == {*room.ids[30:32]}
    assert report.gone == 38
    assert report.pending == ("410" in stranger)
