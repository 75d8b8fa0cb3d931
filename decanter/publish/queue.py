"""Send messages to the queue of a stage. The queue's function posts the messages to clients."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from decanter.aws.errors import explained
from decanter.runtime.publishing.item import Item
from decanter.runtime.publishing.outside import LIMIT, Report, TooLarge, checked


@dataclass(frozen=True)
class QueuePublisher:
    """Puts messages into a queue. Each report has the id of the queued message.

    In an app with channels, messages must be JSON texts.
    """

    sqs: Any
    url: str
    has_channels: bool = False

    def broadcast(
        self, frame: str, after: str, exclude: Collection[str], context: object
    ) -> Report:
        """Queue a frame for every connection."""
        return self._queue(Item("", frame, exclude=tuple(exclude), cursor=after))

    def send(self, connection_ids: str | Collection[str], frame: str, context: object) -> Report:
        """Queue a frame for one connection, or for several."""
        ids = [connection_ids] if isinstance(connection_ids, str) else connection_ids
        return self._queue(Item("", frame, tuple(ids)))

    def publish_text(self, channel: str, text: str) -> Report:
        """Queue a JSON text for the members of a channel."""
        return self._queue(Item("", text, channel=channel))

    def _queue(self, item: Item) -> Report:
        if self.has_channels:
            checked(item.text)
            item = item._replace(foreign="data")
        if (size := len(item.text.encode())) > LIMIT:
            raise TooLarge(size, LIMIT)
        with explained(f"send to the queue {self.url}"):
            answer = self.sqs.send_message(QueueUrl=self.url, MessageBody=item.body())
        return Report(queued=answer["MessageId"])
