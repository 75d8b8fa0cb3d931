"""The publisher sends from functions without an event of a connection.

Such functions are HTTP routes, functions of schedules, queues and streams, and pure Lambda
functions.
"""

import logging
from collections.abc import Collection, Iterable
from math import inf
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from decanter.runtime.errors import PoisonError, PostingRefusedError, StoreRefusedError
from decanter.runtime.fanout.outbox import Outbox, Outboxes
from decanter.runtime.fanout.report import Report
from decanter.runtime.logs import log
from decanter.runtime.publishing.frame import Frame, ids, text_of

if TYPE_CHECKING:
    from decanter.runtime.publishing.queue import Sender


class Publisher:
    """Sends messages with the settings and the transports of a process.

    Args:
        outboxes: creates an outbox for each call.
    """

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes

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
        outbox = self._outbox(context)
        try:
            report = outbox.broadcast(text_of(frame), after, ids(exclude), durable=durable)
        except StoreRefusedError as refused:
            raise PostingRefusedError(str(refused)) from refused
        return _noted("broadcast", report)

    def send(self, connection_ids: str | Iterable[str], frame: Frame, context: object) -> Report:
        """Send a frame to one connection, or to several. `Router.send` has the details."""
        return _noted("send", self._outbox(context).send(connection_ids, text_of(frame)))

    def close(self, connection_ids: str | Iterable[str], context: object) -> Report:
        """Close one connection, or several. `Router.close` has the details."""
        return _noted("close", self._outbox(context).close_all(connection_ids))

    def accept(self, message: str, context: object) -> dict[str, Any]:
        """Publish a message that another program has written for the queue.

        Returns:
            `{"queued": id}` with the id of the queued item; the report if there is no queue.

        Raises:
            PoisonError: the message is invalid, or it needs a queue.
        """
        from decanter.runtime.publishing.item import Item

        item = Item.of(message, uuid4().hex)
        if rest := self._outbox(context).rest:
            cast("Sender", rest()).queue(item)
            return {"queued": item.job}
        if item.key is not None:
            raise PoisonError("idempotency_key needs a router with a Queue")
        if item.ids is None:
            report = self.broadcast(item.text, item.cursor, item.exclude, context)
        else:
            report = self.send(item.ids, item.text, context)
        return report._asdict()

    def _outbox(self, context: object) -> Outbox:
        """Return an outbox whose time limit is the function's time, or else the setting.

        Args:
            context: Lambda's context, or an object with this context, such as an event of Chalice.
        """
        event = {"requestContext": dict[str, str]()}
        return self._outboxes.of(event, getattr(context, "context", context), most_seconds=inf)


def _noted(kind: str, report: Report) -> Report:
    """Log a report, and return the report."""
    log("published", logging.INFO, kind=kind, **report.as_fields())
    return report
