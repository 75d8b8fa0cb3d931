"""The loop: one message on its way to many, over connections that never block."""

import heapq
from collections.abc import Callable, Iterator
from itertools import chain, count
from math import inf

from botocore.exceptions import BotoCoreError

from ..clock import Backoff, Clock
from ..recipients import Recipient
from .bucket import TokenBucket
from .http1 import Answer, BadAnswerError
from .pool import Pool
from .post import Post
from .protocol import UNANSWERED, Delivery, Outcome, Result
from .sigv4 import SignedRequests
from .wire import Connection

SIGNED_FOR_SECONDS = 60.0
TICKS_PER_TIMEOUT = 10
SPARE_SECONDS = 0.0002
"""When nothing happens for so long, the processor is not what limits: then, and only then, another
connection helps."""

_OK, _REFUSED = Result.OK, Result.REFUSED  # found faster than an enumeration's members

Sign = Callable[[], SignedRequests]
"""Gives requests signed at this moment; raises BotoCoreError when there are no credentials."""

Read = Callable[[Answer], Outcome]
"""Says what an answer means."""


class Fanout:
    """One message to many; made for each, on a pool and a pace that outlive it.

    Args:
        pool: gives connections.
        bucket: says when a request may begin.
        clock: times everything.
        backoff: the pauses between attempts.
        timeout: how long an attempt may take, seconds.
        sign: gives the requests.
        read: reads the answers.
    """

    def __init__(
        self,
        pool: Pool,
        bucket: TokenBucket,
        clock: Clock,
        backoff: Backoff,
        timeout: float,
        sign: Sign,
        read: Read,
    ) -> None:
        self._pool = pool
        self._bucket = bucket
        self._clock = clock
        self._backoff = backoff
        self._timeout = timeout
        self._sign = sign
        self._read = read
        self._source: Iterator[Recipient] | None = None
        self._flying: dict[Connection, Post] = {}
        self._at_once: list[Post] = []
        self._later: list[tuple[float, int, Post]] = []
        self._tickets = count()
        self._landed: list[Delivery] = []
        self._spare = True

    def run(
        self, recipients: Iterator[Recipient], retry_until: float, until: float
    ) -> Iterator[Delivery]:
        """Post to them, yielding each delivery when it is known.

        Args:
            recipients: each is taken when its post can begin.
            retry_until: no attempt but the first begins after this, monotonic seconds.
            until: nothing begins and nothing is waited for after this, monotonic seconds.
        """
        self._source = recipients
        self._retry_until = retry_until
        try:
            self._requests = self._sign()
        except BotoCoreError as error:
            yield from self._refuse_all(error, until)
            return
        self._signed_at = self._checked_at = self._clock.monotonic()
        self._pool.wake()
        try:
            yield from self._loop(until)
            yield from self._unfinished()
        finally:
            self._pool.rest(self._flying)

    def _loop(self, until: float) -> Iterator[Delivery]:
        while (now := self._clock.monotonic()) < until:
            self._keep_watch(now)
            patience = self._timeout / TICKS_PER_TIMEOUT if self._spare else SPARE_SECONDS
            wake = min(self._begin(now), until, now + patience)
            if not (self._flying or self._source or self._later or self._at_once):
                return
            began = self._clock.monotonic()
            ready = self._pool.poll(max(0.0, wake - now))
            now = self._clock.monotonic()
            self._spare = now - began > SPARE_SECONDS
            for connection in ready:
                self._proceed(connection, now)
            yield from self._landed
            self._landed.clear()

    def _begin(self, now: float) -> float:
        """Begin as many posts as may; say when, at the earliest, another may."""
        self._bucket.fill(now)
        while self._pool.has_room(may_open=self._spare):
            if self._bucket.tokens < 1:
                return self._bucket.ready_at(now)
            post = self._next(now)
            if post is None:
                return self._later[0][0] if self._later else inf
            self._send(post)
        return inf

    def _next(self, now: float) -> Post | None:
        if self._at_once:
            return self._at_once.pop()
        if self._later and self._later[0][0] <= now:
            return heapq.heappop(self._later)[2]
        if self._source is None:
            return None
        recipient = next(self._source, None)
        if recipient is None:
            self._source = None
            return None
        return Post(recipient)

    def _send(self, post: Post) -> None:
        self._bucket.tokens -= 1
        post.sent_at = self._clock.monotonic()  # taking the recipient may have taken a while
        try:
            connection = self._pool.get(new=post.replayed)
        except OSError as error:
            self._settle(post, _failed(error))
            return
        self._flying[connection] = post
        try:
            connection.start(self._requests.render(post.recipient.connection_id))
        except OSError as error:
            self._lose(connection, error)
        else:
            if connection.wants != connection.watched:
                self._pool.watch(connection)

    def _proceed(self, connection: Connection, now: float) -> None:
        post = self._flying.get(connection)
        if post is None:
            self._pool.check_idle(connection)
            return
        try:
            answer = connection.proceed()
        except (OSError, BadAnswerError) as error:
            self._lose(connection, error)
            return
        if answer is None:
            self._pool.watch(connection)
            return
        del self._flying[connection]
        if answer.reusable:
            self._pool.keep(connection)
        else:
            self._pool.drop(connection)
        outcome = self._read(answer)
        self._bucket.learn(post.sent_at, now, throttled=outcome.throttled)
        if outcome.result is _OK and not post.attempts:  # nearly always: done, and nothing to say
            self._landed.append(Delivery(post.recipient, outcome))
        else:
            self._answer(post, outcome, now)

    def _lose(self, connection: Connection, error: Exception) -> None:
        """A connection is dead; one that was kept may have been so before its request was sent."""
        post = self._flying.pop(connection)
        self._pool.drop(connection)
        if connection.answers and connection.silent and not post.replayed:
            post.replayed = True
            self._at_once.append(post)
        else:
            self._settle(post, _failed(error))

    def _answer(self, post: Post, outcome: Outcome, now: float) -> None:
        if outcome.result is _REFUSED and not post.signed_again:
            post.signed_again, post.outcome = True, outcome
            if self._signed_at > post.sent_at or self._sign_again(now):
                self._at_once.append(post)
                return
        self._settle(post, outcome)

    def _settle(self, post: Post, outcome: Outcome) -> None:
        """An attempt has ended: another one begins later, or that was it."""
        if post.end_attempt(outcome):
            due = self._clock.monotonic() + self._backoff(post.attempts)
            if due < self._retry_until:
                heapq.heappush(self._later, (due, next(self._tickets), post))
                return
        self._landed.append(post.delivery())

    def _keep_watch(self, now: float) -> None:
        """Give up what has taken too long; sign anew before signatures are too old."""
        if now - self._checked_at >= self._timeout / TICKS_PER_TIMEOUT:
            self._checked_at = now
            too_old = now - self._timeout
            for connection in [c for c, post in self._flying.items() if post.sent_at <= too_old]:
                self._pool.drop(connection)
                self._settle(self._flying.pop(connection), _failed(TimeoutError()))
        if now - self._signed_at >= SIGNED_FOR_SECONDS:
            self._sign_again(now)

    def _sign_again(self, now: float) -> bool:
        try:
            self._requests = self._sign()
        except BotoCoreError:
            return False
        self._signed_at = now
        return True

    def _unfinished(self) -> Iterator[Delivery]:
        """What landed last, then what did not land in time."""
        yield from self._landed
        for post in self._flying.values():
            post.outcome = UNANSWERED
        later = (post for _, _, post in self._later)
        for post in chain(self._flying.values(), self._at_once, later):
            yield post.delivery()

    def _refuse_all(self, error: Exception, until: float) -> Iterator[Delivery]:
        """Without credentials no post can begin, so it is as if each had been refused."""
        refusal = Outcome(Result.REFUSED, reason=type(error).__name__)
        while self._clock.monotonic() < until and (post := self._next(0.0)):
            post.outcome = refusal
            yield post.delivery()


def _failed(error: Exception) -> Outcome:
    return Outcome(Result.FAILED, reason=type(error).__name__)
