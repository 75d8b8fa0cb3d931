"""The loop that sends one message to many recipients, over non-blocking connections."""

from collections.abc import Callable, Iterator
from itertools import chain
from math import inf

from botocore.exceptions import BotoCoreError, ClientError

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.recipients import Recipient
from decanter.runtime.transports.base import (
    DONE,
    UNANSWERED,
    Delivery,
    Method,
    Outcome,
    Reach,
    Result,
    broken_off,
    patient,
)
from decanter.runtime.transports.fast.backlog import Backlog, Post
from decanter.runtime.transports.fast.connection import Connection
from decanter.runtime.transports.fast.handover import may_be_ours
from decanter.runtime.transports.fast.http1 import PLAIN, BadAnswerError
from decanter.runtime.transports.fast.pool import Pool
from decanter.runtime.transports.fast.sigv4 import SignedRequests
from decanter.runtime.transports.throttle import TokenBucket

SIGNED_FOR_SECONDS = 60.0
TICKS_PER_TIMEOUT = 10
SPARE_SECONDS = 0.0002
"""If the loop waits longer than this for an event, it has time to serve another connection."""

Sign = Callable[[], SignedRequests]
"""Returns requests with a current signature, or raises one of NO_CREDENTIALS."""

NO_CREDENTIALS = (BotoCoreError, ClientError)
"""The exceptions for missing credentials, and for credentials that STS has refused."""


class Fanout:
    """Sends one message to many recipients. Several fan-outs share the pool and the token bucket.

    `timeout` is the time limit of an attempt, in seconds.

    Attributes:
        doubted: the posts that may have failed because of the fast transport itself. After the
            first of them, no further recipient is taken. None to handle such posts like others.
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
        self._plain = None if method == "GET" else PLAIN  # a success that needs no parsing
        self._flying: dict[Connection, Post] = {}
        self._landed: list[Delivery] = []
        self._spare = True
        self.doubted: list[Post] | None = None

    def run(
        self, recipients: Iterator[Recipient | None], retry_until: float, until: float
    ) -> Iterator[Delivery]:
        """Post to the recipients. Yield each delivery when it is known.

        After `retry_until`, no retry starts. After `until`, no post starts, and the loop waits for
        no answer. Both times are in monotonic seconds.
        """
        self._backlog = Backlog(recipients)
        self._retry_until = retry_until
        try:
            self._requests = self._sign()
        except NO_CREDENTIALS as error:
            yield from self._refuse_all(patient(recipients, self._clock), error, until)
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
        """Run rounds. In each round, start posts, wait, read answers, and yield the deliveries."""
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
        """Start as many posts as the limits allow. Return the time when the next post may start.

        A run without a post in flight may start one even if the pool has no room. A nested run may
        therefore exceed the pool's limit by one connection if the outer run uses all connections.
        """
        self._bucket.fill(now)
        while not self._flying or self._pool.has_room(may_open=self._spare):
            if self._bucket.tokens < 1:
                return self._bucket.ready_at(now)
            post = self._backlog.again(now) or self._backlog.first(now)
            if post is None:
                return self._backlog.ready_at(now)
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
        post.sent_at = self._clock.monotonic()  # the iterable may have needed time
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
        if answer is self._plain and not (
            post.attempts or post.replayed
        ):  # the usual case: success at the first attempt
            self._reach.reached = True
            self._bucket.learn(post.sent_at, now)
            # This call skips the constructor of the class, which is written in Python and slow.
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
        """Send the next post on a connection that has just finished a post, or free the connection.

        The post is sent immediately, while the connection's data is in the processor's caches.
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
        """Handle a dead connection.

        If the connection was kept from an earlier request and got no byte of an answer, send the
        post again, but only once.
        """
        post = self._take_back(connection)
        if connection.answers and connection.silent and not post.replayed:
            post.replayed = True
            self._backlog.at_once(post)
        else:
            self._settle(post, broken_off(error))

    def _take_back(self, connection: Connection) -> Post:
        """Drop a connection whose request has no answer. Return the post."""
        post = self._flying.pop(connection)
        self._pool.drop(connection)
        post.arrived = connection.sent
        return post

    def _answer(self, post: Post, outcome: Outcome, now: float) -> None:
        self._bucket.learn(post.sent_at, now, throttled=outcome.throttled)
        if outcome.result is Result.REFUSED and not post.signed_again:
            post.signed_again, post.outcome = True, outcome
            if self._signed_at > post.sent_at or self._sign_again(now):
                self._backlog.at_once(post)
                return
        self._settle(post, outcome)

    def _settle(self, post: Post, outcome: Outcome) -> None:
        """Handle the end of an attempt. Schedule another attempt, or deliver the outcome."""
        if post.end_attempt(outcome):
            due = self._clock.monotonic() + self._backoff(post.attempts)
            if due < self._retry_until:
                self._backlog.later(post, due)
                return
        if self.doubted is not None and may_be_ours(post.outcome):
            self.doubted.append(post)
            self._backlog.take_no_more()
        else:
            self._landed.append(post.delivery())

    def _keep_watch(self, now: float) -> None:
        """Stop attempts that take too long, and sign again before the signatures are too old."""
        if now - self._checked_at >= self._timeout / TICKS_PER_TIMEOUT:
            self._checked_at = now
            too_old = now - self._timeout
            for connection in [c for c, post in self._flying.items() if post.sent_at <= too_old]:
                late = TimeoutError() if connection.silent else BadAnswerError()
                self._settle(self._take_back(connection), broken_off(late))
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
        """Yield the last deliveries, and then the posts that are in flight or wait for a retry."""
        yield from self._landed
        for post in self._flying.values():
            post.outcome = UNANSWERED
        for post in chain(self._flying.values(), self._backlog.unsent()):
            yield post.delivery()

    def _refuse_all(
        self, recipients: Iterator[Recipient], error: Exception, until: float
    ) -> Iterator[Delivery]:
        """Yield every recipient as refused, because no post can start without credentials."""
        refusal = broken_off(error, Result.REFUSED)
        while self._clock.monotonic() < until and (recipient := next(recipients, None)):
            yield Delivery(recipient, refusal)
