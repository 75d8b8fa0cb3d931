"""The sweep, with a fake table, transport and clock."""

from concurrent.futures import Future
from typing import Any, ClassVar

import pytest

from decanter.runtime.errors import MissingTableError, OutOfTimeError, StoreError
from decanter.runtime.fanout.broadcast import GRACE_MS
from decanter.runtime.fanout.outbox import Outboxes
from decanter.runtime.fanout.sweep import CONCURRENCY, METRICS, Sweeper
from decanter.runtime.recipients import BEGINNING, Page
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Transport, outcome_of
from decanter.runtime.transports.base import UNANSWERED
from tests.support.events import CONNECTED_AT
from tests.support.fakes import (
    ENDPOINT,
    GONE,
    MALFORMED,
    FakeClock,
    FakeConnections,
    FakeTransport,
    InlineWorkers,
)
from tests.support.fixtures import LogLines

NAMES = ("swept", "gone", "closed", "kept", "complete")


class Context:
    """Lambda's context, with this much time left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class Place:
    """A table of connections that are one minute old, and its sweeper."""

    def __init__(self, *connection_ids: str, page_size: int = 3, **environment: str) -> None:
        self.clock = FakeClock(CONNECTED_AT + 60_000)
        self.table = FakeConnections(dict.fromkeys(connection_ids, CONNECTED_AT), page_size)
        self.transport = FakeTransport(self.clock)
        self.opened: list[tuple[str, Settings]] = []
        self.outboxes = Outboxes(self.open, self.table, self.clock, lambda _: 0.0)
        variables = {"DECANTER_MANAGEMENT_ENDPOINT": ENDPOINT} | environment
        self.outboxes.settings = Settings.from_env(variables)
        self.begins = BEGINNING
        workers = InlineWorkers(self.clock)
        self.sweeper = Sweeper(
            self.outboxes, self.table, self.clock, workers, anywhere=lambda: self.begins
        )

    def open(self, endpoint: str, settings: Settings) -> Transport:
        self.opened.append((endpoint, settings))
        return self.transport

    def sweep(self, seconds: float = 28) -> tuple[Any, ...]:
        report = self.sweeper.run(Context(seconds))
        self.problem: str | None = report["problem"]
        return tuple(report[name] for name in NAMES)


def test_only_rows_of_gone_connections_are_deleted() -> None:
    place = Place("a", "b", "c", "d", "e", "f", "g")
    for each in "bf":
        place.transport.answer(each, GONE)
    place.transport.answer("c", MALFORMED)
    assert place.sweep() == (7, 3, 0, 4, True)
    assert {*place.table.rows} == {*"adeg"}
    assert place.transport.asked == [*"abcdefg"]
    assert (place.transport.posts, place.transport.closed) == ([], [])


def test_an_empty_table_is_swept() -> None:
    assert Place().sweep() == (0, 0, 0, 0, True)


def test_a_young_row_is_kept_without_a_call() -> None:
    """Its `$connect` handler may still run, and @connections would answer 410."""
    place = Place("old", "young")
    place.table.rows["young"] = CONNECTED_AT + 60_000 - GRACE_MS + 1
    place.transport.answer("young", GONE)
    assert place.sweep() == (2, 0, 0, 2, True)
    assert place.transport.asked == ["old"]
    place.clock.elapsed += 1
    assert place.sweep() == (2, 1, 0, 1, True)


def test_a_row_that_was_replaced_is_kept() -> None:
    place = Place("a")
    place.transport.answer("a", GONE)
    place.transport.before_answer = lambda: place.table.rows.update(a=CONNECTED_AT + 1)
    assert place.sweep() == (1, 1, 0, 0, True)
    assert place.table.rows == {"a": CONNECTED_AT + 1}


def test_an_expired_identity_closes_the_connection_and_keeps_the_row() -> None:
    place = Place("a", "b", "c")
    now = place.clock.time_ms() // 1000
    place.table.identity_ends = {"a": now - 1, "b": now, "c": now + 1}
    assert place.sweep() == (3, 0, 2, 1, True)
    assert (place.transport.closed, place.transport.asked) == (["a", "b"], ["c"])
    assert {*place.table.rows} == {*"abc"}


def test_a_gone_connection_with_an_expired_identity_loses_its_row() -> None:
    """If a `$disconnect` never came, the next sweep deletes the row in the same way."""
    place = Place("a")
    place.table.identity_ends = {"a": 1}
    place.transport.answer("a", GONE)
    assert place.sweep() == (1, 1, 0, 0, True)
    assert place.table.rows == {}


@pytest.mark.parametrize("begins", ["", "a", "cc", "d", "g", "zzz"])
def test_it_covers_the_table_once_from_any_start(begins: str) -> None:
    place = Place(*"abcdefg")
    place.begins = begins
    assert place.sweep() == (7, 0, 0, 7, True)
    assert sorted(place.transport.asked) == [*"abcdefg"]


@pytest.mark.parametrize("gone", ["cde", "abcdefg"])
def test_it_covers_the_table_even_if_its_first_rows_are_gone(gone: str) -> None:
    place = Place(*"abcdefg")
    place.begins = "b"
    for each in gone:
        place.transport.answer(each, GONE)
    assert place.sweep() == (7, len(gone), 0, 7 - len(gone), True)
    assert sorted(place.transport.asked) == [*"abcdefg"]


def test_it_covers_the_table_even_if_its_first_rows_were_deleted() -> None:
    """A batch is deleted during the sweep, and a row that stays is found again."""
    ids = [f"c{number:04}" for number in range(100)]
    place = Place(*ids, page_size=30)
    place.begins = ids[9]
    for each in ids[10:60]:
        place.transport.answer(each, GONE)
    assert place.sweep() == (100, 50, 0, 50, True)
    assert sorted(place.transport.asked) == ids


def test_the_next_run_sweeps_the_rest() -> None:
    """One second for each page of ten rows, minus the margin."""
    ids = [f"c{number:04}" for number in range(100)]
    place = Place(*ids, page_size=10, DECANTER_SWEEP_PER_SECOND="10")
    assert place.sweep(seconds=5.5) == (50, 0, 0, 50, False)
    assert place.transport.asked == ids[:50]
    assert place.sweep(seconds=5.5) == (50, 0, 0, 50, False)
    assert place.transport.asked == ids


def test_ten_thousand_rows_are_swept_run_by_run() -> None:
    ids = [f"c{number:05}" for number in range(10_000)]
    place = Place(*ids, page_size=500, DECANTER_SWEEP_PER_SECOND="500")
    place.begins = ids[1234]
    for each in ids[::7]:
        place.transport.answer(each, GONE)
    place.clock.started_ms += 60_000
    runs = [place.sweep(seconds=10) for _ in range(3)]
    assert max(run[0] for run in runs) == 5000
    assert [run[-1] for run in runs] == [False, False, False]
    assert sum(run[1] for run in runs) == len(ids[::7])
    assert {*place.table.rows} == {*ids} - {*ids[::7]}


def test_it_respects_the_rate_limit_and_the_concurrency() -> None:
    ids = [f"c{number:04}" for number in range(1000)]
    place = Place(*ids, page_size=100, DECANTER_SWEEP_PER_SECOND="100")
    assert place.sweep(seconds=900) == (1000, 0, 0, 1000, True)
    assert place.clock.elapsed == pytest.approx(9)
    assert {*place.table.limits} == {100}
    ((endpoint, settings),) = place.opened
    assert (endpoint, settings.concurrency) == (ENDPOINT, CONCURRENCY)


def test_the_duration_of_calls_does_not_reduce_the_rate() -> None:
    ids = [f"c{number:04}" for number in range(30)]
    place = Place(*ids, page_size=10, DECANTER_SWEEP_PER_SECOND="10")
    place.transport.seconds_per_post = 0.05
    place.sweep(seconds=900)
    assert place.clock.slept == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("status", "level", "problem"),
    [
        (403, "ERROR", "refused (ForbiddenException): grant execute-api:ManageConnections"),
        (429, "WARNING", "asking about a connection ended as throttled (429)"),
        (500, "WARNING", "asking about a connection ended as failed (500)"),
    ],
)
def test_another_answer_ends_the_run_and_deletes_nothing(
    status: int, level: str, problem: str, log_lines: LogLines
) -> None:
    place = Place(*"abcdefg")
    place.transport.answer("b", outcome_of(status, "ForbiddenException" if status == 403 else ""))
    place.transport.answer("c", GONE)
    assert place.sweep() == (2, 0, 0, 2, False)
    assert {*place.table.rows} == {*"abcdefg"}
    (line,) = log_lines()
    assert (line["event"], line["level"], line["complete"]) == ("sweep", level, False)
    assert problem in line["problem"]


def test_a_410_that_is_not_api_gateways_ends_the_run_and_deletes_nothing(
    log_lines: LogLines,
) -> None:
    place = Place(*"abc")
    place.transport.answer("b", outcome_of(410))
    assert place.sweep() == (2, 0, 0, 2, False)
    assert {*place.table.rows} == {*"abc"}
    (line,) = log_lines()
    assert line["problem"] == "asking about a connection ended as failed (410)"


@pytest.mark.parametrize("expired", [0, 5, 12])
def test_ten_gone_connections_are_kept_until_one_was_reached(
    expired: int, log_lines: LogLines
) -> None:
    """Connections with an expired identity too: the sweep closes them, and gets 410."""
    place = Place(*"abcdefghijkl", page_size=5)
    place.table.identity_ends = dict.fromkeys("abcdefghijkl"[:expired], 1)
    for each in "abcdefghijkl":
        place.transport.answer(each, GONE)
    assert place.sweep() == (12, 0, 0, 12, True)
    assert {*place.table.rows} == {*"abcdefghijkl"}
    (line,) = log_lines()
    assert (line["event"], line["level"]) == ("sweep", "ERROR")
    for value in (ENDPOINT, "'v1'", "'rows' (from CONNECTIONS_TABLE)"):
        assert value in line["problem"]


def test_a_doubtful_endpoint_is_reported_even_if_the_table_ends_the_run(
    log_lines: LogLines,
) -> None:
    place = Place(*"abcdefghijkl", page_size=10)
    for each in "abcdefghijkl":
        place.transport.answer(each, GONE)
    place.transport.before_answer = lambda: setattr(place.table, "busy", 1)
    assert place.sweep() == (10, 0, 0, 10, False)
    (line,) = log_lines()
    assert (line["level"], "10 connections are said to be gone" in line["problem"]) == (
        "ERROR",
        True,
    )


def test_a_process_that_reached_a_connection_sweeps_an_emptied_table() -> None:
    place = Place(*"abcdefghijkl")
    assert place.sweep() == (12, 0, 0, 12, True)
    for each in "abcdefghijkl":
        place.transport.answer(each, GONE)
    assert place.sweep() == (12, 12, 0, 0, True)
    assert place.table.rows == {}


def test_a_call_in_flight_at_the_deadline_is_not_a_problem() -> None:
    place = Place(*"abc")
    place.transport.seconds_per_post = 100
    place.transport.answer("a", UNANSWERED)
    assert place.sweep() == (1, 0, 0, 1, False)
    assert place.problem is None


def test_a_row_that_always_fails_does_not_block_the_rows_after_it() -> None:
    place = Place(*"abcdefg")
    place.transport.answer("b", outcome_of(500))
    place.sweep()
    place.sweep()
    assert [*"defg"] == place.transport.asked[2:6]


def test_a_throttled_table_ends_the_run(log_lines: LogLines) -> None:
    place = Place("a")
    place.table.busy = 1
    assert place.sweep() == (0, 0, 0, 0, False)
    (line,) = log_lines()
    assert (line["level"], line["problem"]) == ("WARNING", "throttled")


class Waiting(InlineWorkers):
    """Workers whose work never ends in time."""

    def result(self, begun: Future[Any], until: float) -> Any:
        raise OutOfTimeError


def test_a_table_that_does_not_answer_in_time_ends_the_run(log_lines: LogLines) -> None:
    place = Place("a")
    Sweeper(place.outboxes, place.table, place.clock, Waiting(place.clock)).run(Context(28))
    (line,) = log_lines()
    assert line["level"] == "WARNING"
    assert line["problem"] == "a page of the table could not be read in time"


@pytest.mark.parametrize(
    "problem", [StoreError("AccessDenied"), MissingTableError("t", "CONNECTIONS_TABLE")]
)
def test_a_table_that_cannot_be_read_is_an_error_in_one_line(
    problem: Exception, log_lines: LogLines
) -> None:
    place = Place("a")
    place.table.reading_problem = problem
    assert place.sweep() == (0, 0, 0, 0, False)
    (line,) = log_lines()
    assert (line["level"], line["problem"]) == ("ERROR", str(problem))


def test_rows_that_cannot_be_deleted_are_reported(log_lines: LogLines) -> None:
    place = Place("a", "b")
    place.transport.answer("a", GONE)
    place.table.problem = StoreError("AccessDenied")
    place.sweep()
    assert [line["event"] for line in log_lines()] == ["rows_not_removed", "sweep"]
    assert {*place.table.rows} == {"a", "b"}


def test_without_an_endpoint_the_error_names_the_variable(log_lines: LogLines) -> None:
    place = Place("a", DECANTER_MANAGEMENT_ENDPOINT="")
    assert place.sweep() == (0, 0, 0, 0, False)
    (line,) = log_lines()
    assert line["level"] == "ERROR"
    assert line["problem"].startswith("DECANTER_MANAGEMENT_ENDPOINT is not set: set it to the URL")


def test_one_line_has_the_figures_and_metrics_only_with_a_namespace(
    log_lines: LogLines,
) -> None:
    Place("a").sweep()
    assert log_lines() == [
        {
            "level": "INFO",
            "event": "sweep",
            "swept": 1,
            "gone": 0,
            "closed": 0,
            "kept": 1,
            "complete": True,
            "milliseconds": 0,
        }
    ]


def test_its_metrics_differ_from_those_of_broadcasts(log_lines: LogLines) -> None:
    """The names are the same, so the line's event distinguishes them."""
    place = Place("a", DECANTER_METRICS_NAMESPACE="Decanter/prod")
    place.sweep()
    (line,) = log_lines()
    assert line["_aws"]["Timestamp"] == place.clock.time_ms()
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Decanter/prod", [["event"]])
    assert {each["Name"]: each["Unit"] for each in metrics["Metrics"]} == METRICS
    assert all(isinstance(line[name], int) for name in METRICS)


class Noting(FakeConnections):
    """A table that records the keys after which it was read."""

    keys: ClassVar[list[str]] = []

    def page(self, after: str, now_ms: int, limit: int | None = None) -> Page:
        self.keys.append(after)
        return super().page(after, now_ms, limit)


def test_a_processs_first_run_starts_at_a_random_key() -> None:
    place = Place()
    for _ in range(2):
        Sweeper(place.outboxes, Noting(), place.clock, InlineWorkers(place.clock)).run(None)
    first, top, second, again = Noting.keys
    assert (top, again) == (BEGINNING, BEGINNING)
    assert len(first) == len(second) == 16
    assert first != second
