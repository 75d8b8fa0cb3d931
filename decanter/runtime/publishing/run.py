"""Post one part of a job in one invocation of the queue's Lambda function."""

import logging
from contextlib import suppress
from dataclasses import replace
from math import ceil, inf
from typing import NamedTuple

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.errors import (
    DecanterError,
    PostingRefusedError,
    StoreBusyError,
    UndeliveredError,
)
from decanter.runtime.fanout.audience import Everyone, Extent
from decanter.runtime.fanout.cleanup import Cleanup
from decanter.runtime.fanout.endpoint import management_endpoint
from decanter.runtime.fanout.outbox import Outbox, Outboxes
from decanter.runtime.logs import log
from decanter.runtime.publishing.checkpoint import (
    MOST_UNSURE,
    Checkpoint,
    Jobs,
    State,
    SupersededError,
)
from decanter.runtime.publishing.item import Item
from decanter.runtime.publishing.part import Listed, Part, Source, remover
from decanter.runtime.publishing.queue import Sender
from decanter.runtime.recipients import BEGINNING, Connections, Page
from decanter.runtime.transports.base import Transport

MOST_ATTEMPTS = 5
"""The number of delayed items that retry a failed post before its connection counts as dead."""

DELAY_SECONDS = 5
"""The delay of the first retry. Each further delay is four times the previous delay, up to 15
minutes.
"""

TOTALS = ("posted", "handed_on", "repeated", "dead", "gone", "failed")


class Tools(NamedTuple):
    """The queue, the tables and the transports of the queue's Lambda function."""

    outboxes: Outboxes
    connections: Connections
    jobs: Jobs
    sender: Sender
    clock: Clock
    backoff: Backoff

    def transport(self) -> Transport:
        """Return the transport with one function instance's share of the rate limit."""
        settings = self.outboxes.settings
        settings = replace(settings, posts_per_second=self.sender.share, shares_pace=True)
        return self.outboxes.transport(management_endpoint({}, settings), settings)


class Run:
    """Posts one part of a job until nothing is left, or until the Lambda function has no time left.

    The run adds to `totals`, the counts of the invocation.
    """

    def __init__(
        self,
        tools: Tools,
        item: Item,
        context: object,
        totals: dict[str, int],
        page: Page | None = None,
    ) -> None:
        self._tools = tools
        self._page = page
        self._clock = tools.clock
        self._item = item
        wire = tools.outboxes.wire
        self._connections = wire.members(item.channel) if item.channel else tools.connections
        self._totals = totals
        self._began = tools.clock.monotonic()
        self._outbox: Outbox = tools.outboxes.of({"requestContext": {}}, context, most_seconds=inf)

    def work(self) -> None:
        """Post the part.

        Raises:
            DecanterError: the work cannot continue now; the row contains the progress.
        """
        tools, item, now_ms = self._tools, self._item, self._clock.time_ms()
        state, owner = Checkpoint.read(tools.jobs, item.row, item.cursor)
        if state.done:
            self._log("done_before", state)
            return
        if item.attempt >= MOST_ATTEMPTS:  # SQS may deliver the last attempt's item again
            state.unended, state.again = [*state.unended, *state.again], []
        checkpoint = Checkpoint(
            *(tools.jobs, item.row, state, self._clock, self._outbox.workers, self._pause)
        )
        # A run that was killed may have started posts after it last wrote the row.
        unsure = MOST_UNSURE if state.until else len(state.unended) + state.unsure
        before = state.counts()
        end_ms = now_ms + self._left_ms()
        if state.until > now_ms or not checkpoint.take(end_ms, owner, unsure):
            self._wait(max(state.until, end_ms) - now_ms)
            return
        try:
            self._post(checkpoint, unsure)
        finally:
            for name, count in state.counts().items():
                self._totals[name] += count - before[name]

    def _post(self, checkpoint: Checkpoint, unsure: int) -> None:
        tools, item, hooks = self._tools, self._item, self._outbox.hooks
        transport, deadline = tools.transport(), self._outbox.deadline
        remove = remover(self._connections, self._clock)
        cleanup = Cleanup(
            *(self._connections, self._outbox.workers, transport.reach, hooks, remove)
        )
        part = Part(
            *(self._source(checkpoint.state), checkpoint, cleanup, self._clock),
            frozenset((*item.exclude, *tools.outboxes.wire.silent(item.ids or ()))),
            unsure,
        )
        try:
            self._post_all(part, transport)
            self._end(part)
        except DecanterError as error:
            if not isinstance(error, SupersededError):
                self._give_back(part)
            raise
        finally:
            part.failures.log()
        cleanup.finish(deadline)
        if cleanup.doubt:
            log("nobody_reached", logging.ERROR, **cleanup.doubt.as_fields())

    def _post_all(self, part: Part, transport: Transport) -> None:
        posts, data = self._outbox.deadline.posts, self._item.text.encode()
        now = self._clock.monotonic()
        answers = min(self._tools.outboxes.settings.post_timeout_seconds, (posts - now) / 2)
        while True:
            if part.is_full:
                self._queue_again(part)
            part.post(transport, data, posts - answers, posts)
            if not part.is_full:
                break
        if part.refusal:
            raise PostingRefusedError(part.refusal.reason)

    def _end(self, part: Part) -> None:
        """Mark the part as done, or queue the rest."""
        state = part.snapshot()
        if state.cursor is None and not state.unended:
            if state.again:
                self._queue_again(part)
            state.until, state.done = 0, True
            state.repeated -= part.unsure
            part.checkpoint.write(part.snapshot())
            self._log("done", state)
            return
        if not part.begun:
            raise StoreBusyError("no post could begin in time")
        self._give_back(part)
        self._hand_on(state)
        self._log("handed_on", state)

    def _hand_on(self, state: State, delay_seconds: int = 0) -> None:
        item = self._item
        cursor = item.cursor if state.cursor is None else state.cursor
        self._tools.sender.queue(item._replace(cursor=cursor, hops=item.hops + 1), delay_seconds)
        self._totals["handed_on"] += 1

    def _give_back(self, part: Part) -> None:
        """Write the row for a later run."""
        state, unsure = part.state, part.unsure
        state.until, part.unsure = 0, 0
        state.unsure += unsure
        state.repeated -= unsure
        with suppress(StoreBusyError):  # the row that was written before is valid too
            part.checkpoint.write(part.snapshot())

    def _wait(self, milliseconds: int) -> None:
        """Queue the item again, with a delay until the run that owns the row has ended."""
        item, seconds = self._item, ceil(milliseconds / 1000) + 1
        self._tools.sender.queue(item._replace(hops=item.hops + 1), seconds)
        log("fan_out", job=item.job, part=item.part, outcome="waits", seconds=seconds)

    def _queue_again(self, part: Part) -> None:
        """Queue an item with the connections to try again, which the row also lists.

        After the last attempt, send the item to the dead-letter queue instead.
        """
        state, item = part.snapshot(), self._item
        part.checkpoint.write(state)
        again = item._replace(
            ids=tuple(state.again),
            exclude=(),
            cursor="",
            part=f"{item.part}.{state.flushes}",
            attempt=item.attempt + 1,
            hops=0,
        )
        if item.attempt < MOST_ATTEMPTS:
            self._tools.sender.queue(again, DELAY_SECONDS * 4**item.attempt)
        else:
            self._bury(again._replace(attempt=0), state)
        state.again, state.flushes = [], state.flushes + 1
        part.is_full = False

    def _bury(self, item: Item, state: State) -> None:
        count = len(item.ids or ())
        log("dead", logging.ERROR, job=item.job, part=item.part, count=count)
        if not self._tools.sender.bury(item):
            raise UndeliveredError(count)
        state.dead += count

    def _source(self, state: State) -> Source:
        if self._item.ids is not None:
            ids = self._item.ids
            return Listed(ids, state.cursor if state.cursor is not None else str(len(ids)))
        if state.cursor is None:
            return Listed((), "")
        outbox = self._outbox
        return Everyone(
            *(self._connections, self._clock, outbox.workers, outbox.backoff),
            *(outbox.deadline, state.cursor),
            Extent(one_segment=True),
            self._page if state.cursor == BEGINNING else None,
        )

    def _left_ms(self) -> int:
        """Return the milliseconds until the Lambda function's timeout."""
        posts, work = self._outbox.deadline
        return round((2 * work - posts - self._clock.monotonic()) * 1000)

    def _pause(self, attempt: int) -> None:
        self._clock.sleep(self._tools.backoff(attempt))

    def _log(self, outcome: str, state: State) -> None:
        item = self._item
        log(
            "fan_out",
            job=item.job,
            part=item.part,
            attempt=item.attempt,
            hops=item.hops,
            outcome=outcome,
            milliseconds=round((self._clock.monotonic() - self._began) * 1000),
            **state.counts(),
        )
