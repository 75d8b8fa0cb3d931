"""A queue, its function and its tables in memory, on one fake clock."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from decanter.runtime.errors import DecanterError, QueueError, StoreBusyError, TooLarge
from decanter.runtime.fanout.outbox import Outboxes
from decanter.runtime.publishing.publisher import Publisher
from decanter.runtime.publishing.queue import Sender
from decanter.runtime.publishing.run import Tools
from decanter.runtime.publishing.sqs import MOST_BYTES
from decanter.runtime.publishing.worker import Worker
from decanter.runtime.settings import Settings
from decanter.runtime.store.jobs import Row
from tests.support.events import CONNECTED_AT
from tests.support.fakes import ENDPOINT, FakeClock, FakeConnections, FakeTransport, InlineWorkers

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/broadcasts"
DEAD_LETTERS = f"{QUEUE}-dead"
MOST_RECEIVES = 3


class KilledError(BaseException):
    """The process is killed: no code of it runs any more."""


class FakeJobs:
    """The job table in memory. `busy` is the number of calls still to be throttled."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.busy = 0
        self.before_write: Callable[[], object] = lambda: None
        self.after_write: Callable[[], object] = lambda: None

    def read(self, job_id: str) -> Row | None:
        self._throttle()
        return self.rows.get(job_id)

    def write(
        self, job_id: str, owner: str, state: Mapping[str, Any], now_ms: int, before: Sequence[str]
    ) -> bool:
        self._throttle()
        self.before_write()
        row = self.rows.get(job_id)
        if (row is None and before) or (row and row.owner not in (owner, *before)):
            return False
        self.rows[job_id] = Row(owner, json.loads(json.dumps(state)))
        self.after_write()
        return True

    def _throttle(self) -> None:
        if self.busy:
            self.busy -= 1
            raise StoreBusyError("throttled")


@dataclass
class Message:
    body: str
    visible_at: float
    id: str
    receives: int = 0


@dataclass
class FakeQueue:
    """SQS: delays, visibility timeouts, and a dead-letter queue after three receives."""

    clock: FakeClock
    visibility: float
    messages: list[Message] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    is_away: Callable[[], bool] = lambda: False
    after_send: Callable[[], object] = lambda: None

    def send(self, url: str, body: str, delay_seconds: int = 0) -> None:
        if self.is_away():
            raise QueueError("SQS does not take the message")
        if len(body) > MOST_BYTES:
            raise TooLarge(len(body), MOST_BYTES)
        assert body.isascii()
        assert delay_seconds <= 900
        if url == DEAD_LETTERS:
            self.dead.append(body)
        else:
            assert url == QUEUE
            self.put(body, delay_seconds)
        self.after_send()

    def put(self, body: str, delay_seconds: float = 0) -> None:
        self.sent.append(body)
        at = self.clock.monotonic() + delay_seconds
        self.messages.append(Message(body, at, f"m{len(self.sent)}"))

    def receive(self) -> Message | None:
        """Return the next message, or move the clock to it; None if the queue is empty."""
        while self.messages:
            message = min(self.messages, key=lambda each: each.visible_at)
            wait = message.visible_at - self.clock.monotonic()
            if wait > 0:
                self.clock.elapsed += wait
            if message.receives == MOST_RECEIVES:
                self.messages.remove(message)
                self.dead.append(message.body)
                continue
            message.receives += 1
            message.visible_at = self.clock.monotonic() + self.visibility
            return message
        return None


class QueueStage:
    """A router's queue with everything around it.

    Args:
        ids: the connections.
        segments: how many functions may run at the same time.
        seconds: a function's timeout.
        environ: further settings.
    """

    def __init__(
        self,
        ids: Sequence[str],
        *,
        segments: int = 2,
        seconds: float = 60,
        page_size: int = 50,
        **environ: str,
    ) -> None:
        self.clock = FakeClock()
        self.connections = FakeConnections(dict.fromkeys(ids, CONNECTED_AT), page_size)
        self.jobs = FakeJobs()
        self.queue = FakeQueue(self.clock, 6 * seconds)
        self.transport = FakeTransport(self.clock)
        self.seconds = seconds
        self.segments = segments
        self.settings = Settings.from_env(
            {
                "DECANTER_MANAGEMENT_ENDPOINT": ENDPOINT,
                "AWS_REGION": "eu-west-1",
                "DECANTER_QUEUE_URL": QUEUE,
                "DECANTER_DEAD_LETTER_QUEUE_URL": DEAD_LETTERS,
                **environ,
            }
        )
        self.totals: dict[str, int] = {}
        self.errors: list[BaseException] = []
        self.start()

    def start(self) -> None:
        """Start a process of the function, which has nothing of an earlier one."""
        self.outboxes = Outboxes(
            lambda endpoint, settings: self.transport,
            self.connections,
            self.clock,
            lambda _: 0.1,
            rest=lambda: self.sender,
        )
        self.outboxes.settings = self.settings
        self.outboxes._workers = InlineWorkers(self.clock)
        self.sender = Sender(self.settings, self.queue.send, self.segments)
        self.publisher = Publisher(self.outboxes)
        tools = (self.outboxes, self.connections, self.jobs, self.sender, self.clock)
        self.worker = Worker(Tools(*tools, lambda _: 0.1))

    def broadcast(self, frame: Any, **options: Any) -> Any:
        return self.publisher.broadcast(frame, "", options.pop("exclude", ()), None, **options)

    @property
    def context(self) -> Any:
        end = self.clock.monotonic() + self.seconds
        return SimpleNamespace(
            get_remaining_time_in_millis=lambda: round((end - self.clock.monotonic()) * 1000)
        )

    def deliver(self) -> bool:
        """Run the function with the next message; False if there is none."""
        message = self.queue.receive()
        if message is None:
            return False
        record = {
            "eventSource": "aws:sqs",
            "messageId": message.id,
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": str(message.receives)},
        }
        try:
            totals = self.worker.run({"Records": [record]}, self.context)
        except DecanterError as error:
            self.errors.append(error)
        except KilledError as killed:
            self.errors.append(killed)
            self.start()
        else:
            json.dumps(totals)
            for name, count in totals.items():
                self.totals[name] = self.totals.get(name, 0) + count
            self.queue.messages.remove(message)
        return True

    def drain(self, most: int = 100_000) -> int:
        """Run the function until the queue is empty; return how often it ran."""
        for runs in range(most):
            if not self.deliver():
                return runs
        raise AssertionError(f"{len(self.queue.messages)} messages after {most} runs")

    def received(self) -> dict[str, int]:
        """Return how many frames each connection has got."""
        counts = dict.fromkeys(self.connections.rows, 0)
        for connection_id, _ in self.transport.posts:
            counts[connection_id] = counts.get(connection_id, 0) + 1
        return counts

    def repeated(self) -> int:
        """Return the sum of what the rows of the job table call repeated."""
        return sum(row.state.get("repeated", 0) for row in self.jobs.rows.values())


def ids(count: int, seed: int = 1) -> list[str]:
    """Return connection ids of API Gateway's form."""
    chance = random.Random(seed)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return ["".join(chance.choices(letters, k=15)) + "=" for _ in range(count)]


__all__ = ["DEAD_LETTERS", "QUEUE", "FakeJobs", "FakeQueue", "KilledError", "QueueStage", "ids"]
