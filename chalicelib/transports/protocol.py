"""What every transport does: post to connections, with outcomes instead of exceptions.

A transport tries a post again after a 429, a 5xx, a reset and a timeout: at most `RETRIES` times
for one recipient, after a jittered pause, and not past the deadline. A post that timed out may
have arrived, so a recipient can get a message twice.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple, Protocol

from ..recipients import Recipient

RETRIES = 2


class Result(Enum):
    """How a call to @connections ended."""

    OK = "ok"
    """API Gateway took it."""

    GONE = "gone"
    """410: there is no such connection, or not yet, while its `$connect` handler runs."""

    MALFORMED = "malformed"
    """400: no connection can have this id."""

    REFUSED = "refused"
    """403, or no credentials: this function may not call; so it will be for every recipient."""

    TOO_LARGE = "too_large"
    """413: more than 131,072 bytes."""

    THROTTLED = "throttled"
    """429 to the last: the account's quota is used up, or this client reads too slowly."""

    FAILED = "failed"
    """Another status, no connection, or no answer in time."""


_RESULTS: dict[int, Result] = {
    HTTPStatus.BAD_REQUEST: Result.MALFORMED,
    HTTPStatus.UNAUTHORIZED: Result.REFUSED,
    HTTPStatus.FORBIDDEN: Result.REFUSED,
    HTTPStatus.GONE: Result.GONE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Result.TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS: Result.THROTTLED,
}


class ConnectionInfo(NamedTuple):
    """What @connections says of an open connection.

    Attributes:
        connected_at: ISO 8601.
        last_active_at: ISO 8601.
        source_ip: the client's address.
    """

    connected_at: str
    last_active_at: str
    source_ip: str


class Outcome(NamedTuple):
    """How a call ended, after its retries.

    Attributes:
        result: the kind.
        status: the last HTTP status; None when there was no answer.
        reason: an error's name, for the log; empty when it went well.
        attempts: how often it was tried.
        throttled: whether any attempt was answered 429.
        repeated: how often it was tried again after no answer, and may have arrived before.
        info: the answer of `info`.
    """

    result: Result
    status: int | None = None
    reason: str = ""
    attempts: int = 1
    throttled: bool = False
    repeated: int = 0
    info: ConnectionInfo | None = None

    @property
    def retryable(self) -> bool:
        """Whether another attempt may end otherwise."""
        if self.result is Result.FAILED:
            return self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return self.result is Result.THROTTLED


def outcome_of(status: int, reason: str = "") -> Outcome:
    """The outcome that an HTTP status means."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome(Result.OK, status)
    result = _RESULTS.get(status, Result.FAILED)
    return Outcome(result, status, reason, throttled=result is Result.THROTTLED)


def broken_off(error: Exception, result: Result = Result.FAILED) -> Outcome:
    """The outcome of a call that ended with an exception instead of a status."""
    return Outcome(result, reason=type(error).__name__)


DONE = outcome_of(HTTPStatus.OK)
UNANSWERED = Outcome(Result.FAILED, reason="no answer before the deadline")


class Delivery(NamedTuple):
    """What became of one recipient's post, or of another call about it."""

    recipient: Recipient
    outcome: Outcome


class Transport(Protocol):
    """A way to @connections; safe to keep between events, used by one event at a time.

    Deadlines are seconds on the monotonic clock. One attempt is made even after it.
    """

    def post(self, connection_id: str, data: bytes, deadline: float) -> Outcome:
        """Send one text message to one connection."""
        ...

    def post_all(
        self, recipients: Iterable[Recipient], data: bytes, deadline: float
    ) -> Iterator[Delivery]:
        """Send one text message to many, yielding each delivery when it is known.

        A recipient is taken from the iterable only when its post can start, and none after the
        deadline; each one taken is yielded once, in any order. Posts without an answer at the
        deadline are yielded as failed: they may have arrived.
        """
        ...

    def info(self, connection_id: str, deadline: float) -> Outcome:
        """Ask about a connection; what is known is in the outcome's `info`."""
        ...

    def info_all(self, recipients: Iterable[Recipient], deadline: float) -> Iterator[Delivery]:
        """Ask about many, as `post_all` posts to them."""
        ...

    def close(self, connection_id: str, deadline: float) -> Outcome:
        """Close a connection; its `$disconnect` handler then runs."""
        ...

    def close_all(self, recipients: Iterable[Recipient], deadline: float) -> Iterator[Delivery]:
        """Close many, as `post_all` posts to them."""
        ...

    def shutdown(self) -> None:
        """Let go of sockets and threads; the transport is not used again."""
        ...
