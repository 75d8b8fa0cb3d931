import pytest

from decanter.runtime.errors import PostingRefusedError
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.report import Report
from decanter.runtime.fanout.send import call_each
from decanter.runtime.transports import outcome_of
from tests.support.fakes import GONE, MALFORMED, FakeClock, FakeConnections, FakeTransport
from tests.support.fixtures import LogLines


def run(transport: FakeTransport, *connection_ids: str, seconds: float = 20) -> Report:
    clock = FakeClock()
    deadline = Deadline(clock.monotonic() + seconds, clock.monotonic() + seconds)
    return call_each("POST", transport, FakeConnections(), connection_ids, b"hi", deadline, clock)


def test_each_connection_gets_it_and_gone_ones_are_named(log_lines: LogLines) -> None:
    transport = FakeTransport()
    transport.answer("b", GONE)
    transport.answer("c", MALFORMED)
    assert run(transport, "a", "b", "c") == Report(sent=1, gone=2, gone_ids=("b", "c"))
    assert transport.posts == [("a", "hi"), ("b", "hi"), ("c", "hi")]
    assert log_lines() == []


def test_failed_and_left_over_posts_are_reported_and_logged(log_lines: LogLines) -> None:
    transport = FakeTransport(FakeClock(), seconds_per_post=1)
    transport.answer("a", outcome_of(500))
    assert run(transport, "a", "b", "c", "d", seconds=2) == Report(
        sent=1, failed=1, left_over=2, failed_ids=("a",), left_over_ids=("c", "d")
    )
    why, line = log_lines()
    assert (why["event"], why["reason"], why["connection_ids"]) == ("posts_failed", "500", ["a"])
    assert (line["event"], line["failed"], line["left_over"]) == ("multicast_incomplete", 1, 2)


def test_a_refused_post_is_an_error() -> None:
    transport = FakeTransport()
    transport.answer("a", outcome_of(403, "ForbiddenException"))
    with pytest.raises(PostingRefusedError, match="ForbiddenException"):
        run(transport, "a", "b")
    assert transport.posts == [("a", "hi")]


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_410_that_is_not_api_gateways_is_a_failure(status: int) -> None:
    transport = FakeTransport()
    transport.answer("b", outcome_of(status))
    assert run(transport, "a", "b") == Report(sent=1, failed=1, failed_ids=("b",))


def test_ten_gone_connections_are_pending_until_one_was_reached(log_lines: LogLines) -> None:
    transport = FakeTransport()
    for each in "abcdefghij":
        transport.answer(each, GONE)
    assert run(transport, *"abcdefghi") == Report(gone=9, gone_ids=(*"abcdefghi",))
    assert run(transport, *"abcdefghij") == Report(pending=10, failed_ids=(*"abcdefghij",))
    error, incomplete = log_lines()
    assert (error["level"], error["event"], error["gone"]) == ("ERROR", "nobody_reached", 10)
    assert (incomplete["event"], incomplete["failed"]) == ("multicast_incomplete", 10)
    assert run(transport, "z", *"abcdefghij") == Report(sent=1, gone=10, gone_ids=(*"abcdefghij",))
