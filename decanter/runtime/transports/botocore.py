"""The simple transport: botocore's own client in a limited pool of threads.

botocore's own retries are off, because they ignore the deadline. A post has at most three attempts
before the deadline. The rate limit starts at the same value as in the fast transport, but does not
fall (`Rate`). While posts are throttled, fewer posts are in flight instead (`Pace`).
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoRegionError,
)
from botocore.exceptions import (
    ConnectionError as NoConnectionError,
)

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.errors import SettingError
from decanter.runtime.recipients import Recipient
from decanter.runtime.session import session
from decanter.runtime.settings import Settings
from decanter.runtime.transports.base import (
    RETRIES,
    UNANSWERED,
    Delivery,
    Method,
    Outcome,
    Reach,
    Recipients,
    Result,
    broken_off,
    error_type,
    patient,
)
from decanter.runtime.transports.throttle import TokenBucket


class Rate:
    """The rate limit, for several threads."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._bucket = TokenBucket.of(settings, clock.monotonic())
        self._clock = clock
        self._lock = Lock()

    def wait(self, until: float) -> bool:
        """Wait until a post may start. Return False if no post may start before `until`."""
        while True:
            with self._lock:
                now = self._clock.monotonic()
                self._bucket.fill(now)
                if self._bucket.tokens >= 1:
                    self._bucket.tokens -= 1
                    return True
                ready_at = self._bucket.ready_at(now)
            if ready_at >= until:
                return False
            self._clock.sleep(ready_at - now)


class Pace:
    """The limit of posts in flight. It halves after a throttled post, and rises by one otherwise.

    One slow client therefore does not slow down the other posts for long, and an account at its
    quota does not get more load.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most

    @property
    def allowed(self) -> int:
        """The current maximum number of posts in flight, 1 or more."""
        return self._allowed

    def learn(self, outcome: Outcome) -> None:
        """Adapt to the outcome of a post."""
        if outcome.throttled:
            self._allowed = max(1, self._allowed // 2)
        else:
            self._allowed = min(self._most, self._allowed + 1)


THREADS = 32
OPERATIONS: Mapping[Method, str] = {
    "POST": "post_to_connection",
    "GET": "get_connection",
    "DELETE": "delete_connection",
}
NEVER_SENT = {"ConnectTimeoutError", "EndpointConnectionError"}
"""botocore's errors for a request that got no connection."""

OUTCOME = "Outcome"
"""The member of botocore's answer that contains the outcome."""


class BotocoreTransport:
    """Makes calls with botocore's client, several calls in parallel.

    Raises:
        SettingError: the region is unknown, but signing needs it.
    """

    def __init__(
        self,
        endpoint: str,
        settings: Settings,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        self.reach = Reach(endpoint)
        self._concurrency = settings.concurrency or THREADS
        self._clock = clock
        self._backoff = backoff
        self._client = _client(endpoint, settings)
        service = self._client.meta.service_model.service_id.hyphenize()
        self._client.meta.events.register(f"before-parse.{service}", self._read)
        self._rate = Rate(settings, clock)
        self._pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="decanter-post")

    def call(self, method: Method, connection_id: str, data: bytes, deadline: float) -> Outcome:
        """Make one call for one connection."""
        self._rate.wait(deadline)
        return self._call(_Flight(Recipient(connection_id, 0)), method, data, deadline)

    def call_all(
        self, method: Method, recipients: Recipients, data: bytes, deadline: float
    ) -> Iterator[Delivery]:
        """Make the same call for many connections, in the pool's threads."""
        source = patient(recipients, self._clock)
        pace = Pace(self._concurrency)
        landed: SimpleQueue[tuple[_Flight, Outcome]] = SimpleQueue()
        flying: set[_Flight] = set()
        while True:
            while len(flying) < pace.allowed and (next_one := self._take(source, deadline)):
                flight = _Flight(next_one)
                flying.add(flight)
                self._pool.submit(self._deliver, flight, method, data, deadline, landed)
            if not flying:
                return
            try:
                flight, outcome = landed.get(timeout=self._left(deadline))
            except Empty:
                break
            flying.remove(flight)
            pace.learn(outcome)
            yield Delivery(flight.recipient, outcome)
        for flight in flying:
            flight.over = True
        for flight in flying:
            yield Delivery(flight.recipient, UNANSWERED._replace(repeated=flight.repeated))

    def shutdown(self) -> None:
        """Close sockets and end threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _read(
        self,
        operation_model: Any,
        response_dict: dict[str, Any],
        customized_response_dict: dict[str, Any],
        **_: object,
    ) -> None:
        """Read an answer. This method replaces botocore's parser, which gets an empty object."""
        body = response_dict["body"]
        customized_response_dict[OUTCOME] = self.reach.read(
            operation_model.http["method"],
            response_dict["status_code"],
            error_type(response_dict["headers"].get("x-amzn-errortype"), body),
            body,
        )
        response_dict["body"] = b"{}"

    def _take(self, source: Iterator[Recipient], deadline: float) -> Recipient | None:
        """Return the next recipient when its post may start; None if there is none in time."""
        return next(source, None) if self._left(deadline) and self._rate.wait(deadline) else None

    def _left(self, deadline: float) -> float:
        return max(0.0, deadline - self._clock.monotonic())

    def _deliver(
        self,
        flight: "_Flight",
        method: Method,
        data: bytes,
        deadline: float,
        landed: "SimpleQueue[tuple[_Flight, Outcome]]",
    ) -> None:
        """Make a call in a pool's thread. An exception in this method would lose the recipient."""
        try:
            outcome = self._call(flight, method, data, deadline)
        except Exception as error:  # noqa: BLE001 - becomes this recipient's outcome
            outcome = broken_off(error)
        landed.put((flight, outcome))

    def _call(self, flight: "_Flight", method: Method, data: bytes, deadline: float) -> Outcome:
        arguments: dict[str, Any] = {"ConnectionId": flight.recipient.connection_id}
        if method == "POST":
            arguments["Data"] = data
        operation = getattr(self._client, OPERATIONS[method])
        outcome = _outcome(operation, arguments)
        throttled, attempts = outcome.throttled, 1
        while outcome.retryable and attempts <= RETRIES:
            pause = self._backoff(attempts)
            if pause >= self._left(deadline):
                break
            self._clock.sleep(pause)
            if not self._rate.wait(deadline):
                break
            flight.repeated += outcome.status is None and outcome.reason not in NEVER_SENT
            if flight.over:  # after the count: the run sets `over` before it reads the count
                break
            outcome = _outcome(operation, arguments)
            throttled, attempts = throttled or outcome.throttled, attempts + 1
        return outcome._replace(attempts=attempts, throttled=throttled, repeated=flight.repeated)


class _Flight:
    """A call in a pool's thread.

    Attributes:
        repeated: the number of requests that were sent again although an earlier request may have
            arrived.
        over: True if the run has ended and counted this call, so the call must not be sent again.
    """

    def __init__(self, recipient: Recipient) -> None:
        self.recipient = recipient
        self.repeated = 0
        self.over = False


def _client(endpoint: str, settings: Settings) -> Any:
    config = Config(
        connect_timeout=settings.post_timeout_seconds,
        read_timeout=settings.post_timeout_seconds,
        max_pool_connections=settings.concurrency or THREADS,
        parameter_validation=False,
        retries={"total_max_attempts": 1, "mode": "standard"},
        tcp_keepalive=True,
    )
    try:
        return session().create_client(
            "apigatewaymanagementapi",
            region_name=settings.region,
            endpoint_url=endpoint,
            config=config,
        )
    except NoRegionError as error:
        raise SettingError("AWS_REGION", None, "set it to the API's region") from error


def _outcome(operation: Callable[..., dict[str, Any]], arguments: dict[str, Any]) -> Outcome:
    """Make one call and return its outcome."""
    try:
        answer = operation(**arguments)
    except ClientError as error:
        answer = error.response
        if OUTCOME not in answer:  # STS answered, and refused the credentials
            return broken_off(error, Result.REFUSED)
    except (HTTPClientError, NoConnectionError) as error:
        return broken_off(error)
    except BotoCoreError as error:  # credentials are missing or cannot be read
        return broken_off(error, Result.REFUSED)
    outcome: Outcome = answer[OUTCOME]
    return outcome
