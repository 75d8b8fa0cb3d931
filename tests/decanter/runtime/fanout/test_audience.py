from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import islice
from typing import Any

import pytest

from decanter.runtime.errors import StoreBusyError
from decanter.runtime.fanout.audience import FIRST_ROWS, PAGE_ROWS, Everyone
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.recipients import BEGINNING, MAX_AGE_MS, Page, Recipient
from decanter.runtime.transports.base import patient
from tests.support.events import CONNECTED_AT
from tests.support.fakes import FakeClock, FakeConnections, InlineWorkers

TEN = {f"c{number}": CONNECTED_AT for number in range(10)}


def everyone(
    connections: FakeConnections, clock: FakeClock, seconds: float = 20, after: str = BEGINNING
) -> Everyone:
    now = clock.monotonic()
    deadline = Deadline(now + seconds, now + seconds + 0.5)
    return Everyone(
        connections, clock, InlineWorkers(clock), lambda attempt: attempt / 2, deadline, after
    )


def ids(audience: Everyone, clock: FakeClock) -> Iterator[str]:
    return (recipient.connection_id for recipient in patient(audience, clock))


def test_only_one_page_is_read_ahead() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    audience = everyone(connections, clock)
    assert connections.pages_read == 0
    found = ids(audience, clock)
    assert next(found) == "c0"
    assert connections.pages_read == 2
    assert list(found) == [f"c{n}" for n in range(1, 10)]
    assert (connections.pages_read, audience.cursor, audience.left_over()) == (4, None, (0, True))
    assert list(audience) == []


def test_another_audience_continues_within_a_page() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    first = everyone(connections, clock)
    assert first.cursor == BEGINNING
    before = [*islice(ids(first, clock), 4)]
    assert (first.cursor, first.left_over()) == ("c3", (6, True))
    after = [*ids(everyone(connections, clock, after="c3"), clock)]
    assert before + after == sorted(TEN)


def test_the_cursor_works_even_if_its_row_was_deleted() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    connections.remove("c3")
    rest = everyone(connections, clock, after="c3")
    assert [*ids(rest, clock)] == ["c4", "c5", "c6", "c7", "c8", "c9"]


def test_an_empty_table_has_no_recipients() -> None:
    audience = everyone(FakeConnections(), FakeClock())
    assert (list(audience), audience.cursor, audience.left_over()) == ([], None, (0, True))


def test_stale_rows_are_skipped_even_a_page_of_them() -> None:
    connections = FakeConnections(TEN | {f"b{n}": CONNECTED_AT - MAX_AGE_MS for n in range(7)})
    clock = FakeClock()
    assert [*ids(everyone(connections, clock), clock)] == sorted(TEN)


def test_a_throttled_scan_continues_after_a_pause_and_skips_no_row() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    audience = everyone(connections, clock)
    found = ids(audience, clock)
    connections.busy = 3
    seen = [*islice(found, 3)]
    connections.busy = 1
    seen += found
    assert seen == sorted(TEN)
    assert clock.elapsed == pytest.approx(0.5 + 1.0 + 1.5 + 0.5, abs=0.01)


def test_a_permanently_throttled_scan_ends_at_the_deadline_with_more_left() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    audience = everyone(connections, clock, seconds=2)
    found = ids(audience, clock)
    seen = [*islice(found, 3)]
    connections.busy = connections.counting_busy = 1000
    seen += found
    assert clock.elapsed == pytest.approx(0.5 + 1.0, abs=0.01)
    assert (seen[-1], audience.cursor, audience.left_over()) == ("c5", "c5", (0, False))


def test_an_unreadable_table_is_an_error_and_not_empty() -> None:
    connections = FakeConnections(TEN)
    connections.busy = 1000
    clock = FakeClock()
    with pytest.raises(StoreBusyError, match="no page"):
        next(ids(everyone(connections, clock, seconds=2), clock))


def test_a_page_that_is_being_read_delays_nothing() -> None:
    clock, reading = FakeClock(), Future[Page]()

    class Slow(InlineWorkers):
        def start(self, work: Callable[[], Any]) -> Any:
            return reading

    now = clock.monotonic()
    audience = Everyone(
        FakeConnections(TEN), clock, Slow(clock), lambda _: 0.0, Deadline(now + 20, now + 21)
    )
    assert [next(audience), next(audience)] == [None, None]
    reading.set_result(Page([Recipient("c0", CONNECTED_AT)], None))
    assert next(audience) == Recipient("c0", CONNECTED_AT)
    assert clock.slept == []


def test_the_first_page_is_small_and_the_others_are_limited() -> None:
    connections = FakeConnections(TEN)
    list(everyone(connections, FakeClock()))
    assert connections.limits == [FIRST_ROWS, *[PAGE_ROWS] * 3]
