"""The work of the queue's function, which posts the frames of the items.

If an item addresses all connections and the table is large, the item is split into parts, at most
one for each function instance that may run at the same time. Such a part is a segment of the table,
with its own row in the job table and its share of the rate limit. A message in the queue names the
row, and the row contains the progress. If SQS delivers a message twice, the second run reads the
progress from the row. If the first run may still be running, the second run queues the item again,
with a delay. Near its deadline, a run queues the rest as a new message. A delayed item retries
posts that may succeed later. After `MOST_ATTEMPTS` delayed items, the dead-letter queue gets an
item with the remaining connections.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Any

from decanter.runtime.errors import DecanterError, PoisonError, StoreBusyError
from decanter.runtime.fanout.audience import FIRST_ROWS
from decanter.runtime.fanout.metrics import measure_queue
from decanter.runtime.logs import error_fields, log
from decanter.runtime.publishing.item import Item
from decanter.runtime.publishing.orders import give, is_order
from decanter.runtime.publishing.run import TOTALS, Run, Tools
from decanter.runtime.recipients import BEGINNING, Page, Place

UNSPLIT = "all"
"""The name of the only part of a job that is not split."""


class Worker:
    """Processes the items of the queue."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run(self, event: Any, context: object = None) -> dict[str, int]:
        """Process the messages of an event, and return the counts.

        The event is Chalice's SQS event, which contains the context, or Lambda's event as a dict.

        Raises:
            DecanterError: the work on a message failed. SQS delivers the messages of the event
                again, and finally moves them to the dead-letter queue.
            TypeError: the event is not the event of an SQS queue.
        """
        if hasattr(event, "to_dict"):
            event, context = event.to_dict(), event.context
        totals = dict.fromkeys(TOTALS, 0)
        errors = []
        for record in _records(event):
            try:
                self._message(record, context, totals)
            except DecanterError as error:
                _log_error(error, record)
                errors.append(error)
        settings = self._tools.outboxes.settings
        measure_queue(totals, settings.metrics_namespace, self._tools.clock.time_ms())
        if errors:
            raise errors[0]
        return totals

    def _message(self, record: Mapping[str, Any], context: object, totals: dict[str, int]) -> None:
        tools, message_id, page = self._tools, record["messageId"], None
        if is_order(record["body"]):
            outbox = tools.outboxes.of({"requestContext": {}}, context, most_seconds=inf)
            give(record["body"], message_id, outbox, tools.sender.queue)
            return
        item = Item.of(record["body"], message_id).framed(tools.outboxes.wire)
        if not item.part:
            page = self._page(item)
            segments = self._tools.sender.segments if self._is_large(item, page) else 1
            if item.key and not (segments := self._begun(item, segments, message_id)):
                return
            item, *others = _parts(item, segments)
            if others:  # one message for each part, because SQS counts receives per message
                for part in (item, *others):
                    self._tools.sender.queue(part)
                return
        Run(self._tools, item, context, totals, page).work()

    def _begun(self, item: Item, segments: int, message_id: str) -> int:
        """Begin or continue the job of an idempotency key, and return the number of segments.

        A later message with the same key continues parts that are not done, because it may be a
        dead letter that is sent again. Return 0 if the frames of the two messages differ.
        """
        row, digest = f"{item.job}/", hashlib.sha256(item.text.encode()).hexdigest()
        jobs, state = self._tools.jobs, {"segments": segments, "frame": digest}
        found = jobs.read(row)
        if found is None:
            if jobs.write(row, message_id, state, self._tools.clock.time_ms(), ()):
                return segments
            found = jobs.read(row)
        if found is None:
            raise StoreBusyError("another invocation begins the job")
        is_same = found.state["frame"] == digest
        if found.owner != message_id:
            level = logging.INFO if is_same else logging.ERROR
            log("repeated_message", level, job=item.job, same_frame=is_same)
        return int(found.state["segments"]) if is_same else 0

    def _page(self, item: Item) -> Page | None:
        """Return the table's first page, if the item begins there and the table is not busy."""
        if not _begins(item):
            return None
        tools = self._tools
        with suppress(StoreBusyError):
            return tools.connections.page(BEGINNING, tools.clock.time_ms(), FIRST_ROWS)
        return None

    def _is_large(self, item: Item, page: Page | None) -> bool:
        """Return True if an item must be split into parts.

        Only an item for every connection, from the beginning of the table, is split. Such an item
        must be split if the table is busy, or if the table has several pages and the job has not
        begun as a single part.
        """
        if not _begins(item):
            return False
        if page is not None and page.last is None:
            return False
        return page is None or self._tools.jobs.read(f"{item.job}/{UNSPLIT}") is None


def _begins(item: Item) -> bool:
    """Return True if an item is for every connection, from the beginning of the table."""
    return item.ids is None and not item.channel and item.cursor == BEGINNING


def _parts(item: Item, segments: int) -> list[Item]:
    """Return the parts of a job, which are the same for a message that is delivered again.

    An item from the beginning of the table has `segments` parts. A cursor may already be in a
    segment.
    """
    place = Place(BEGINNING, 0, segments) if segments > 1 else Place.of(item.cursor)
    if place.segments == 1:
        return [item._replace(part=UNSPLIT, key=None)]
    following = range(place.segment + 1, place.segments)
    places = [place, *(Place(BEGINNING, each, place.segments) for each in following)]
    return [item._replace(part=str(each.segment), cursor=each.cursor, key=None) for each in places]


def _records(event: Any) -> Sequence[Mapping[str, Any]]:
    try:
        records: Sequence[Mapping[str, Any]] = event["Records"]
        if all(each["eventSource"] == "aws:sqs" for each in records):
            return records
    except (KeyError, TypeError):
        pass
    raise TypeError(
        "router.fan_out takes the event of an SQS queue: call it in a function with "
        "@app.on_sqs_message(queue=…, batch_size=1)"
    )


def _log_error(error: DecanterError, record: Mapping[str, Any]) -> None:
    """Log an error. After three attempts, SQS moves the message to the dead-letter queue."""
    is_poison = isinstance(error, PoisonError)
    log(
        "poison" if is_poison else "fan_out_failed",
        logging.ERROR,
        message_id=record["messageId"],
        receives=record.get("attributes", {}).get("ApproximateReceiveCount"),
        **error_fields(error),
    )
