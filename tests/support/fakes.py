"""Fakes of the framework's dependencies: clock, table, transport."""

import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from decanter.runtime.clock import Clock
from decanter.runtime.errors import StoreBusyError
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.recipients import MAX_AGE_MS, Count, Page, Place, Recipient, Removed
from decanter.runtime.transports import Delivery, Outcome, Result, outcome_of
from decanter.runtime.transports.base import Method, Reach, Recipients, patient
from tests.support.events import CONNECTED_AT

T = TypeVar("T")

OK = outcome_of(200)
GONE = outcome_of(410, "GoneException")
MALFORMED = outcome_of(400, "BadRequestException")
ENDPOINT = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/v1"


class FakeClock(Clock):
    """A clock that advances only by `sleep` or by a test."""

    def __init__(self, now_ms: int = CONNECTED_AT + 60_000) -> None:
        self.started_ms = now_ms
        self.elapsed = 0.0
        self.slept: list[float] = []

    def time_ms(self) -> int:
        return self.started_ms + int(self.elapsed * 1000)

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds


class Turns(Clock):
    """A pause that passes on another clock, and lets the threads that read the table run."""

    def __init__(self, clock: FakeClock | None) -> None:
        self._clock = clock

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / 10)
        if self._clock is not None:
            self._clock.elapsed += seconds


class InlineWorkers(Workers):
    """Runs work immediately, so a test knows when it ran."""

    def start(self, work: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - like an executor
            future.set_exception(error)
        return future


class FakeConnections:
    """A table in memory, read in pages.

    `busy` is the number of reads still to be throttled; `counting_busy` the same for counts.
    """

    def __init__(self, rows: Mapping[str, int] | None = None, page_size: int = 3) -> None:
        self.rows = dict(rows or {})
        self.identity_ends: dict[str, int] = {}
        self.page_size = page_size
        self.busy = 0
        self.counting_busy = 0
        self.pages_read = 0
        self.limits: list[int | None] = []
        self.attributes: dict[str, Any] = {}
        self.problem: Exception | None = None
        self.reading_problem: Exception | None = None

    def record(self, event: Mapping[str, Any], **attributes: Any) -> None:
        if self.problem:
            raise self.problem
        context = event["requestContext"]
        self.rows[context["connectionId"]] = context["connectedAt"]
        self.attributes = attributes

    def remove(self, connection_id: str) -> Removed | None:
        if self.problem:
            raise self.problem
        connected_at = self.rows.pop(connection_id, None)
        if connected_at is None:
            return None
        return Removed(connection_id, connected_at, lambda: self.attributes)

    def remove_if_unchanged(self, recipient: Recipient) -> Removed | None:
        unchanged = self.rows.get(recipient.connection_id) == recipient.connected_at
        return self.remove(recipient.connection_id) if unchanged or self.problem else None

    def remove_if_older(self, connection_id: str, than_ms: int) -> Removed | None:
        older = self.rows.get(connection_id, than_ms) < than_ms
        return self.remove(connection_id) if older or self.problem else None

    def where(self) -> str:
        return "'rows' (from CONNECTIONS_TABLE)"

    def identity_end(self) -> str:
        return "identity_expires_at"

    def identify(self, connection_id: str) -> str | None:
        return "somebody" if connection_id in self.rows else None

    def page(self, after: str, now_ms: int, limit: int | None = None) -> Page:
        if self.busy:
            self.busy -= 1
            raise StoreBusyError("throttled")
        if self.reading_problem:
            raise self.reading_problem
        self.pages_read += 1
        self.limits.append(limit)
        return self._page(after, now_ms)

    def count_after(self, after: str, now_ms: int) -> Count:
        if self.counting_busy:
            self.counting_busy -= 1
            raise StoreBusyError("throttled")
        page = self._page(after, now_ms)
        return Count(len(page.recipients), page.last)

    def _page(self, after: str, now_ms: int) -> Page:
        place = Place.of(after)
        later = sorted(item for item in self.rows.items() if item[0] > place.after)
        if place.segments > 1:
            hashes = ((zlib.crc32(item[0].encode()), item) for item in later)
            later = [item for number, item in hashes if number % place.segments == place.segment]
        ends = self.identity_ends
        rows = [Recipient(*item, ends.get(item[0], 0)) for item in later[: self.page_size]]
        alive = [row for row in rows if row.connected_at > now_ms - MAX_AGE_MS]
        last = rows[-1].connection_id if len(later) > self.page_size else None
        return Page(alive, place.then(last))


class FakeTransport:
    """Gives each connection its scripted answers, the last one repeatedly, and records the posts.

    Each post of a fan-out moves the clock forward by `seconds_per_post`. Without a clock, no
    deadline ever passes.
    """

    def __init__(self, clock: FakeClock | None = None, seconds_per_post: float = 0.0) -> None:
        self.reach = Reach(ENDPOINT)
        self.clock = clock
        self.seconds_per_post = seconds_per_post
        self.answers: dict[str, list[Outcome]] = {}
        self.posts: list[tuple[str, str]] = []
        self.closed: list[str] = []
        self.asked: list[str] = []
        self.before_answer: Callable[[], object] = lambda: None
        self.problem: Exception | None = None

    def answer(self, connection_id: str, *outcomes: Outcome) -> None:
        self.answers[connection_id] = list(outcomes)

    def posted_to(self, connection_id: str) -> list[str]:
        return [text for recipient, text in self.posts if recipient == connection_id]

    def frames_to(self, connection_id: str) -> list[Any]:
        return [json.loads(text) for text in self.posted_to(connection_id)]

    def call(self, method: Method, connection_id: str, data: bytes, deadline: float) -> Outcome:
        if self.problem:
            raise self.problem
        if method == "POST":
            self.posts.append((connection_id, data.decode()))
        else:
            {"GET": self.asked, "DELETE": self.closed}[method].append(connection_id)
        if method == "GET":
            self.before_answer()
        outcomes = self.answers.get(connection_id, [OK if method != "DELETE" else outcome_of(204)])
        outcome = outcomes.pop(0) if len(outcomes) > 1 and method == "POST" else outcomes[0]
        self.reach.reached |= outcome.result is Result.OK
        return outcome

    def call_all(
        self, method: Method, recipients: Recipients, data: bytes, deadline: float
    ) -> Iterator[Delivery]:
        source = patient(recipients, Turns(self.clock))
        while self._in_time(deadline) and (recipient := next(source, None)):
            if self.clock is not None:
                self.clock.elapsed += self.seconds_per_post
            yield Delivery(recipient, self.call(method, recipient.connection_id, data, deadline))

    def _in_time(self, deadline: float) -> bool:
        return self.clock is None or self.clock.monotonic() < deadline

    def shutdown(self) -> None:
        return
