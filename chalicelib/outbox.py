"""What a route can send, within the time that its event has."""

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from .audience import Everyone
from .broadcast import Broadcast, Report
from .clock import Backoff, Clock
from .deadline import Deadline
from .errors import TooLarge
from .logs import log
from .metrics import measure
from .multicast import Multicast
from .recipients import BEGINNING, Connections
from .transports.protocol import Outcome, Result, Transport
from .workers import Workers

MAX_MESSAGE_BYTES = 131_072
"""Larger posts are answered 413 (API Gateway's quotas: 128 KB a message)."""


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
        metrics_namespace: under which they are counted; None: they are not.
    """

    transport: Callable[[], Transport]
    connections: Connections
    deadline: Deadline
    clock: Clock
    workers: Workers
    backoff: Backoff
    reports: list[Report] = field(default_factory=list)
    metrics_namespace: str | None = None

    def post(self, connection_id: str, text: str) -> Outcome:
        """Send a text message to one connection; a line in the log if that fails.

        Raises:
            TooLarge: it is larger than API Gateway takes.
        """
        outcome = self.transport().post(connection_id, _encode(text), self.deadline.posts)
        if outcome.result not in (Result.OK, Result.GONE):
            log(
                "post_failed",
                logging.ERROR if outcome.result is Result.REFUSED else logging.WARNING,
                connection_id=connection_id,
                result=outcome.result.value,
                status=outcome.status,
                reason=outcome.reason,
            )
        return outcome

    def multicast(self, connection_ids: Iterable[str], text: str) -> Multicast:
        """Send a text message to these connections.

        Raises:
            TooLarge: before anything is sent.
            PostingRefusedError: this function may not post.
        """
        data = _encode(text)
        return Multicast.run(self.transport(), connection_ids, data, self.deadline)

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
        data = _encode(text)
        audience = Everyone(
            self.connections, self.clock, self.workers, self.backoff, self.deadline, after
        )
        broadcast = Broadcast(self.transport(), self.connections, self.clock, self.workers)
        report = broadcast.run(audience, data, self.deadline, exclude)
        self.reports.append(report)
        measure(report, self.metrics_namespace, self.clock.time_ms())
        return report


def _encode(text: str) -> bytes:
    data = text.encode()
    if len(data) > MAX_MESSAGE_BYTES:
        raise TooLarge(len(data), MAX_MESSAGE_BYTES)
    return data
