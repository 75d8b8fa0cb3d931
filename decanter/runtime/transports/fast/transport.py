"""The fast transport: one thread, one selector, non-blocking sockets.

A post needs little more processor time than the signature, TLS and the kernel take. The module
`sigv4` creates the requests, mostly from parts that are the same for all of them, and `http1` reads
the answers. The module `loop` serves all ready connections (`pool`, `connection`) within the rate
limit (`transports/throttle`). The page docs/explanation/performance.md has the figures.
"""

import os
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from threading import RLock

from botocore.exceptions import NoCredentialsError

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.errors import SettingError
from decanter.runtime.recipients import Recipient
from decanter.runtime.session import session
from decanter.runtime.settings import Settings
from decanter.runtime.transports.base import (
    UNTRIED,
    Delivery,
    Method,
    Outcome,
    Reach,
    Recipients,
    Result,
    Transport,
)
from decanter.runtime.transports.fast.backlog import Post
from decanter.runtime.transports.fast.handover import log_handover
from decanter.runtime.transports.fast.http1 import Endpoint
from decanter.runtime.transports.fast.loop import Fanout
from decanter.runtime.transports.fast.pool import Pool
from decanter.runtime.transports.fast.sigv4 import Credentials, SignedRequests
from decanter.runtime.transports.throttle import TokenBucket

MOST_CONNECTIONS = 512

TRACE_ID = "_X_AMZN_TRACE_ID"
"""The environment variable with the trace id, which Lambda sets before each event."""


class FastTransport:
    """Posts over up to 512 connections, or as many as the setting `concurrency` allows.

    If a post may start and no connection is idle, a new connection is opened. The number of
    connections therefore depends on the rate and the observed latency. A slow recipient does not
    delay the other recipients.

    Raises:
        SettingError: the region is unknown, but signing needs it.
    """

    def __init__(self, endpoint: str, settings: Settings, clock: Clock, backoff: Backoff) -> None:
        if settings.region is None:
            raise SettingError("AWS_REGION", None, "set it to the API's region")
        self.reach = Reach(endpoint)
        self._settings = settings
        self._region = settings.region
        self._endpoint = Endpoint.parse(endpoint)
        self._timeout = settings.post_timeout_seconds
        self._clock = clock
        self._turn = RLock()  # a run inside another run is in the same thread
        self._backoff = backoff
        self._pool = Pool(self._endpoint, settings.concurrency or MOST_CONNECTIONS, clock)
        self._bucket = TokenBucket.of(settings, clock.monotonic())

    def call(self, method: Method, connection_id: str, data: bytes, deadline: float) -> Outcome:
        """Make one call for one connection.

        If other threads use the transport until the time limit, no attempt is made.
        """
        only = iter([Recipient(connection_id, 0)])
        until = max(deadline, self._clock.monotonic() + self._timeout)
        deliveries = [*self._run(method, data, only, deadline, until)]
        return deliveries[0].outcome if deliveries else UNTRIED

    def call_all(
        self, method: Method, recipients: Recipients, data: bytes, deadline: float
    ) -> Iterator[Delivery]:
        """Make the same call for many connections. Yield each delivery when it is known."""
        return self._run(method, data, iter(recipients), deadline, deadline)

    def shutdown(self) -> None:
        """Close the sockets."""
        self._pool.close()
        if "_plain" in vars(self):
            self._plain.shutdown()

    def _run(
        self,
        method: Method,
        data: bytes,
        recipients: Iterator[Recipient | None],
        retry_until: float,
        until: float,
    ) -> Iterator[Delivery]:
        """Run a fan-out. After a handover, botocore's transport runs it."""
        doubted: list[Post] = []
        if not self.reach.handed_over:
            yield from self._in_turn(doubted, method, data, recipients, retry_until, until)
        if self.reach.handed_over:
            yield from self._by_botocore(doubted, method, data, recipients, until)

    def _in_turn(
        self,
        doubted: list[Post],
        method: Method,
        data: bytes,
        recipients: Iterator[Recipient | None],
        retry_until: float,
        until: float,
    ) -> Iterator[Delivery]:
        """Run a fan-out. Threads take turns, because all fan-outs use the same connections."""
        if not self._turn.acquire(timeout=max(0.0, until - self._clock.monotonic())):
            return
        try:
            fanout = self._fanout(method, data)
            fanout.doubted = doubted
            yield from fanout.run(recipients, retry_until, until)
            if doubted:
                yield self._second_opinion(doubted.pop(0), method, data, until)
                if not self.reach.handed_over:
                    yield from (post.delivery() for post in doubted)
                    yield from self._fanout(method, data).run(recipients, retry_until, until)
        finally:
            self._turn.release()

    def _second_opinion(self, post: Post, method: Method, data: bytes, until: float) -> Delivery:
        """Repeat a call with botocore. Hand over if it succeeds, or if the connection is gone."""
        if self._clock.monotonic() >= until:
            return post.delivery()
        only_one_attempt = 0.0
        outcome = self._plain.call(method, post.recipient.connection_id, data, only_one_attempt)
        post.repeated, post.arrived = post.repeated + post.arrived, False
        if outcome.result is not Result.OK and not outcome.gone:
            return post.delivery()
        self.reach.handed_over = True
        namespace, now_ms = self._settings.metrics_namespace, self._clock.time_ms()
        log_handover(self.reach.endpoint, post.outcome, namespace, now_ms)
        return post.delivery_after(outcome)

    def _by_botocore(
        self,
        doubted: list[Post],
        method: Method,
        data: bytes,
        recipients: Iterator[Recipient | None],
        until: float,
    ) -> Iterator[Delivery]:
        """Make the calls for the doubted posts and for the other recipients."""
        again = {id(post.recipient): post for post in doubted}
        rest = chain([post.recipient for post in doubted], recipients)
        for delivery in self._plain.call_all(method, rest, data, until):
            post = again.pop(id(delivery.recipient), None)
            yield post.delivery_after(delivery.outcome) if post else delivery
        yield from (post.delivery() for post in again.values())

    @cached_property
    def _plain(self) -> Transport:
        from decanter.runtime.transports.botocore import BotocoreTransport

        plain = BotocoreTransport(self.reach.endpoint, self._settings, self._clock, self._backoff)
        plain.reach = self.reach
        return plain

    def _fanout(self, method: Method, data: bytes) -> Fanout:
        return Fanout(
            self._pool,
            self._bucket,
            self._clock,
            self._backoff,
            self._timeout,
            lambda: self._sign(method, data),
            method,
            self.reach,
        )

    def _sign(self, method: Method, data: bytes) -> SignedRequests:
        """Return requests that are signed now with botocore's current credentials.

        Raises:
            BotoCoreError, ClientError: there are no credentials, or STS refuses them.
        """
        credentials = session().get_credentials()
        if credentials is None:
            raise NoCredentialsError
        access_key, secret_key, token = credentials.get_frozen_credentials()[:3]
        return SignedRequests(
            method,
            self._endpoint,
            data,
            Credentials(access_key, secret_key, token),
            self._region,
            self._clock.time_ms(),
            os.environ.get(TRACE_ID),
        )
