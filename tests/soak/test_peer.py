"""A peer that answers anything, closes at any byte and hangs: every loss is counted."""

import random
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from decanter.runtime.clock import Clock
from decanter.runtime.errors import PostingRefusedError, StoreBusyError
from decanter.runtime.fanout.outbox import Outboxes
from decanter.runtime.fanout.report import Report
from decanter.runtime.settings import Settings
from decanter.runtime.transports import TRANSPORTS, open_transport
from decanter.runtime.transports.base import MANY_GONE
from tests.soak.conftest import NOTES, size
from tests.soak.hostile_peer import IDS, Answer, HostilePeer, Mood, run_hostile_peer
from tests.support.events import message_event
from tests.support.fakes import FakeConnections

TIMEOUT_SECONDS = 0.4
TRIES = 3
MOST_TRIES = 3 + 3 + 3
"""Three tries of the fast transport, three of botocore's, and three more for a young row."""
MARGIN_MS = 500
"""A broadcast ends this long before its function's time is over."""
CLASSES = ("sent", "gone", "pending", "failed", "left_over")


class Hasty(Clock):
    """Skips the pause before young rows are tried again."""

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.001))


@dataclass
class Context:
    """Lambda's context."""

    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


class Service:
    """A process of the service, with a table in memory."""

    def __init__(self, name: str, hostile: HostilePeer, url: str) -> None:
        self.hostile = hostile
        self.cuts_heads = name == "fast"
        self.connections = FakeConnections(page_size=6)
        clock = Hasty()
        self.outboxes = Outboxes(
            lambda endpoint, settings: open_transport(endpoint, settings, clock, lambda _: 0.0),
            self.connections,
            clock,
            lambda _: 0.0,
        )
        self.outboxes.settings = Settings(
            management_endpoint=url,
            region="eu-west-1",
            transport=name,
            concurrency=6,
            post_timeout_seconds=TIMEOUT_SECONDS,
        )
        self.transport = self.outboxes.transport(url, self.outboxes.settings)


class Run:
    """One broadcast against one mood of the peer. The same seed gives the same run."""

    def __init__(self, seed: str, service: Service) -> None:
        chance = random.Random(seed)
        self.seed = seed
        self.played = 0
        self.service = service
        self.mood_seed = chance.random()
        names = [chance.choice(IDS) + f"{n}" for n in range(chance.randrange(1, 16))]
        self.ages = {name: chance.choice([5_000, 60_000, 60_000]) for name in names}
        self.context = Context(chance.choice([20_000, 20_000, 20_000, MARGIN_MS + 50]))
        self.report: Report | None = None
        self.problem: Exception | None = None

    def play(self) -> float:
        """Broadcast, and return the seconds that this took."""
        service, began, now_ms = self.service, time.monotonic(), Clock().time_ms()
        self.played += 1  # a late request of another try has another message
        self.message = f"{self.seed}, try {self.played}"
        self.mood = Mood(random.Random(self.mood_seed), cuts_heads=service.cuts_heads)
        service.hostile.begin(self.mood)
        service.connections.rows = {name: now_ms - age for name, age in self.ages.items()}
        service.transport.reach.reached = service.transport.reach.handed_over = False
        try:
            outbox = service.outboxes.of(message_event(""), self.context)
            self.report = outbox.broadcast(self.message)
        except (PostingRefusedError, StoreBusyError) as error:
            self.report, self.problem = None, error
        return time.monotonic() - began

    def check(self) -> None:
        answers = self.service.hostile.answers(self.message)
        removed = {*self.ages} - {*self.service.connections.rows}
        said_gone = {each for each, done in answers.items() if done[-1].gone}
        assert removed <= said_gone, f"{self.message}: the row of an open connection is lost"
        assert all(len(done) <= MOST_TRIES for done in answers.values()), self.message
        report, in_time = self.report, self.context.milliseconds > MARGIN_MS + 1000
        if report is None:
            statuses = {(each.cut or each).status for done in answers.values() for each in done}
            assert statuses & {401, 403} or (not statuses and not in_time), self.problem
            return
        fields = report.as_fields()
        counted = sum(fields[each] for each in CLASSES)
        assert counted == len(self.ages) or not report.left_over_exact, (self.message, fields)
        assert counted <= len(self.ages)
        assert report.left_over_exact or not in_time
        assert len(removed) == report.gone
        reached = any(200 <= each.status < 300 for done in answers.values() for each in done)
        if report.gone >= MANY_GONE:
            assert reached
        if self.service.transport.reach.handed_over and self.service.cuts_heads:
            return  # botocore reads a cut head as an answer, and the ledger does not
        again = sum(map(repeats, answers.values()))
        assert report.repeated >= again, f"{self.message}: an uncounted repetition"
        if self.mood.polite and in_time:
            assert report.repeated == again, self.message
            finished = [done[-1].status for done in answers.values()]
            sent = sum(200 <= status < 300 for status in finished)
            assert report.sent == sent, self.message


def repeats(answers: list[Answer]) -> int:
    """Return how often a request was read whole, left without an answer, and came again."""
    return sum(each.status == 0 for each in answers[:-1])


def settled(run: Run) -> None:
    """Play and check a run; again if the machine may have been too slow for the timeout."""
    for attempt in range(TRIES):
        seconds = run.play()
        try:
            run.check()
        except AssertionError:
            if seconds < TIMEOUT_SECONDS or attempt == TRIES - 1:
                raise
        else:
            return


@pytest.mark.parametrize("name", sorted(TRANSPORTS))
def test_every_loss_and_every_repetition_is_counted(seed: int, name: str, signed: None) -> None:
    """Each recipient is in one count, and each possible duplicate is counted."""
    totals = Counter[str]()
    with run_hostile_peer() as (hostile, url):
        service = Service(name, hostile, url)
        for number in range(size(10_000, 20)):
            run = Run(f"{seed}/{number}", service)
            settled(run)
            if run.report:
                fields = run.report.as_fields()
                totals.update({each: fields[each] for each in (*CLASSES, "repeated")})
            else:
                totals["refused"] += 1
        service.transport.shutdown()
    NOTES.append(f"hostile peer, {name}: {number + 1:,} runs, {dict(totals)}")
    assert min(totals["sent"], totals["gone"], totals["failed"], totals["repeated"]) > 0
