"""The rows of connections that are gone: deleted beside the posts, some at a time.

No row is deleted before this process has reached someone through the endpoint. Until then it may
be another API's, which says of every connection that it is gone. If nobody was reached by the end,
fewer than ten rows are deleted, and more are kept (`Reach.doubt`).
"""

import logging
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial

from decanter.runtime.errors import DecanterError, NobodyReachedError
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.logs import log
from decanter.runtime.recipients import Connections, Recipient
from decanter.runtime.transports.base import Reach

BATCH = 25
BATCHES_AT_ONCE = 4
MOST_WAITING = 5_000
"""A megabyte. More rows than these are kept, and left to a later run."""

Problems = Counter[str]


class Cleanup:
    """Takes in recipients that are gone and deletes their rows.

    A row is deleted only if it is still the one that was read: no batch operation of DynamoDB's
    has conditions but the transaction, which costs twice as much and fails as a whole. So a batch
    is what one worker does. Few are under way at once, and a page of the table waits for none.

    Args:
        connections: the table.
        workers: delete.
        reach: tells if someone was reached.

    Attributes:
        count: the rows that are deleted, or will be.
        kept: the rows of connections that are gone by API Gateway's word, but are kept.
        unproven: how many more are said to be gone, and prove nothing.
        doubt: why no row was deleted, once `finish` has returned; None if nothing speaks against.
    """

    def __init__(self, connections: Connections, workers: Workers, reach: Reach) -> None:
        self._connections = connections
        self._workers = workers
        self._reach = reach
        self._waiting: list[Recipient] = []
        self._under_way: list[Future[Problems]] = []
        self._problems = Problems()
        self.count = self.kept = self.unproven = 0
        self.doubt: NobodyReachedError | None = None

    def add(self, recipient: Recipient) -> None:
        """Take one in; its row is deleted some time before `finish` returns, or not in time."""
        if len(self._waiting) < MOST_WAITING:
            self.count += 1
            self._waiting.append(recipient)
        else:
            self.kept += 1
        if len(self._waiting) >= BATCH and self._reach.reached:
            self._take_in([batch for batch in self._under_way if batch.done()])
            while len(self._waiting) >= BATCH and len(self._under_way) < BATCHES_AT_ONCE:
                self._begin()

    def finish(self, until: float) -> None:
        """Delete the rest, and wait; the next broadcast finds those there was no time for.

        Args:
            until: monotonic seconds.
        """
        said = self.count + self.kept + self.unproven
        self.doubt = self._reach.doubt(said, self._connections)
        if self.doubt:
            self.count, self.kept, self._waiting = 0, self.count + self.kept, []
        while self._waiting:
            self._begin()
        self._take_in(self._workers.ended(self._under_way, until))
        for error, count in self._problems.items():
            log("rows_not_removed", logging.WARNING, error=error, count=count)

    def _take_in(self, ended: Iterable[Future[Problems]]) -> None:
        for batch in ended:
            self._under_way.remove(batch)
            self._problems += batch.result()

    def _begin(self) -> None:
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        self._under_way.append(self._workers.start(partial(self._remove, batch)))

    def _remove(self, batch: list[Recipient]) -> Problems:
        problems = Problems()
        for recipient in batch:
            try:
                self._connections.remove_if_unchanged(recipient)
            except DecanterError as error:
                problems[str(error)] += 1
        return problems
