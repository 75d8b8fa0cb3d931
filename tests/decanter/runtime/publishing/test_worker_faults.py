"""The queue's function under faults: each loss is counted, and each attempt ends."""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from decanter.runtime.errors import (
    PostingRefusedError,
    QueueError,
    StoreBusyError,
    UndeliveredError,
)
from decanter.runtime.transports import Delivery, Outcome, Result, outcome_of
from decanter.runtime.transports.base import Method, Recipients, patient
from tests.support.fakes import OK, FakeClock, FakeTransport, Turns
from tests.support.fixtures import LogLines
from tests.support.queues import DEAD_LETTERS, KilledError, QueueStage, ids

KILLS = 50
RUNS = int(os.environ.get("QUEUE_RUNS", "1"))
MOST_REPEATED = 512
THROTTLED = outcome_of(429, "LimitExceededException")
TIMED_OUT = Outcome(Result.FAILED, reason="ReadTimeoutError")


class InFlight(FakeTransport):
    """A transport with many posts in flight, whose answers come in any order."""

    def __init__(self, clock: FakeClock, chance: random.Random, most: int = 200) -> None:
        super().__init__(clock, 0.001)
        self.chance = chance
        self.most = most
        self.kill_at = 0

    def call_all(
        self, method: Method, recipients: Recipients, data: bytes, deadline: float
    ) -> Iterator[Delivery]:
        flying: list[Delivery] = []
        for recipient in patient(recipients, Turns(self.clock)) if self.most == 0 else recipients:
            if recipient is None:
                if flying:
                    yield flying.pop(self.chance.randrange(len(flying)))
                continue
            assert self.clock is not None
            self.clock.elapsed += self.seconds_per_post
            outcome = self.call(method, recipient.connection_id, data, deadline)
            flying.append(Delivery(recipient, outcome))
            self.kill_if_due()
            if len(flying) >= self.chance.randint(1, self.most):
                yield flying.pop(self.chance.randrange(len(flying)))
        yield from flying

    def kill_if_due(self) -> None:
        if self.kill_at and len(self.posts) >= self.kill_at:
            self.kill_at = 0
            raise KilledError


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_killed_function_loses_nothing_and_repeats_few(seed: int) -> None:
    """It is killed after a random post, before or after a row is written, after an item is sent."""
    chance = random.Random(seed)
    stage = QueueStage(
        ids(KILLS * 200), segments=chance.choice([1, 2, 4]), seconds=10, page_size=1000
    )
    transport = InFlight(stage.clock, chance)
    stage.transport = transport
    kills = 0

    def kill_sometimes() -> None:
        if kills < KILLS and chance.random() < 0.05:
            raise KilledError

    stage.broadcast("x", durable=True)
    stage.jobs.before_write = stage.jobs.after_write = stage.queue.after_send = kill_sometimes
    while True:
        if kills < KILLS:
            transport.kill_at = len(transport.posts) + chance.randint(1, 400)
        before, errors = Counter(stage.received()), len(stage.errors)
        if not stage.deliver():
            break
        killed = stage.errors[errors:]
        kills += len(killed)
        for message in stage.queue.messages:
            message.receives = 0  # as many kills as this would end in the dead-letter queue
        repeated = sum(min(count, before[each]) for each, count in _new(stage, before).items())
        assert repeated <= MOST_REPEATED
    assert kills >= KILLS
    received = stage.received()
    assert min(received.values()) >= 1
    duplicates = sum(count - 1 for count in received.values())
    assert duplicates <= MOST_REPEATED * kills
    assert duplicates <= stage.repeated() <= MOST_REPEATED * kills


def _new(stage: QueueStage, before: Counter[str]) -> Counter[str]:
    return Counter(stage.received()) - before


def test_half_of_the_posts_are_throttled(log_lines: LogLines) -> None:
    """Each is tried again a few times; the others are in the dead-letter queue, with a count."""
    chance = random.Random(7)
    stage = QueueStage(ids(4000), page_size=500)
    never = set(sorted(stage.connections.rows)[:30])

    class Throttled(InFlight):
        def call(self, method: Method, connection_id: str, data: bytes, deadline: float) -> Outcome:
            if connection_id in never or self.chance.random() < 0.5:
                return THROTTLED
            return super().call(method, connection_id, data, deadline)

    stage.transport = Throttled(stage.clock, chance)
    stage.broadcast("x", durable=True)
    stage.drain()
    dead = [
        each for body in stage.queue.dead for each in json.loads(body)["payload"]["connection_ids"]
    ]
    received = stage.received()
    assert set(received.values()) == {0, 1}
    assert sorted(each for each, count in received.items() if not count) == sorted(dead)
    assert never <= set(dead)
    assert len(dead) < 30 + 4000 / 2**5
    assert stage.totals["dead"] == len(dead)
    assert stage.totals["posted"] == 4000 - len(dead)
    lines = [each for each in log_lines() if each["event"] == "dead"]
    assert sum(each["count"] for each in lines) == len(dead)
    assert {each["level"] for each in lines} == {"ERROR"}


def test_the_dead_letters_can_be_tried_again() -> None:
    stage = QueueStage(ids(10))
    missed = next(iter(stage.connections.rows))
    stage.transport.answer(missed, *[THROTTLED] * 6, OK)
    stage.broadcast("x", durable=True)
    stage.drain()
    (body,) = stage.queue.dead
    stage.queue.put(body)
    stage.drain()
    assert stage.transport.posted_to(missed) == ["x"] * 7


def test_without_the_url_of_the_dead_letter_queue_sqs_moves_the_item() -> None:
    stage = QueueStage(ids(10), DECANTER_DEAD_LETTER_QUEUE_URL="")
    missed = next(iter(stage.connections.rows))
    stage.transport.answer(missed, THROTTLED)
    stage.broadcast("x", durable=True)
    stage.drain()
    (body,) = stage.queue.dead
    assert json.loads(body)["payload"]["connection_ids"] == [missed]
    assert [type(each) for each in stage.errors] == [UndeliveredError] * 3
    assert str(stage.errors[0]).startswith("1 connections did not get")
    assert stage.received()[missed] == 8


def test_a_post_without_an_answer_counts_as_repeated() -> None:
    stage = QueueStage(ids(10))
    slow = next(iter(stage.connections.rows))
    stage.transport.answer(slow, TIMED_OUT, OK)
    stage.broadcast("x", durable=True)
    stage.drain()
    assert stage.received()[slow] == 2
    assert stage.repeated() == stage.totals["repeated"] == 1


def test_the_tables_are_throttled_for_a_while() -> None:
    chance = random.Random(3)
    stage = QueueStage(ids(2000))
    stage.transport.seconds_per_post = 0.01
    stage.broadcast("x", durable=True)
    runs = 0
    while stage.queue.messages and runs < 1000:
        runs += 1
        stage.connections.busy = chance.choice([0, 1, 5])
        stage.jobs.busy = chance.choice([0, 0, 0, 1])
        stage.deliver()
    assert set(stage.received().values()) == {1}
    assert stage.queue.dead == []


def test_a_table_that_stays_throttled_ends_in_the_dead_letter_queue() -> None:
    stage = QueueStage(ids(200), seconds=2)
    stage.connections.busy = 10**9
    stage.broadcast("x", durable=True)
    assert stage.drain(100) < 10
    assert len(stage.queue.dead) == 2
    assert {type(each) for each in stage.errors} == {StoreBusyError}
    assert stage.transport.posts == []


def test_sqs_is_away_when_the_rest_is_handed_on() -> None:
    stage = QueueStage(ids(1000), seconds=10)
    stage.transport.seconds_per_post = 0.1
    stage.broadcast("x", durable=True)
    away = iter([False, True] * 100)
    stage.queue.is_away = lambda: next(away)
    stage.drain()
    stage.queue.is_away = lambda: False
    while stage.queue.dead:
        stage.queue.put(stage.queue.dead.pop())
    stage.drain()
    assert set(stage.received().values()) == {1}
    assert {type(each) for each in stage.errors} == {QueueError}


def test_sqs_is_away_for_the_caller(log_lines: LogLines) -> None:
    stage = QueueStage(ids(300), DECANTER_INLINE_RECIPIENTS="100")
    stage.queue.is_away = lambda: True
    report = stage.broadcast("x")
    assert (report.sent, report.queued, report.left_over_exact) == (100, None, False)
    assert [each["event"] for each in log_lines() if each["level"] == "ERROR"] == ["not_queued"]
    with pytest.raises(QueueError):
        stage.broadcast("x", durable=True)
    stage.queue.is_away = lambda: False
    rest = stage.publisher.broadcast("x", report.cursor, (), None)
    assert (rest.sent, bool(rest.queued)) == (100, True)
    stage.drain()
    assert set(stage.received().values()) == {1}


def test_a_function_that_may_not_post_loses_nothing() -> None:
    stage = QueueStage(ids(300))
    refused = sorted(stage.connections.rows)[7]
    stage.transport.answer(refused, outcome_of(403, "ForbiddenException"))
    stage.broadcast("x", durable=True)
    stage.drain()
    assert {type(each) for each in stage.errors} == {PostingRefusedError}
    assert len(stage.queue.dead) == 1
    stage.transport.answer(refused, OK)
    stage.queue.put(stage.queue.dead.pop())
    stage.drain()
    received = stage.received()
    assert min(received.values()) == 1


def test_two_functions_with_one_message_do_not_post_twice() -> None:
    """While the first posts, the second gets a copy of its message."""
    stage = QueueStage(ids(300), segments=1)
    stage.broadcast("x", durable=True)
    copy = stage.queue.messages[0].body
    state = {"begun": False}

    def second() -> None:
        if not state["begun"]:
            state["begun"] = True
            stage.queue.put(copy.replace('"hops"', '"x"'))
            stage.queue.messages[-1].id = stage.queue.messages[0].id
            stage.queue.messages[-1].visible_at = 0
            stage.deliver()

    stage.transport.before_answer = second
    original = stage.transport.call

    def call(method: Method, connection_id: str, data: bytes, deadline: float) -> Outcome:
        second()
        return original(method, connection_id, data, deadline)

    stage.transport.call = call  # type: ignore[method-assign]
    stage.drain()
    assert set(stage.received().values()) == {1}


def test_a_run_that_ends_at_the_deadline_gives_the_unanswered_another_attempt() -> None:
    stage = QueueStage(ids(100), seconds=3)
    slow = sorted(stage.connections.rows)[5]
    stage.transport.answer(slow, TIMED_OUT, TIMED_OUT, OK)
    stage.broadcast("x", durable=True)
    stage.drain()
    assert min(stage.received().values()) == 1
    assert DEAD_LETTERS not in stage.queue.dead
