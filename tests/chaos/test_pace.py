"""Processes of the queue's function share the pace of posts to a server over TLS."""

import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from decanter.runtime.clock import Clock, full_jitter
from decanter.runtime.fanout.outbox import Outboxes
from decanter.runtime.publishing.queue import Sender
from decanter.runtime.publishing.run import Tools
from decanter.runtime.publishing.worker import Worker
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Delivery, Transport, open_transport
from decanter.runtime.transports.base import Method, Recipients
from tests.chaos.conftest import FULL
from tests.support.fakes import FakeConnections
from tests.support.marks import THOROUGH
from tests.support.queues import QUEUE, FakeJobs, ids
from tests.support.tls_target import Target, run_target

PACE = int(os.environ.get("QUEUE_PACE", "2000"))
"""A slow machine may set a smaller one: its posts then take as long."""

RECIPIENTS = 50 * PACE if FULL else 1000
TIMEOUT = 15 if FULL else 5


class Jobs(FakeJobs):
    """The job table of several processes."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()

    def write(self, *args: Any) -> bool:
        with self._lock:
            return super().write(*args)


class Shared(SyncManager):
    """The process with the queue and the job table."""


Shared.register("Jobs", Jobs, exposed=["read", "write"])


class Timed:
    """A transport that notes when each post begins."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.reach = transport.reach
        self.begun: list[float] = []

    def call_all(
        self, method: Method, recipients: Recipients, data: bytes, deadline: float
    ) -> Iterator[Delivery]:
        return self._transport.call_all(method, self._noted(recipients), data, deadline)

    def _noted(self, recipients: Recipients) -> Recipients:
        for each in recipients:
            if each is not None:
                self.begun.append(time.monotonic())
            yield each

    def shutdown(self) -> None:
        self._transport.shutdown()


@dataclass
class Context:
    """Lambda's context of a function that starts now."""

    ends: float

    def get_remaining_time_in_millis(self) -> int:
        return round((self.ends - time.monotonic()) * 1000)


def work(jobs: Any, queue: Any, begun: Any, environ: dict[str, str], workers: int) -> None:
    """Run the function for messages of the queue until there is an empty one."""
    os.environ.update(environ)
    settings = Settings.from_env(environ)
    clock, timed = Clock(), list[Timed]()

    def open_timed(endpoint: str, settings: Settings) -> Any:
        timed.append(Timed(open_transport(endpoint, settings)))
        return timed[-1]

    rows = dict.fromkeys(ids(RECIPIENTS), clock.time_ms() - 60_000)
    connections = FakeConnections(rows, page_size=min(2000, RECIPIENTS // 10))
    outboxes = Outboxes(open_timed, connections, clock, full_jitter)
    outboxes.settings = settings
    sender = Sender(settings, lambda url, body, delay_seconds=0: queue.put(body), workers)
    worker = Worker(Tools(outboxes, connections, jobs, sender, clock, full_jitter))
    begun.put(None)
    while body := queue.get():
        record = {"eventSource": "aws:sqs", "messageId": "m", "body": body}
        worker.run({"Records": [record]}, Context(time.monotonic() + TIMEOUT))
        queue.task_done()
    begun.put([at for each in timed for at in each.begun])
    for each in timed:
        each.shutdown()


@pytest.fixture(name="target")
def _target(tmp_path: Path) -> Iterator[Target]:
    with run_target(tmp_path) as target:
        yield target


def busiest(times: list[float]) -> int:
    """Return the most posts in any second."""
    times.sort()
    return max(bisect_left(times, at + 1) - number for number, at in enumerate(times))


@THOROUGH
@pytest.mark.parametrize("workers", [1, 2, 4] if FULL else [2])
def test_processes_keep_the_pace_and_use_it(target: Target, workers: int) -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
        "AWS_CA_BUNDLE": str(target.authorities),
        "DECANTER_MANAGEMENT_ENDPOINT": target.endpoint,
        "DECANTER_QUEUE_URL": QUEUE,
        "DECANTER_POSTS_PER_SECOND": str(PACE),
    }
    spawn = get_context("spawn")
    with Shared(ctx=spawn) as shared:
        jobs, queue, begun = shared.Jobs(), shared.JoinableQueue(), shared.Queue()  # type: ignore[attr-defined]
        arguments = (jobs, queue, begun, environ, workers)
        processes = [spawn.Process(target=work, args=arguments) for _ in range(workers)]
        for process in processes:
            process.start()
        for _ in processes:
            begun.get()
        queue.put('{"method":"everyone","payload":{"data":1}}')
        queue.join()
        for _ in processes:
            queue.put("")
        sent = [at for _ in processes for at in begun.get()]
        for process in processes:
            process.join()
    arrivals = target.arrivals()
    times = [at for at, _ in arrivals]
    seconds = max(sent) - min(sent)
    print(
        f"{workers} workers: {len(sent)} posts in {seconds:.2f} s, "
        f"{seconds * PACE / RECIPIENTS:.3f} of the least, "
        f"at most {busiest(sent)} begin and {busiest(times)} arrive in a second"
    )
    assert Counter(each for _, each in arrivals) == Counter(ids(RECIPIENTS))
    assert busiest(sent) <= PACE
    if FULL:  # a few posts take less time than the processes need to start
        assert seconds <= 1.15 * RECIPIENTS / PACE
