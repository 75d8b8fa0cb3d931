"""The fast transport: one thread, one selector, non-blocking sockets.

A post costs little more than signing, TLS and the kernel. `sigv4` renders a request from parts that
are the same for all, and `http1` reads its answer from the bytes. `loop` serves all connections
(`pool`, `connection`) that are ready, within the rate limit (`throttle`).
docs/explanation/performance.md has the figures.
"""

import os
from collections.abc import Iterable, Iterator

from botocore.exceptions import NoCredentialsError

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.errors import SettingError
from decanter.runtime.recipients import Recipient
from decanter.runtime.session import session
from decanter.runtime.settings import Settings
from decanter.runtime.transports.base import Delivery, Method, Outcome, Reach
from decanter.runtime.transports.fast.http1 import Endpoint
from decanter.runtime.transports.fast.loop import Fanout
from decanter.runtime.transports.fast.pool import Pool
from decanter.runtime.transports.fast.sigv4 import Credentials, SignedRequests
from decanter.runtime.transports.fast.throttle import TokenBucket

MOST_CONNECTIONS = 512

TRACE_ID = "_X_AMZN_TRACE_ID"
"""Lambda sets this environment variable before each event."""


class FastTransport:
    """Posts over up to 512 connections. A new one is opened if a post may start and none is idle.

    So their number follows from the rate and the observed latency. A stuck recipient does not delay
    the others.

    Args:
        endpoint: the URL of @connections, with the stage.
        settings: region, limits and rate.
        clock: used for deadlines and pauses.
        backoff: the pauses between the attempts of one post.

    Raises:
        SettingError: the region is unknown, but signing needs it.
    """

    def __init__(self, endpoint: str, settings: Settings, clock: Clock, backoff: Backoff) -> None:
        if settings.region is None:
            raise SettingError("AWS_REGION", None, "set it to the API's region")
        self.reach = Reach(endpoint)
        self._region = settings.region
        self._endpoint = Endpoint.parse(endpoint)
        self._timeout = settings.post_timeout_seconds
        self._clock = clock
        self._backoff = backoff
        self._pool = Pool(self._endpoint, settings.concurrency or MOST_CONNECTIONS, clock)
        self._bucket = TokenBucket(settings.posts_per_second, clock.monotonic())

    def call(self, method: Method, connection_id: str, data: bytes, deadline: float) -> Outcome:
        """Make one call about one connection."""
        only = iter([Recipient(connection_id, 0)])
        until = max(deadline, self._clock.monotonic() + self._timeout)
        (delivery,) = self._fanout(method, data).run(only, deadline, until)
        return delivery.outcome

    def call_all(
        self, method: Method, recipients: Iterable[Recipient], data: bytes, deadline: float
    ) -> Iterator[Delivery]:
        """Make the same call about many connections, yielding each delivery when it is known."""
        return self._fanout(method, data).run(iter(recipients), deadline, deadline)

    def shutdown(self) -> None:
        """Close the sockets."""
        self._pool.close()

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
        """Return requests signed now, with botocore's current credentials.

        Raises:
            BotoCoreError, ClientError: there are no credentials.
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
