"""Cleanup: delete the rows of gone connections in batches, in parallel with the posts.

While posts are being sent, no row is deleted until this process has reached a connection through
the endpoint. Until then, the endpoint may belong to another API, which reports every connection as
gone. If no connection was reached by the end, the rows are deleted only if fewer than ten
connections are reported gone (`Reach.doubt`).
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

from decanter.runtime.errors import DecanterError, NobodyReachedError
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.disconnect_hooks import DisconnectHooks, log_failures
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.logs import log
from decanter.runtime.recipients import Connections, Recipient, Removed
from decanter.runtime.transports.base import Reach

BATCH = 25
BATCHES_AT_ONCE = 4
MOST_WAITING = 5_000
"""The maximum number of rows that wait for deletion. They take about 1 MB of memory. A later
broadcast or sweep deletes the rest.
"""

Remove = Callable[[Recipient], Removed | None]
"""Deletes a row if a condition holds; returns None if no row was deleted."""


class _Batch(NamedTuple):
    """The deleted rows of a batch, and the number of failed deletions for each error text."""

    removed: list[Removed]
    problems: Counter[str]


class Cleanup:
    """Collects recipients that are gone, and deletes their rows.

    By default, a row is deleted only if its `connected_at` has not changed since the row was read.
    `BatchWriteItem` has no conditions, and a transaction costs twice as much and fails as a whole.
    Therefore a worker deletes the rows of a batch one by one. Only a few batches run in parallel
    with the posts, so reads of the table do not wait for them.

    If the application has disconnect hooks, `add` deletes no row. `delete_and_tell` and `finish`
    then delete rows only while there is time for their hooks.

    Attributes:
        count: the number of rows that wait for deletion, or whose deletion has started.
        kept: the number of rows that are kept although API Gateway itself reports their connections
            as gone.
        unproven: the number of other connections that are reported gone, but may still exist.
        doubt: after `finish`, the reason why no row was deleted; None if there is no such reason.
    """

    def __init__(
        self,
        connections: Connections,
        workers: Workers,
        reach: Reach,
        hooks: DisconnectHooks | None = None,
        remove: Remove | None = None,
    ) -> None:
        self._connections = connections
        self._workers = workers
        self._reach = reach
        self._hooks = hooks
        self._remove = remove or connections.remove_if_unchanged
        self._waiting: list[Recipient] = []
        self._under_way: list[Future[_Batch]] = []
        self._problems = Counter[str]()
        self.count = self.kept = self.unproven = 0
        self.doubt: NobodyReachedError | None = None

    def add(self, recipient: Recipient) -> None:
        """Add a gone recipient. Its row is deleted before `finish` returns, or kept."""
        if self._hooks:
            self._hooks.gone.add(recipient.connection_id)
        if len(self._waiting) >= MOST_WAITING or (self._hooks and self._hooks.running):
            self.kept += 1
        else:
            self.count += 1
            self._waiting.append(recipient)
        if len(self._waiting) >= BATCH and self._reach.reached and not self._hooks:
            self._take_in([batch for batch in self._under_way if batch.done()])
            while len(self._waiting) >= BATCH and len(self._under_way) < BATCHES_AT_ONCE:
                self._begin(BATCH)

    def delete_and_tell(self, deadline: Deadline) -> None:
        """Delete rows and call the disconnect hooks for them while there is time for both.

        Do nothing without hooks, or if this process has not reached a connection yet.
        """
        if self._hooks and self._reach.reached:
            self._tell(self._hooks, deadline)

    def finish(self, deadline: Deadline) -> None:
        """Delete the remaining rows, and call the disconnect hooks for them, until the deadline.

        If the endpoint is in doubt, keep all waiting rows. If there is not enough time, a later
        broadcast or sweep deletes the other rows.
        """
        said = self.count + self.kept + self.unproven
        self.doubt = self._reach.doubt(said, self._connections)
        if self._hooks and not self.doubt:
            self._tell(self._hooks, deadline)
        if self._hooks or self.doubt:
            self.count -= len(self._waiting)
            self.kept += len(self._waiting)
            self._waiting = []
        while self._waiting:
            self._begin(BATCH)
        self._take_in(self._workers.ended(self._under_way, deadline.work))
        for error, count in self._problems.items():
            log("rows_not_removed", logging.WARNING, error=error, count=count)

    def _tell(self, hooks: DisconnectHooks, deadline: Deadline) -> None:
        while self._waiting and (room := hooks.room(deadline.posts)):
            share = -(-room // BATCHES_AT_ONCE)
            while self._waiting and room > 0:
                self._begin(min(share, room))
                room -= share
            for removed in self._take_in(self._workers.ended(self._under_way, deadline.work)):
                log_failures(removed, hooks.call(removed))

    def _take_in(self, ended: Iterable[Future[_Batch]]) -> list[Removed]:
        removed: list[Removed] = []
        for each in ended:
            self._under_way.remove(each)
            batch = each.result()
            self._problems += batch.problems
            removed += batch.removed
        return removed

    def _begin(self, most: int) -> None:
        batch, self._waiting = self._waiting[:most], self._waiting[most:]
        self._under_way.append(self._workers.start(partial(self._delete, batch)))

    def _delete(self, batch: list[Recipient]) -> _Batch:
        done = _Batch([], Counter())
        for recipient in batch:
            try:
                if removed := self._remove(recipient):
                    done.removed.append(removed)
            except DecanterError as error:
                done.problems[str(error)] += 1
        return done
