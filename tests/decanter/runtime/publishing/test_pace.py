"""All functions of the queue together keep the account's pace, and use it."""

import os
from bisect import bisect_left
from collections.abc import Iterator

import pytest

from decanter.runtime.errors import DeclarationError, SettingError
from decanter.runtime.publishing.queue import Queue
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Delivery
from decanter.runtime.transports.base import Method, Recipients
from decanter.runtime.transports.throttle import TokenBucket
from tests.support.fakes import OK, FakeClock, FakeTransport
from tests.support.marks import THOROUGH
from tests.support.queues import QueueStage, ids

RECIPIENTS = int(os.environ.get("QUEUE_RECIPIENTS", "20000"))
PACE = 2000


class Paced(FakeTransport):
    """The fast transport's rate limit on a fake clock; every post succeeds."""

    def __init__(self, clock: FakeClock, settings: Settings, times: list[float]) -> None:
        super().__init__(clock)
        self.bucket = TokenBucket.of(settings, clock.monotonic())
        self.times = times

    def call_all(
        self, method: Method, recipients: Recipients, data: bytes, deadline: float
    ) -> Iterator[Delivery]:
        assert self.clock is not None
        for recipient in recipients:
            if recipient is None:
                self.clock.elapsed += 0.001
                continue
            self.bucket.fill(self.clock.monotonic())
            while self.bucket.tokens < 1:
                wait = self.bucket.ready_at(self.clock.monotonic()) - self.clock.monotonic()
                self.clock.elapsed += max(wait, 1e-6)
                self.bucket.fill(self.clock.monotonic())
            self.bucket.tokens -= 1
            self.times.append(self.clock.monotonic())
            self.posts.append((recipient.connection_id, data.decode()))
            yield Delivery(recipient, OK)


@pytest.mark.parametrize("workers", [1, 2, pytest.param(4, marks=THOROUGH)])
def test_the_workers_share_the_pace(workers: int) -> None:
    """Each message goes to the function that is free first; every run is a new process."""
    stage = QueueStage(
        ids(RECIPIENTS),
        segments=workers,
        page_size=2000,
        DECANTER_POSTS_PER_SECOND=str(PACE),
    )
    times: list[float] = []
    posts: list[tuple[str, str]] = []

    def start() -> None:
        stage.start()
        stage.outboxes.open_transport = lambda _, settings: Paced(stage.clock, settings, times)

    stage.broadcast("x", durable=True)
    free = [0.0] * workers
    while stage.queue.messages:
        worker = min(range(workers), key=free.__getitem__)
        stage.clock.elapsed = free[worker]
        start()
        stage.deliver()
        transport = stage.worker._tools.transport()
        assert isinstance(transport, Paced)
        posts += transport.posts
        free[worker] = stage.clock.elapsed
    assert sorted(each for each, _ in posts) == sorted(stage.connections.rows)
    times.sort()
    busiest = max(bisect_left(times, at + 1) - number for number, at in enumerate(times))
    assert busiest <= PACE
    assert times[-1] - times[0] <= 1.15 * RECIPIENTS / PACE


def test_two_broadcasts_together_keep_the_pace() -> None:
    """An item that is not split has the share of one function, too."""
    stage = QueueStage(ids(10), segments=2, DECANTER_POSTS_PER_SECOND="100")
    assert 2 * stage.worker._tools.sender.share <= 100


@pytest.mark.parametrize("concurrency", [0, 1, 1001])
def test_lambda_allows_two_functions_or_more(concurrency: int) -> None:
    with pytest.raises(DeclarationError, match=f"concurrency={concurrency} is not from 2 to 1000"):
        Queue("broadcasts", concurrency=concurrency)


def test_a_pace_too_slow_for_the_functions_is_refused() -> None:
    with pytest.raises(SettingError, match=r"'4'.*set it to 5 or more, because 5 instances"):
        QueueStage([], segments=5, DECANTER_POSTS_PER_SECOND="4")


def test_a_caller_returns_after_its_own_5000_posts() -> None:
    """The time for the others does not count, however many there are."""
    times: list[float] = []
    stage = QueueStage(ids(RECIPIENTS), page_size=2000, DECANTER_POSTS_PER_SECOND=str(PACE))
    stage.outboxes.open_transport = lambda _, settings: Paced(stage.clock, settings, times)
    report = stage.broadcast("x")
    assert (report.sent, len(times), bool(report.queued)) == (5000, 5000, True)
    assert stage.clock.elapsed == pytest.approx(5000 / PACE, rel=0.1)


def test_a_durable_broadcast_posts_nothing_and_reads_nothing() -> None:
    stage = QueueStage(ids(100))
    stage.broadcast("x", durable=True)
    assert (stage.connections.pages_read, stage.transport.posts) == (0, [])
    assert len(stage.queue.sent) == 1
