"""The recipients of a broadcast: an iterator with a cursor at which another one can continue."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.errors import OutOfTimeError, StoreBusyError, StoreError
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.recipients import BEGINNING, Connections, Page, Recipient

FIRST_ROWS = 200
"""The first posts wait for the first page, so it is small. The second is read while they run."""

PAGE_ROWS = 2000
"""DynamoDB's own page of 1 MB has five times as many rows. Reading it would delay the posts and
take ten times the memory.
"""


class Everyone(Iterator[Recipient]):
    """Every connection in the table, read page by page.

    Only one page is read ahead, so two are in memory, whatever the size of the table. A throttled
    page is read again after a pause, so none is skipped. At the deadline the iterator ends early,
    and `cursor` marks the place.

    Args:
        connections: the table.
        clock: decides which rows are stale.
        workers: read pages, no longer than the deadline.
        backoff: the pauses before a page is read again.
        deadline: when reading ends.
        after: another audience's `cursor`.
    """

    def __init__(
        self,
        connections: Connections,
        clock: Clock,
        workers: Workers,
        backoff: Backoff,
        deadline: Deadline,
        after: str = BEGINNING,
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._workers = workers
        self._backoff = backoff
        self._deadline = deadline
        self._read: deque[Recipient] = deque()
        self._unread: str | None = after
        self._cursor = after
        self._ahead: Future[Page] | None = None
        self._started = False

    @property
    def cursor(self) -> str | None:
        """The connection id after which to continue; None if all recipients were returned."""
        return self._cursor if self._read or self._unread is not None else None

    def __next__(self) -> Recipient:
        """Return the next recipient.

        Raises:
            StopIteration: no recipient is left, or the time is over.
            StoreBusyError: not one page could be read in time.
            StoreError, ConfigurationError: the table cannot be read.
        """
        while not self._read:
            if self._unread is None:
                raise StopIteration
            self._take_page(self._unread)
        recipient = self._read.popleft()
        self._cursor = recipient.connection_id
        return recipient

    def left_over(self) -> tuple[int, bool]:
        """Return how many recipients are left, and True if there was time to count all of them."""
        total = len(self._read)
        unread = self._unread
        try:
            while unread is not None:
                count = partial(self._connections.count_after, unread, self._clock.time_ms())
                counted = self._workers.result(self._workers.start(count), self._deadline.work)
                total, unread = total + counted.recipients, counted.last
        except (OutOfTimeError, StoreError):
            return total, False
        return total, True

    def _take_page(self, after: str) -> None:
        """Wait for the next page, and start reading the one after it."""
        try:
            page = self._page(after)
        except OutOfTimeError:
            if self._started:
                raise StopIteration from None
            raise StoreBusyError("no page of the connection table could be read in time") from None
        self._read.extend(page.recipients)
        self._cursor, self._unread = after, page.last
        self._started = True
        self._ahead = None if page.last is None else self._begin(page.last)

    def _page(self, after: str) -> Page:
        reading = self._ahead or self._begin(after)
        attempt = 0
        while True:
            try:
                return self._workers.result(reading, self._deadline.posts)
            except StoreBusyError:
                attempt += 1
                self._pause(attempt)
                reading = self._begin(after)

    def _begin(self, after: str) -> Future[Page]:
        rows = PAGE_ROWS if self._started else FIRST_ROWS
        read = partial(self._connections.page, after, self._clock.time_ms(), rows)
        return self._workers.start(read)

    def _pause(self, attempt: int) -> None:
        seconds = self._backoff(attempt)
        if self._clock.monotonic() + seconds >= self._deadline.posts:
            raise OutOfTimeError
        self._clock.sleep(seconds)
