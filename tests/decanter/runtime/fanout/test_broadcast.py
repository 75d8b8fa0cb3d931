"""Fan-out with a fake transport and a fake table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.runtime.errors import PostingRefusedError, StoreError
from decanter.runtime.fanout.audience import Everyone
from decanter.runtime.fanout.broadcast import Broadcast
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.report import Report
from decanter.runtime.fanout.sample import LOGGED_IDS
from decanter.runtime.recipients import Removed
from decanter.runtime.transports import Outcome, Result, outcome_of
from decanter.runtime.transports.base import Method
from tests.support.events import CONNECTED_AT
from tests.support.fakes import (
    ENDPOINT,
    GONE,
    MALFORMED,
    OK,
    FakeClock,
    FakeConnections,
    FakeTransport,
    InlineWorkers,
)
from tests.support.fixtures import LogLines

OLD = CONNECTED_AT


class Stage:
    """A broadcast with its fakes. The clock is one minute after the rows' connection times."""

    def __init__(self, *connection_ids: str, seconds_per_post: float = 0.0) -> None:
        self.clock = FakeClock(OLD + 60_000)
        self.young = self.clock.time_ms() - 1_000
        self.connections = FakeConnections(dict.fromkeys(connection_ids, OLD))
        self.transport = FakeTransport(self.clock, seconds_per_post)

    def run(self, seconds: float = 20.0, after: str = "") -> Report:
        now = self.clock.monotonic()
        deadline, workers = Deadline(now + seconds, now + seconds + 0.5), InlineWorkers(self.clock)
        audience = Everyone(self.connections, self.clock, workers, lambda _: 0.1, deadline, after)
        broadcast = Broadcast(self.transport, self.connections, self.clock, workers)
        return broadcast.run(audience, b'"hello"', deadline)


def counts(report: Report) -> dict[str, Any]:
    names = ("sent", "gone", "pending", "failed", "left_over")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def test_everyone_gets_the_message_once_from_every_page(log_lines: LogLines) -> None:
    stage = Stage(*"abcdefghij")
    report = stage.run()
    assert report == Report(10, 0, 0, 0, 0, left_over_exact=True, cursor=None, milliseconds=0)
    assert stage.transport.posts == [(each, '"hello"') for each in "abcdefghij"]
    assert log_lines() == []


def test_an_empty_table_is_not_an_error() -> None:
    assert counts(Stage().run()) == {}


def test_a_gone_row_is_deleted_and_the_others_get_the_message() -> None:
    stage = Stage("a", "left", "z")
    stage.transport.answer("left", GONE)
    assert counts(stage.run()) == {"sent": 2, "gone": 1}
    assert sorted(stage.connections.rows) == ["a", "z"]
    assert stage.clock.slept == []


def test_retries_without_an_answer_are_counted() -> None:
    stage = Stage("a", "b", "c")
    stage.transport.answer("a", OK._replace(attempts=3, repeated=2))
    stage.transport.answer("b", outcome_of(500)._replace(attempts=2, repeated=1))
    report = stage.run()
    assert (report.sent, report.failed, report.repeated) == (2, 1, 3)


def test_a_young_row_is_retried_after_the_others() -> None:
    stage = Stage("a", "z")
    stage.connections.rows["opening"] = stage.young
    stage.transport.answer("opening", GONE, OK)
    assert counts(stage.run()) == {"sent": 3}
    assert [each for each, _ in stage.transport.posts] == ["a", "opening", "z", "opening"]
    assert stage.clock.slept == [1.5]


def test_a_young_row_that_stays_gone_is_pending_and_deleted_later() -> None:
    stage = Stage("a")
    stage.connections.rows["opening"] = stage.young
    stage.transport.answer("opening", GONE)
    assert counts(stage.run()) == {"sent": 1, "pending": 1}
    assert "opening" in stage.connections.rows
    stage.clock.elapsed += 30
    assert counts(stage.run()) == {"sent": 1, "gone": 1}
    assert "opening" not in stage.connections.rows


def test_retries_of_a_young_row_that_stays_gone_are_counted() -> None:
    stage = Stage("a")
    stage.connections.rows["opening"] = stage.young
    stage.transport.answer("opening", GONE._replace(repeated=1), GONE._replace(repeated=2))
    report = stage.run()
    assert (counts(report), report.repeated) == ({"sent": 1, "pending": 1}, 3)


def test_the_wait_for_young_rows_starts_at_their_answer() -> None:
    stage = Stage("z1", "z2", seconds_per_post=1.0)
    stage.connections.rows["a"] = stage.young
    stage.transport.answer("a", GONE, OK)
    assert counts(stage.run()) == {"sent": 3}
    assert stage.clock.slept == [0.0]


def test_without_time_for_the_wait_a_young_row_is_pending_immediately() -> None:
    stage = Stage()
    stage.connections.rows["opening"] = stage.young
    stage.transport.answer("opening", GONE)
    assert counts(stage.run(seconds=1.0)) == {"pending": 1}
    assert stage.clock.slept == []


def test_a_row_that_was_replaced_is_not_deleted() -> None:
    stage = Stage("a")
    original = stage.connections.remove_if_unchanged
    stage.transport.answer("a", GONE)

    def renew_first(recipient: Any) -> Removed | None:
        stage.connections.rows["a"] = OLD + 1
        return original(recipient)

    stage.connections.remove_if_unchanged = renew_first  # type: ignore[method-assign]
    assert counts(stage.run()) == {"gone": 1}
    assert stage.connections.rows == {"a": OLD + 1}


def test_the_row_of_an_invalid_id_is_deleted_and_counted() -> None:
    stage = Stage("a", "rubbish")
    stage.transport.answer("rubbish", MALFORMED)
    assert counts(stage.run()) == {"sent": 1, "gone": 1}
    assert sorted(stage.connections.rows) == ["a"]


@pytest.mark.parametrize(
    ("outcome", "result", "status"),
    [
        (outcome_of(429, "LimitExceededException"), "throttled", 429),
        (outcome_of(503, "503"), "failed", 503),
        (Outcome(Result.FAILED, reason="ReadTimeoutError"), "failed", None),
        (outcome_of(413, "PayloadTooLargeException"), "too_large", 413),
    ],
)
def test_other_failures_are_counted_and_logged_and_delete_nothing(
    outcome: Outcome, result: str, status: int | None, log_lines: LogLines
) -> None:
    stage = Stage("a", "x", "y")
    stage.transport.answer("x", outcome)
    stage.transport.answer("y", outcome)
    assert counts(stage.run()) == {"sent": 1, "failed": 2}
    assert sorted(stage.connections.rows) == ["a", "x", "y"]
    (line,) = log_lines()
    assert line.pop("status", None) == status
    assert line == {
        "level": "WARNING",
        "event": "posts_failed",
        "result": result,
        "reason": outcome.reason,
        "count": 2,
        "connection_ids": ["x", "y"],
    }


def test_many_failures_are_all_counted_and_some_are_named(log_lines: LogLines) -> None:
    stage = Stage(*(f"c{number:03}" for number in range(100)))
    for connection_id in stage.connections.rows:
        stage.transport.answer(connection_id, outcome_of(503, "503"))
    assert counts(stage.run()) == {"failed": 100}
    (line,) = log_lines()
    assert (line["count"], len(line["connection_ids"])) == (100, LOGGED_IDS)


def test_a_refusal_stops_the_broadcast_as_an_error_and_deletes_nothing(
    log_lines: LogLines,
) -> None:
    stage = Stage(*"abcdef")
    stage.transport.answer("b", outcome_of(403, "ForbiddenException"))
    with pytest.raises(PostingRefusedError, match=r"ForbiddenException.*ManageConnections"):
        stage.run()
    assert [each for each, _ in stage.transport.posts] == ["a", "b"]
    assert sorted(stage.connections.rows) == list("abcdef")
    failed, left = log_lines()
    assert (failed["level"], failed["status"], failed["count"]) == ("ERROR", 403, 1)
    assert (left["event"], left["left_over"], left["cursor"]) == ("left_over", 4, "b")


def test_near_the_deadline_it_stops_and_reports_how_many_are_left(
    log_lines: LogLines,
) -> None:
    stage = Stage(*"abcdefghij", seconds_per_post=1.0)
    report = stage.run(seconds=4.0)
    assert counts(report) == {"sent": 4, "left_over": 6}
    assert (report.left_over_exact, report.cursor, report.milliseconds) == (True, "d", 4000)
    (line,) = log_lines()
    assert (line["level"], line["event"], line["left_over"]) == ("WARNING", "left_over", 6)
    rest = stage.run(after=report.cursor or "")
    assert counts(rest) == {"sent": 6}
    assert [each for each, _ in stage.transport.posts] == list("abcdefghij")


def test_a_rest_that_cannot_be_counted_in_time_is_marked_inexact(log_lines: LogLines) -> None:
    stage = Stage(*"abcdefghij", seconds_per_post=1.0)
    stage.connections.counting_busy = 1
    report = stage.run(seconds=2.0)
    assert (report.left_over, report.left_over_exact, report.cursor) == (1, False, "b")
    assert log_lines()[0]["left_over_exact"] is False


def test_a_row_that_cannot_be_deleted_is_logged_and_does_not_matter(
    log_lines: LogLines,
) -> None:
    stage = Stage("a", "left")
    stage.transport.answer("left", GONE)
    stage.connections.problem = StoreError("AccessDenied")
    assert counts(stage.run()) == {"sent": 1, "gone": 1}
    (line,) = log_lines()
    assert (line["event"], line["error"], line["count"]) == ("rows_not_removed", "AccessDenied", 1)


def test_a_client_that_joins_during_a_broadcast_gets_it_at_most_once() -> None:
    stage = Stage("a", "b", "c", "d")
    original = stage.transport.call

    def join(method: Method, connection_id: str, data: bytes, deadline: float) -> Outcome:
        stage.connections.rows |= {"joined-behind-nobody": OLD, "zz": OLD}
        return original(method, connection_id, data, deadline)

    stage.transport.call = join  # type: ignore[method-assign]
    stage.run()
    recipients = [each for each, _ in stage.transport.posts]
    assert len(recipients) == len(set(recipients))


OUTCOMES = st.sampled_from([OK, GONE, MALFORMED, *map(outcome_of, (400, 410, 413, 429, 500))])


@given(st.lists(st.tuples(OUTCOMES, st.booleans()), max_size=12), st.integers(0, 15))
def test_the_counts_add_up_to_the_number_of_connections(
    rows: list[tuple[Outcome, bool]], seconds: int
) -> None:
    stage = Stage(seconds_per_post=1.0)
    for number, (outcome, young) in enumerate(rows):
        stage.connections.rows[f"{number:02}"] = stage.young if young else OLD
        stage.transport.answer(f"{number:02}", outcome)
    assert sum(counts(stage.run(seconds=seconds)).values()) == len(rows)


def test_a_410_that_is_not_api_gateways_is_pending_and_logged_once(log_lines: LogLines) -> None:
    stage = Stage("a", "x", "y")
    stage.connections.rows["y"] = stage.young
    for each in "xy":
        stage.transport.answer(each, outcome_of(410))
    assert counts(stage.run()) == {"sent": 1, "pending": 2}
    assert sorted(stage.connections.rows) == ["a", "x", "y"]
    assert stage.clock.slept == []
    (line,) = log_lines()
    assert (line["event"], line["status"], line["count"]) == ("posts_failed", 410, 2)


@pytest.mark.parametrize("others", [GONE, MALFORMED, outcome_of(410)])
def test_ten_gone_connections_are_pending_until_one_was_reached(
    others: Outcome, log_lines: LogLines
) -> None:
    stage = Stage(*"abcdefghij")
    for each in "abcdefghij":
        stage.transport.answer(each, GONE)
    stage.transport.answer("j", others)
    assert counts(stage.run()) == {"pending": 10}
    assert sorted(stage.connections.rows) == [*"abcdefghij"]
    errors = [line for line in log_lines() if line["level"] == "ERROR"]
    (line,) = errors
    assert (line["event"], line["gone"], line["stage"]) == ("nobody_reached", 10, "v1")
    assert line["endpoint"] == ENDPOINT
    assert line["table"] == "'rows' (from CONNECTIONS_TABLE)"


def test_young_rows_that_stay_gone_count_towards_the_ten() -> None:
    stage = Stage(*"abcdefghi")
    stage.connections.rows["opening"] = stage.young
    for each in stage.connections.rows:
        stage.transport.answer(each, GONE)
    assert counts(stage.run()) == {"pending": 10}
    assert len(stage.connections.rows) == 10


def test_fewer_than_ten_are_deleted_even_if_none_was_reached(log_lines: LogLines) -> None:
    stage = Stage(*"abcdefghi")
    for each in "abcdefghi":
        stage.transport.answer(each, GONE)
    assert counts(stage.run()) == {"gone": 9}
    assert (stage.connections.rows, log_lines()) == ({}, [])


@pytest.mark.parametrize("reached", ["a", "m", "z"])
def test_one_reached_connection_is_enough_at_any_time(reached: str) -> None:
    stage = Stage(reached, *(f"m{number:02}" for number in range(40)))
    for each in stage.connections.rows.keys() - {reached}:
        stage.transport.answer(each, GONE)
    assert counts(stage.run()) == {"sent": 1, "gone": 40}
    assert {*stage.connections.rows} == {reached}


def test_a_warm_process_deletes_all_rows_of_an_emptied_room(log_lines: LogLines) -> None:
    stage = Stage(*"abcdefghijkl")
    assert counts(stage.run()) == {"sent": 12}
    for each in "abcdefghijkl":
        stage.transport.answer(each, GONE)
    assert counts(stage.run()) == {"gone": 12}
    assert (stage.connections.rows, log_lines()) == ({}, [])


PROOFS = (GONE, MALFORMED)
ANY = st.sampled_from(
    [
        *(OK, GONE, MALFORMED, outcome_of(404), outcome_of(502), outcome_of(429)),
        *(outcome_of(410, error) for error in ("", "BadRequestException", "NotFoundException")),
        *(outcome_of(400, error) for error in ("", "GoneException", "ValidationException")),
    ]
)


@given(st.lists(st.tuples(ANY | st.just(GONE), st.booleans()), max_size=30))
def test_rows_are_deleted_only_with_proof_and_the_counts_add_up(
    rows: list[tuple[Outcome, bool]],
) -> None:
    stage, proven = Stage(), set()
    for number, (outcome, young) in enumerate(rows):
        connection_id = f"{number:02}"
        stage.connections.rows[connection_id] = stage.young if young else OLD
        stage.transport.answer(connection_id, outcome)
        if outcome is MALFORMED or (outcome is GONE and not young):
            proven.add(connection_id)
    before = {*stage.connections.rows}
    report = stage.run()
    deleted = before - {*stage.connections.rows}
    doubtful = sum(outcome in PROOFS or outcome.status == 410 for outcome, _ in rows) >= 10
    assert deleted == (set() if doubtful and not report.sent else proven)
    assert report.gone == len(deleted)
    assert sum(counts(report).values()) == len(rows)
