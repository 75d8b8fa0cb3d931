"""The loop: one message on its way to many, over connections that never block.

`Post` is one recipient's request, from attempt to attempt; `Backlog` holds those that wait.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import chain, count
from math import inf

from botocore.exceptions import BotoCoreError, ClientError

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.recipients import Recipient
from decanter.runtime.transports.base import (
    DONE,
    RETRIES,
    UNANSWERED,
    Delivery,
    Method,
    Outcome,
    Reach,
    Result,
    broken_off,
)
from decanter.runtime.transports.fast.connection import Connection
from decanter.runtime.transports.fast.http1 import PLAIN, BadAnswerError
from decanter.runtime.transports.fast.pool import Pool
from decanter.runtime.transports.fast.sigv4 import SignedRequests
from decanter.runtime.transports.fast.throttle import TokenBucket

_OK = Result.OK  # a global is found faster than an enumeration's member


class Post:
    """A request on its way to one connection.

    Args:
        recipient: whose connection.

    Attributes:
        outcome: of the last attempt.
        attempts: those that have ended.
        throttled: whether any was answered 429.
        repeated: how often another followed one without an answer.
        sent_at: when the last one began, monotonic seconds.
        replayed: whether it was sent again because a kept connection was found dead.
        signed_again: whether it was sent again because its signature was refused.
    """

    outcome = UNANSWERED
    attempts = 0
    throttled = False
    repeated = 0
    sent_at = 0.0
    replayed = False
    signed_again = False

    def __init__(self, recipient: Recipient) -> None:
        self.recipient = recipient

    def end_attempt(self, outcome: Outcome) -> bool:
        """Take in how an attempt ended; say whether another one is due."""
        self.outcome = outcome
        self.attempts += 1
        if outcome.result is _OK:
            return False
        self.throttled |= outcome.throttled
        if not outcome.retryable or self.attempts > RETRIES:
            return False
        self.repeated += outcome.status is None
        return True

    def delivery(self) -> Delivery:
        """What has become of it so far."""
        outcome = self.outcome
        if self.attempts > 1:
            outcome = outcome._replace(
                attempts=self.attempts,
                throttled=self.throttled,
                repeated=self.repeated,
            )
        return Delivery(self.recipient, outcome)


class Backlog:
    """Those to be sent again, at once or later, and the recipients who had no attempt yet.

    Args:
        recipients: each is taken when its post can begin.
    """

    def __init__(self, recipients: Iterator[Recipient]) -> None:
        self._recipients = recipients
        self._taken_all = False
        self._at_once: list[Post] = []
        self._later: list[tuple[float, int, Post]] = []
        self._tickets = count()

    @property
    def empty(self) -> bool:
        """Whether nothing is left; known once somebody asked for one more than there is."""
        return self._taken_all and not (self._at_once or self._later)

    @property
    def due(self) -> float:
        """When the next of those for later is due, monotonic seconds; infinity without one."""
        return self._later[0][0] if self._later else inf

    def first(self, now: float) -> Post | None:
        """The next recipient's, unless one to be sent again goes before it."""
        if self._at_once or (self._later and self._later[0][0] <= now):
            return None
        for recipient in self._recipients:
            return Post(recipient)
        self._taken_all = True
        return None

    def again(self, now: float) -> Post | None:
        """One to be sent again now."""
        if self._at_once:
            return self._at_once.pop()
        if self.due <= now:
            return heapq.heappop(self._later)[2]
        return None

    def at_once(self, post: Post) -> None:
        """Have it sent again as soon as possible."""
        self._at_once.append(post)

    def later(self, post: Post, due: float) -> None:
        """Have it sent again at some moment, monotonic seconds."""
        heapq.heappush(self._later, (due, next(self._tickets), post))

    def unsent(self) -> Iterator[Post]:
        """Those that were to be sent again."""
        return chain(self._at_once, (post for _, _, post in self._later))


SIGNED_FOR_SECONDS = 60.0
TICKS_PER_TIMEOUT = 10
SPARE_SECONDS = 0.0002
"""When nothing happens for so long, the processor is not what limits: then, and only then, another
connection helps."""

Sign = Callable[[], SignedRequests]
"""Gives requests signed at this moment; raises one of NO_CREDENTIALS."""

NO_CREDENTIALS = (BotoCoreError, ClientError)
"""There are none, or STS has refused some."""


class Fanout:
    """One message to many; made for each, on a pool and a pace that outlive it.

    Args:
        pool: gives connections.
        bucket: says when a request may begin.
        clock: times everything.
        backoff: the pauses between attempts.
        timeout: how long an attempt may take, seconds.
        sign: gives the requests.
        method: of the requests.
        reach: reads the answers.
    """

    def __init__(
        self,
        pool: Pool,
        bucket: TokenBucket,
        clock: Clock,
        backoff: Backoff,
        timeout: float,
        sign: Sign,
        method: Method,
        reach: Reach,
    ) -> None:
        self._pool = pool
        self._bucket = bucket
        self._clock = clock
        self._backoff = backoff
        self._timeout = timeout
        self._sign = sign
        self._method = method
        self._reach = reach
        self._plain = None if method == "GET" else PLAIN  # a success that needs no reading
        self._flying: dict[Connection, Post] = {}
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
        self._backlog = Backlog(recipients)
        self._retry_until = retry_until
        try:
            self._requests = self._sign()
        except NO_CREDENTIALS as error:
            yield from self._refuse_all(recipients, error, until)
            return
        self._signed_at = self._checked_at = self._clock.monotonic()
        self._pool.wake()
        try:
            for landed in self._loop(until):
                yield from landed
            yield from self._unfinished()
        finally:
            self._pool.rest(self._flying)

    def _loop(self, until: float) -> Iterator[list[Delivery]]:
        """Round by round: begin posts, wait, take in answers; yields what each round brought."""
        while (now := self._clock.monotonic()) < until:
            self._keep_watch(now)
            patience = self._timeout / TICKS_PER_TIMEOUT if self._spare else SPARE_SECONDS
            wake = min(self._begin(now), until, now + patience)
            if self._backlog.empty and not self._flying:
                return
            began = self._clock.monotonic()
            ready = self._pool.poll(max(0.0, wake - now))
            now = self._clock.monotonic()
            self._spare = now - began > SPARE_SECONDS
            for connection in ready:
                self._proceed(connection, now)
            yield self._landed
            self._landed.clear()

    def _begin(self, now: float) -> float:
        """Begin as many posts as may; say when, at the earliest, another may.

        One always may, even while another run, in whose midst this is, has every connection.
        """
        self._bucket.fill(now)
        while not self._flying or self._pool.has_room(may_open=self._spare):
            if self._bucket.tokens < 1:
                return self._bucket.ready_at(now)
            post = self._backlog.again(now) or self._backlog.first(now)
            if post is None:
                return self._backlog.due
            self._bucket.tokens -= 1
            self._send(post)
        return inf

    def _send(self, post: Post) -> None:
        try:
            connection = self._pool.get(new=post.replayed)
        except OSError as error:
            self._settle(post, broken_off(error))
        else:
            self._send_on(connection, post)

    def _send_on(self, connection: Connection, post: Post) -> None:
        post.sent_at = self._clock.monotonic()  # taking the recipient may have taken a while
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
        if answer is self._plain and not post.attempts:  # nearly always: done, nothing to say
            self._reach.reached = True
            self._bucket.learn(post.sent_at, now)
            # Without a call of the class's own constructor, which is Python's.
            self._landed.append(tuple.__new__(Delivery, (post.recipient, DONE)))
            self._feed(connection, now)
            return
        if answer.reusable:
            self._free(connection)
        else:
            del self._flying[connection]
            self._pool.drop(connection)
        outcome = self._reach.read(self._method, answer.status, answer.error, answer.body)
        self._answer(post, outcome, now)

    def _feed(self, connection: Connection, now: float) -> None:
        """Send the next post on a connection that is done with one.

        At once, since all about it is in the processor's caches; they do not hold it for hundreds.
        """
        if self._bucket.tokens >= 1 and (post := self._backlog.first(now)):
            self._bucket.tokens -= 1
            self._send_on(connection, post)
        else:
            self._free(connection)

    def _free(self, connection: Connection) -> None:
        del self._flying[connection]
        self._pool.keep(connection)

    def _lose(self, connection: Connection, error: Exception) -> None:
        """A connection is dead; one that was kept may have been so before its request was sent."""
        post = self._flying.pop(connection)
        self._pool.drop(connection)
        if connection.answers and connection.silent and not post.replayed:
            post.replayed = True
            self._backlog.at_once(post)
        else:
            self._settle(post, broken_off(error))

    def _answer(self, post: Post, outcome: Outcome, now: float) -> None:
        self._bucket.learn(post.sent_at, now, throttled=outcome.throttled)
        if outcome.result is Result.REFUSED and not post.signed_again:
            post.signed_again, post.outcome = True, outcome
            if self._signed_at > post.sent_at or self._sign_again(now):
                self._backlog.at_once(post)
                return
        self._settle(post, outcome)

    def _settle(self, post: Post, outcome: Outcome) -> None:
        """An attempt has ended: another one begins later, or that was it."""
        if post.end_attempt(outcome):
            due = self._clock.monotonic() + self._backoff(post.attempts)
            if due < self._retry_until:
                self._backlog.later(post, due)
                return
        self._landed.append(post.delivery())

    def _keep_watch(self, now: float) -> None:
        """Give up what has taken too long; sign anew before signatures are too old."""
        if now - self._checked_at >= self._timeout / TICKS_PER_TIMEOUT:
            self._checked_at = now
            too_old = now - self._timeout
            for connection in [c for c, post in self._flying.items() if post.sent_at <= too_old]:
                self._pool.drop(connection)
                self._settle(self._flying.pop(connection), broken_off(TimeoutError()))
        if now - self._signed_at >= SIGNED_FOR_SECONDS:
            self._sign_again(now)

    def _sign_again(self, now: float) -> bool:
        try:
            self._requests = self._sign()
        except NO_CREDENTIALS:
            return False
        self._signed_at = now
        return True

    def _unfinished(self) -> Iterator[Delivery]:
        """What landed last, then what did not land in time."""
        yield from self._landed
        for post in self._flying.values():
            post.outcome = UNANSWERED
        for post in chain(self._flying.values(), self._backlog.unsent()):
            yield post.delivery()

    def _refuse_all(
        self, recipients: Iterator[Recipient], error: Exception, until: float
    ) -> Iterator[Delivery]:
        """Without credentials no post can begin, so it is as if each had been refused."""
        refusal = broken_off(error, Result.REFUSED)
        while self._clock.monotonic() < until and (recipient := next(recipients, None)):
            yield Delivery(recipient, refusal)
