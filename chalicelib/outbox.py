"""What a route can send, within the time that its event has."""

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .audience import Everyone
from .broadcast import Broadcast, Report
from .clock import Backoff, Clock
from .deadline import Deadline
from .faults import TooLarge
from .logs import log
from .metrics import measure
from .recipients import BEGINNING, Connections
from .settings import MAX_MESSAGE_BYTES
from .transports.protocol import Outcome, Result, Transport
from .workers import Workers

if TYPE_CHECKING:
    from .multicast import Multicast


@dataclass
class Outbox:
    """Posts for one event.

    Attributes:
        transport: gives the transport; called when something is to be sent.
        connections: the table.
        deadline: when the event's time is over.
        clock: the time.
        workers: table work beside the posts.
        backoff: the pauses between attempts.
        reports: of the broadcasts so far.
        max_broadcast_bytes: larger frames are sent to one, and not to several.
        metrics_namespace: under which they are counted; None: they are not.
    """

    transport: Callable[[], Transport]
    connections: Connections
    deadline: Deadline
    clock: Clock
    workers: Workers
    backoff: Backoff
    reports: list[Report] = field(default_factory=list)
    max_broadcast_bytes: int = MAX_MESSAGE_BYTES
    metrics_namespace: str | None = None

    def post(self, connection_id: str, text: str) -> Outcome:
        """Send a text message to one connection; a line in the log if that fails.

        Raises:
            TooLarge: it is larger than API Gateway takes.
        """
        data = _encode(text, MAX_MESSAGE_BYTES)
        outcome = self.transport().post(connection_id, data, self.deadline.posts)
        return _noted("post_failed", connection_id, outcome)

    def close(self, connection_id: str) -> Outcome:
        """Close a connection, whose `$disconnect` then comes; a line in the log if that fails."""
        outcome = self.transport().close(connection_id, self.deadline.posts)
        return _noted("close_failed", connection_id, outcome)

    def multicast(self, connection_ids: Iterable[str], text: str) -> "Multicast":
        """Send a text message to these connections.

        Raises:
            TooLarge: before anything is sent.
            PostingRefusedError: this function may not post.
        """
        from .multicast import Multicast

        data = _encode(text, self.max_broadcast_bytes)
        return Multicast.run(
            self.transport(), self.connections, connection_ids, data, self.deadline
        )

    def broadcast(self, text: str, after: str = BEGINNING, exclude: Collection[str] = ()) -> Report:
        """Send a text message to every connection.

        Args:
            text: the frame.
            after: the cursor of a report with connections left over, to go on there.
            exclude: the connection ids that do not get it.

        Raises:
            TooLarge: before anything is sent.
            PostingRefusedError: this function may not post.
            StoreError, ConfigurationError: the table cannot be read.
        """
        data = _encode(text, self.max_broadcast_bytes)
        audience = Everyone(
            self.connections, self.clock, self.workers, self.backoff, self.deadline, after
        )
        broadcast = Broadcast(self.transport(), self.connections, self.clock, self.workers)
        report = broadcast.run(audience, data, self.deadline, exclude)
        self.reports.append(report)
        measure(report, self.metrics_namespace, self.clock.time_ms())
        return report


def _noted(event: str, connection_id: str, outcome: Outcome) -> Outcome:
    """The outcome, which is in the log unless it is good or there is no such connection."""
    if outcome.result not in (Result.OK, Result.GONE):
        log(
            event,
            logging.ERROR if outcome.result is Result.REFUSED else logging.WARNING,
            connection_id=connection_id,
            result=outcome.result.value,
            status=outcome.status,
            reason=outcome.reason,
        )
    return outcome


def _encode(text: str, limit: int) -> bytes:
    data = text.encode()
    if len(data) > limit:
        raise TooLarge(len(data), limit)
    return data
