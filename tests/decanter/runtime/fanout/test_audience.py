import pytest

from decanter.runtime.errors import StoreBusyError
from decanter.runtime.fanout.audience import FIRST_ROWS, PAGE_ROWS, Everyone
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.recipients import BEGINNING, MAX_AGE_MS
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


def test_only_one_page_is_read_ahead() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    audience = everyone(connections, clock)
    assert connections.pages_read == 0
    assert next(audience).connection_id == "c0"
    assert connections.pages_read == 2
    assert [recipient.connection_id for recipient in audience] == [f"c{n}" for n in range(1, 10)]
    assert (connections.pages_read, audience.cursor, audience.left_over()) == (4, None, (0, True))
    assert list(audience) == []


def test_another_audience_continues_within_a_page() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    first = everyone(connections, clock)
    assert first.cursor == BEGINNING
    before = [next(first).connection_id for _ in range(4)]
    assert (first.cursor, first.left_over()) == ("c3", (6, True))
    after = [row.connection_id for row in everyone(connections, clock, after="c3")]
    assert before + after == sorted(TEN)


def test_the_cursor_works_even_if_its_row_was_deleted() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    connections.remove("c3")
    rest = everyone(connections, clock, after="c3")
    assert [row.connection_id for row in rest] == ["c4", "c5", "c6", "c7", "c8", "c9"]


def test_an_empty_table_has_no_recipients() -> None:
    audience = everyone(FakeConnections(), FakeClock())
    assert (list(audience), audience.cursor, audience.left_over()) == ([], None, (0, True))


def test_stale_rows_are_skipped_even_a_page_of_them() -> None:
    connections = FakeConnections(TEN | {f"b{n}": CONNECTED_AT - MAX_AGE_MS for n in range(7)})
    audience = everyone(connections, FakeClock())
    assert [recipient.connection_id for recipient in audience] == sorted(TEN)


def test_a_throttled_scan_continues_after_a_pause_and_skips_no_row() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    audience = everyone(connections, clock)
    connections.busy = 3
    seen = [next(audience).connection_id for _ in range(3)]
    connections.busy = 1
    seen += [recipient.connection_id for recipient in audience]
    assert seen == sorted(TEN)
    assert clock.slept == [0.5, 1.0, 1.5, 0.5]


def test_a_permanently_throttled_scan_ends_at_the_deadline_with_more_left() -> None:
    connections, clock = FakeConnections(TEN), FakeClock()
    audience = everyone(connections, clock, seconds=2)
    seen = [next(audience).connection_id for _ in range(3)]
    connections.busy = connections.counting_busy = 1000
    seen += [recipient.connection_id for recipient in audience]
    assert clock.slept == [0.5, 1.0]
    assert (seen[-1], audience.cursor, audience.left_over()) == ("c5", "c5", (0, False))


def test_an_unreadable_table_is_an_error_and_not_empty() -> None:
    connections = FakeConnections(TEN)
    connections.busy = 1000
    with pytest.raises(StoreBusyError, match="no page"):
        next(everyone(connections, FakeClock(), seconds=2))


def test_the_first_page_is_small_and_the_others_are_limited() -> None:
    connections = FakeConnections(TEN)
    list(everyone(connections, FakeClock()))
    assert connections.limits == [FIRST_ROWS, *[PAGE_ROWS] * 3]
