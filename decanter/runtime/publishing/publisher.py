"""The publisher sends messages from Lambda functions without an event of a connection.

Such functions are HTTP routes, pure Lambda functions, and the functions for schedules, queues and
streams.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from math import inf
from threading import local
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from decanter.runtime.errors import PoisonError, PostingRefusedError, StoreRefusedError
from decanter.runtime.fanout.frame import Frame, ids
from decanter.runtime.fanout.outbox import Outbox, Outboxes
from decanter.runtime.fanout.report import Report
from decanter.runtime.logs import log

if TYPE_CHECKING:
    from decanter.runtime.publishing.item import Item
    from decanter.runtime.publishing.queue import Sender


class Publisher:
    """Sends messages with the settings and the transports of a process.

    `telling` has the attribute `outbox` in a thread in which disconnect hooks run; it is None
    without hooks.
    """

    def __init__(self, outboxes: Outboxes, telling: local | None = None) -> None:
        self._outboxes = outboxes
        self._telling = telling

    def broadcast(
        self,
        frame: Frame,
        after: str,
        exclude: str | Collection[str],
        context: object,
        *,
        durable: bool = False,
    ) -> Report:
        """Send a frame to every connection. `Router.broadcast` has the details."""
        outbox = self.outbox(context)
        text, others = outbox.wire.text_of(frame), ids(exclude)
        with _translated():
            report = outbox.broadcast(text, after, others, durable=durable)
        return _noted("broadcast", report)

    def publish_text(self, channel: str, text: str) -> Report:
        """Publish a JSON text to a channel."""
        return self.publish(channel, self.outbox(None).wire.frame_of(text, channel), (), None)

    def publish(
        self,
        channel: str,
        push: str,
        exclude: str | Collection[str],
        context: object,
        *,
        durable: bool = False,
    ) -> Report:
        """Send a push to the members of a channel. `Router.publish` has the details."""
        outbox, others = self.outbox(context), ids(exclude)
        with _translated():
            report = outbox.broadcast(push, exclude=others, durable=durable, channel=channel)
        return _noted("publish", report)

    def send(self, connection_ids: str | Iterable[str], frame: Frame, context: object) -> Report:
        """Send a frame to one connection, or to several. `Router.send` has the details."""
        return _noted("send", self.run(lambda it: it.wire.send(it, connection_ids, frame), context))

    def run(self, work: Callable[[Outbox], Report], context: object) -> Report:
        """Call `work` with an outbox. Its errors are the same as those of a broadcast."""
        with _translated():
            return work(self.outbox(context))

    def close(self, connection_ids: str | Iterable[str], context: object) -> Report:
        """Close one connection, or several. `Router.close` has the details."""
        return _noted("close", self.outbox(context).close_all(connection_ids))

    def accept(self, message: str, context: object) -> dict[str, Any]:
        """Handle a message that another program has written in the form of the queue's messages.

        Return `{"queued": id}` with the id of the queued job, or the report if there is no queue;
        for an order, an empty dict.

        Raises:
            PoisonError: the message is invalid, or it needs a queue.
        """
        from decanter.runtime.publishing.item import Item
        from decanter.runtime.publishing.orders import give, is_order

        outbox = self.outbox(context)
        if is_order(message):
            give(message, uuid4().hex, outbox, lambda item: self._post(item, outbox))
            return {}
        item = Item.of(message, uuid4().hex).framed(outbox.wire)
        if outbox.rest:
            cast("Sender", outbox.rest()).queue(item)
            return {"queued": item.job}
        if item.key is not None:
            raise PoisonError("idempotency_key needs a router with a Queue")
        return self._post(item, outbox)._asdict()

    def _post(self, item: "Item", outbox: Outbox) -> Report:
        """Post an item here. If there is a queue, it gets the rest of a broadcast."""
        if item.ids is not None:
            return _noted("send", outbox.wire.send_text(outbox, item.ids, item.text))
        with _translated():
            report = outbox.broadcast(item.text, item.cursor, item.exclude, channel=item.channel)
        return _noted("publish" if item.channel else "broadcast", report)

    def outbox(self, context: object) -> Outbox:
        """Return an outbox for a Lambda function without an event of a connection.

        The time limit comes from the context, or from the settings if there is no context. The
        argument can also be an object with an attribute `context`, such as an event of Chalice. In
        a disconnect hook, this method returns the event's own outbox, which then deletes no rows.
        """
        if outbox := cast("Outbox | None", getattr(self._telling, "outbox", None)):
            return outbox
        event = {"requestContext": dict[str, str]()}
        return self._outboxes.of(event, getattr(context, "context", context), most_seconds=inf)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise PostingRefusedError if the Lambda function is not allowed to use the table."""
    try:
        yield
    except StoreRefusedError as refused:
        raise PostingRefusedError(str(refused)) from refused


def _noted(kind: str, report: Report) -> Report:
    log("published", logging.INFO, kind=kind, **report.as_fields())
    return report
