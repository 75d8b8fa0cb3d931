"""The rows of connections that are gone."""

import threading
from concurrent.futures import Future
from functools import partial

from chalicelib.cleanup import BATCH, BATCHES_AT_ONCE, Cleanup
from chalicelib.clock import Clock
from chalicelib.errors import StoreError
from chalicelib.recipients import Recipient
from chalicelib.workers import Workers

from .events import CONNECTED_AT
from .fakes import FakeClock, FakeConnections, InlineWorkers
from .fixtures import LogLines

MANY = BATCH * (BATCHES_AT_ONCE + 2) + 1


def people(count: int) -> list[Recipient]:
    return [Recipient(f"c{number:04}", CONNECTED_AT) for number in range(count)]


def table(recipients: list[Recipient]) -> FakeConnections:
    return FakeConnections({each.connection_id: each.connected_at for each in recipients})


def test_rows_are_deleted_as_soon_as_a_batch_of_them_is_there_and_the_rest_at_the_end() -> None:
    recipients = people(BATCH + 1)
    connections, clock = table(recipients), FakeClock()
    cleanup = Cleanup(connections, InlineWorkers(clock))
    for recipient in recipients[:-1]:
        assert recipient.connection_id in connections.rows
        cleanup.add(recipient)
    assert list(connections.rows) == [recipients[-1].connection_id]
    cleanup.add(recipients[-1])
    cleanup.finish(clock.monotonic() + 1)
    assert (connections.rows, cleanup.count) == ({}, BATCH + 1)


class HeldWorkers(Workers):
    """Begins nothing before it is let go."""

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


def test_only_a_few_batches_are_under_way_at_once_and_none_is_forgotten() -> None:
    recipients, workers = people(MANY), HeldWorkers()
    connections = table(recipients)
    cleanup = Cleanup(connections, workers)
    for recipient in recipients:
        cleanup.add(recipient)
    assert workers.begun == BATCHES_AT_ONCE
    workers.go.set()
    cleanup.finish(Clock().monotonic() + 10)
    assert (connections.rows, cleanup.count) == ({}, MANY)


def test_there_is_an_end_to_the_waiting() -> None:
    recipients, workers = people(1), HeldWorkers()
    connections = table(recipients)
    cleanup = Cleanup(connections, workers)
    cleanup.add(recipients[0])
    cleanup.finish(Clock().monotonic())
    assert len(connections.rows) == 1
    workers.go.set()


def test_what_cannot_be_deleted_is_one_line_for_each_reason(log_lines: LogLines) -> None:
    recipients, clock = people(BATCH + 3), FakeClock()
    connections = table(recipients)
    connections.problem = StoreError("AccessDenied")
    cleanup = Cleanup(connections, InlineWorkers(clock))
    for recipient in recipients:
        cleanup.add(recipient)
    cleanup.finish(clock.monotonic() + 1)
    (line,) = log_lines()
    assert line == {
        "level": "WARNING",
        "event": "rows_not_removed",
        "error": "AccessDenied",
        "count": BATCH + 3,
    }
