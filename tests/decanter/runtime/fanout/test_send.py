import pytest

from decanter.runtime.errors import PostingRefusedError
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.report import Report
from decanter.runtime.fanout.send import send
from decanter.runtime.transports import outcome_of
from tests.support.fakes import GONE, MALFORMED, FakeClock, FakeConnections, FakeTransport
from tests.support.fixtures import LogLines


def run(transport: FakeTransport, *connection_ids: str, seconds: float = 20) -> Report:
    clock = FakeClock()
    deadline = Deadline(clock.monotonic() + seconds, clock.monotonic() + seconds)
    return send(transport, FakeConnections(), connection_ids, b"hi", deadline, clock)


def test_each_connection_gets_it_and_those_that_are_gone_are_named(log_lines: LogLines) -> None:
    transport = FakeTransport()
    transport.answer("b", GONE)
    transport.answer("c", MALFORMED)
    assert run(transport, "a", "b", "c") == Report(sent=1, gone=2, gone_ids=("b", "c"))
    assert transport.posts == [("a", "hi"), ("b", "hi"), ("c", "hi")]
    assert log_lines() == []


def test_what_fails_or_finds_no_time_is_reported_and_logged(log_lines: LogLines) -> None:
    transport = FakeTransport(FakeClock(), seconds_per_post=1)
    transport.answer("a", outcome_of(500))
    assert run(transport, "a", "b", "c", "d", seconds=2) == Report(
        sent=1, failed=1, left_over=2, failed_ids=("a",), left_over_ids=("c", "d")
    )
    (line,) = log_lines()
    assert (line["event"], line["failed"], line["left_over"]) == ("multicast_incomplete", 1, 2)


def test_a_function_that_may_not_post_says_so() -> None:
    transport = FakeTransport()
    transport.answer("a", outcome_of(403, "ForbiddenException"))
    with pytest.raises(PostingRefusedError, match="ForbiddenException"):
        run(transport, "a", "b")
    assert transport.posts == [("a", "hi")]


@pytest.mark.parametrize("status", [400, 404, 410])
def test_what_api_gateway_does_not_say_itself_is_a_failure(status: int) -> None:
    transport = FakeTransport()
    transport.answer("b", outcome_of(status))
    assert run(transport, "a", "b") == Report(sent=1, failed=1, failed_ids=("b",))


def test_while_nobody_was_reached_ten_that_are_said_to_be_gone_are_not(log_lines: LogLines) -> None:
    transport = FakeTransport()
    for each in "abcdefghij":
        transport.answer(each, GONE)
    assert run(transport, *"abcdefghi") == Report(gone=9, gone_ids=(*"abcdefghi",))
    assert run(transport, *"abcdefghij") == Report(pending=10, failed_ids=(*"abcdefghij",))
    error, incomplete = log_lines()
    assert (error["level"], error["event"], error["gone"]) == ("ERROR", "nobody_reached", 10)
    assert (incomplete["event"], incomplete["failed"]) == ("multicast_incomplete", 10)
    assert run(transport, "z", *"abcdefghij") == Report(sent=1, gone=10, gone_ids=(*"abcdefghij",))
