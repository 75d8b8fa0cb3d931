"""The protocol of transports, which post to connections and report failures as outcomes.

A transport retries a post after a 429, after a 5xx, and if no valid answer arrives, for example
after a reset or a timeout. It retries at most `RETRIES` times for one recipient, after a random
pause, and not after the deadline. In addition, the fast transport repeats a request once without a
pause after a refusal, and once if a kept connection was dead. A post that timed out may have
arrived, so a recipient can get duplicates.

A connection counts as gone only if the answer has an error type of API Gateway. A proxy or another
server can also answer 400, 404 or 410, but without such a type. Its answer does not prove that the
connection is gone.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from http import HTTPStatus
from typing import Any, Literal, NamedTuple, Protocol

from decanter.runtime.clock import Clock
from decanter.runtime.errors import NobodyReachedError
from decanter.runtime.recipients import Connections, Recipient

Method = Literal["POST", "GET", "DELETE"]
"""The HTTP methods of @connections."""

RETRIES = 2

MANY_GONE = 10
"""If this many connections are reported gone and none was reached, the endpoint may be wrong."""


class Result(Enum):
    """The kind of outcome of a call."""

    OK = "ok"
    """API Gateway accepted the call."""

    GONE = "gone"
    """410 `GoneException`: the connection does not exist, or its `$connect` handler still runs."""

    MALFORMED = "malformed"
    """400 `BadRequestException`: no connection can have this id."""

    REFUSED = "refused"
    """401, 403 or no valid credentials: the caller is not allowed to make this request."""

    TOO_LARGE = "too_large"
    """413: more than 131,072 bytes."""

    THROTTLED = "throttled"
    """429, even after retries: the account has used its quota, or the client reads too slowly."""

    FAILED = "failed"
    """Another status or error type, no connection to the endpoint, or no valid answer in time."""


_PROOFS: Mapping[tuple[int, str], Result] = {
    (HTTPStatus.GONE, "GoneException"): Result.GONE,
    (HTTPStatus.BAD_REQUEST, "BadRequestException"): Result.MALFORMED,
}
_RESULTS: Mapping[int, Result] = {
    HTTPStatus.UNAUTHORIZED: Result.REFUSED,
    HTTPStatus.FORBIDDEN: Result.REFUSED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Result.TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS: Result.THROTTLED,
}


class Outcome(NamedTuple):
    """The outcome of a call after its retries.

    Attributes:
        result: the kind of the outcome.
        status: the HTTP status of the last attempt; None if this attempt got no valid answer.
        reason: for the log, such as the error type, the status, or the name of an exception; empty
            after a success.
        attempts: the number of attempts; 0 if the rate limit or other threads left no time.
        throttled: True if the answer to any attempt was 429.
        repeated: the number of requests that were sent again although an earlier request may have
            arrived.
    """

    result: Result
    status: int | None = None
    reason: str = ""
    attempts: int = 1
    throttled: bool = False
    repeated: int = 0

    @property
    def retryable(self) -> bool:
        """True if a retry may succeed."""
        if self.result is Result.FAILED:
            return self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return self.result is Result.THROTTLED

    @property
    def gone(self) -> bool:
        """True if API Gateway itself answers that the connection does not exist or cannot exist."""
        return self.result in (Result.GONE, Result.MALFORMED)

    @property
    def unproven(self) -> bool:
        """True after a 410 that is not API Gateway's own answer."""
        return self.status == HTTPStatus.GONE and self.result is Result.FAILED


def outcome_of(status: int, error_type: str = "") -> Outcome:
    """Return the outcome for an HTTP status and an error type."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome(Result.OK, status)
    result = _PROOFS.get((status, error_type)) or _RESULTS.get(status, Result.FAILED)
    reason = error_type or str(status)
    return Outcome(result, status, reason, throttled=result is Result.THROTTLED)


def error_type(header: str | None, body: bytes) -> str:
    """Return the error type that botocore would read; empty if the answer has no type.

    `header` is the value of `x-amzn-ErrorType`, such as `GoneException:http://…`. If it is None,
    the type is read from the body, which may be JSON with `code` or `__type`.
    """
    named = _type_in(body) if header is None else header
    return named.partition(":")[0].rpartition("#")[2].strip()


def _type_in(body: bytes) -> str:
    document = _document(body)
    code = document.get("code", document.get("Code"))
    named = document.get("__type") if code is None else code
    return named if isinstance(named, str) else ""


def _document(body: bytes) -> dict[str, Any]:
    """Return the body's JSON object; empty for any other body."""
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _describes_a_connection(body: bytes) -> bool:
    """Return True if the body contains the times and the address of a GetConnection answer."""
    told = _document(body)
    try:
        datetime.fromisoformat(told["connectedAt"])
        datetime.fromisoformat(told["lastActiveAt"])
        return isinstance(told["identity"]["sourceIp"], str)
    except (KeyError, TypeError, ValueError):
        return False


def broken_off(error: Exception, result: Result = Result.FAILED) -> Outcome:
    """Return the outcome of a call that ended with an exception instead of a status."""
    return Outcome(result, reason=type(error).__name__)


Recipients = Iterable[Recipient | None]
"""None means that the next recipient is not known yet, for example because a page is being read."""

WAIT_SECONDS = 0.001
"""The pause before the iterable is read again, if the next recipient is not known yet."""


def patient(recipients: Recipients, clock: Clock) -> Iterator[Recipient]:
    """Yield the recipients, and sleep while the next recipient is not known."""
    for recipient in recipients:
        if recipient is None:
            clock.sleep(WAIT_SECONDS)
        else:
            yield recipient


DONE = outcome_of(HTTPStatus.OK)
UNANSWERED = Outcome(Result.FAILED, reason="no answer before the deadline")
UNTRIED = Outcome(Result.FAILED, reason="not sent before the deadline", attempts=0)


class Delivery(NamedTuple):
    """The outcome of a call for one recipient."""

    recipient: Recipient
    outcome: Outcome


@dataclass(slots=True)
class Reach:
    """The facts about an endpoint that a process has learned, shared by all its transports.

    Attributes:
        endpoint: the URL of @connections, with the stage.
        reached: True after API Gateway has answered a call for any connection with a 2xx.
        handed_over: True if botocore's transport replaces the fast transport.
    """

    endpoint: str
    reached: bool = False
    handed_over: bool = False

    def read(self, method: Method, status: int, error_type: str, body: bytes) -> Outcome:
        """Return the outcome of an answer. Set `reached` after a success in API Gateway's own form.

        API Gateway answers a GET with the connection's times and address, and a POST or DELETE
        without a body. The page of a proxy has another form.
        """
        outcome = outcome_of(status, error_type)
        if outcome.result is not Result.OK:
            return outcome
        self.reached |= _describes_a_connection(body) if method == "GET" else not body
        return outcome

    def doubt(self, gone: int, connections: Connections) -> NobodyReachedError | None:
        """Return the reason to doubt that connections are gone; None without such a reason.

        `gone` is the number of connections that are reported gone, with or without proof. The error
        text names the table of `connections`.
        """
        if self.reached or gone < MANY_GONE:
            return None
        return NobodyReachedError(gone, self.endpoint, connections.where())


class Transport(Protocol):
    """A transport to @connections. A process can keep it between events.

    POST sends a text message, and GET checks whether a connection exists. DELETE closes a
    connection, and then the connection's `$disconnect` handler runs. Deadlines are seconds on the
    monotonic clock.

    Attributes:
        reach: the facts about the endpoint, which successful calls and a handover update.
    """

    reach: Reach

    def call(self, method: Method, connection_id: str, data: bytes, deadline: float) -> Outcome:
        """Make one call for one connection. One attempt may start even after the deadline.

        The fast transport makes no attempt if the rate limit or other threads leave it no time.
        """
        ...

    def call_all(
        self, method: Method, recipients: Recipients, data: bytes, deadline: float
    ) -> Iterator[Delivery]:
        """Make the same call for many connections. Yield each delivery when it is known.

        The transport takes a recipient from the iterable only when the call can start, and takes
        none after the deadline. It yields each of these recipients exactly once, in any order. If a
        call has no answer at the deadline, it is yielded as failed, although it may have arrived.
        """
        ...

    def shutdown(self) -> None:
        """Close sockets and end threads. The transport must not be used again."""
        ...
