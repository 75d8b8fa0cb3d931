"""What a route can send, within the time that its event has."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .audience import Everyone
from .broadcast import Broadcast, Report
from .clock import Backoff, Clock
from .deadline import Deadline
from .errors import TooLarge
from .recipients import BEGINNING, Connections
from .transports.protocol import Outcome, Transport
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
    """

    transport: Callable[[], Transport]
    connections: Connections
    deadline: Deadline
    clock: Clock
    workers: Workers
    backoff: Backoff
    reports: list[Report] = field(default_factory=list)

    def post(self, connection_id: str, text: str) -> Outcome:
        """Send a text message to one connection.

        Raises:
            TooLarge: it is larger than API Gateway takes.
        """
        return self.transport().post(connection_id, _encode(text), self.deadline.posts)

    def broadcast(self, text: str, after: str = BEGINNING) -> Report:
        """Send a text message to every connection.

        Args:
            text: the frame.
            after: the cursor of a report with connections left over, to go on there.

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
        report = broadcast.run(audience, data, self.deadline)
        self.reports.append(report)
        return report


def _encode(text: str) -> bytes:
    data = text.encode()
    if len(data) > MAX_MESSAGE_BYTES:
        raise TooLarge(len(data), MAX_MESSAGE_BYTES)
    return data
