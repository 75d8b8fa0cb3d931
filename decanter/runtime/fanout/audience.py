"""An iterator over the recipients of a broadcast; another iterator can continue at its cursor."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.errors import OutOfTimeError, StoreBusyError, StoreError
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.sample import Damage
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.recipients import BEGINNING, Connections, Page, Place, Recipient

FIRST_ROWS = 200
"""The number of rows in the first page, which is small because the first posts wait for it."""

PAGE_ROWS = 2000
"""The number of rows in each later page. A page of DynamoDB's maximum size, 1 MB, has about five
times as many rows. The read of such a page would delay the posts and need more memory.
"""


class Extent(NamedTuple):
    """The part of the table that an audience covers.

    Attributes:
        most: the maximum number of recipients; None for no limit.
        segments: the number of segments into which a table with more than one page is divided. The
            audience reads one segment after another. The instances of the queue's function can read
            the remaining segments in parallel.
        one_segment: True to end at the end of the cursor's segment.
    """

    most: int | None = None
    segments: int = 1
    one_segment: bool = False


WHOLE = Extent()


class Everyone(Iterator[Recipient | None]):
    """Every connection in the table, read page by page.

    Only one page is read ahead, so at most two pages are in memory, whatever the size of the table.
    If DynamoDB throttles the read of a page or does not answer, the page is read again after a
    pause, so no page is skipped. If a later page is not read before the deadline, the iterator ends
    early, and another iterator can continue at `cursor`. The iterator never waits, so the read of a
    page does not delay posts in flight.

    `after` is the cursor of another audience, or `BEGINNING`, and `page` is the page after it, if
    the caller has already read this page. `deadline.posts` limits the reads of pages, and
    `deadline.work` limits the count in `left_over`.
    """

    def __init__(
        self,
        connections: Connections,
        clock: Clock,
        workers: Workers,
        backoff: Backoff,
        deadline: Deadline,
        after: str = BEGINNING,
        extent: Extent = WHOLE,
        page: Page | None = None,
    ) -> None:
        self._extent = extent
        self._first_segment = Place(BEGINNING, 0, extent.segments).prefix
        self._taken = 0
        self._prefix = Place.of(after).prefix
        self._connections = connections
        self._clock = clock
        self._workers = workers
        self._backoff = backoff
        self._deadline = deadline
        self._read: deque[Recipient] = deque()
        self._unread: str | None = after
        self._cursor = after
        self._ahead: Future[Page] | None = None
        self._attempts = 0
        self._again_at = 0.0
        self._started = False
        self.damage = Damage()
        if page is not None:
            self._take(page, after)

    @property
    def cursor(self) -> str | None:
        """The cursor at which to continue; None if all recipients were returned."""
        return self._cursor if self._read or self._unread is not None else None

    def __next__(self) -> Recipient | None:
        """Return the next recipient, or None until the recipient's page is read.

        Raises:
            StopIteration: no recipient is left, the extent's limit is reached, or a later page was
                not read in time.
            StoreBusyError: no page could be read in time.
            StoreError, ConfigurationError: the table cannot be read.
        """
        if self._taken == self._extent.most:
            raise StopIteration
        while not self._read:
            if self._unread is None:
                raise StopIteration
            page = self._page(self._unread)
            if page is None:
                return None
            self._take(page, self._unread)
        recipient = self._read.popleft()
        self._cursor = self._prefix + recipient.connection_id
        self._taken += 1
        return recipient

    def left_over(self) -> tuple[int, bool]:
        """Return the number of recipients left, and True if all of them could be counted.

        If the extent has a limit, the number is 0, because the queue handles the rest.
        """
        if self._extent.most is not None:
            return 0, True
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

    def _take(self, page: Page, after: str) -> None:
        """Keep the recipients of a page, and start to read the next page.

        If the extent has several segments, and this is the first page of several, start again in
        the first segment instead.
        """
        if self._first_segment and after == BEGINNING and page.last is not None:
            self._cursor = self._unread = self._first_segment
            return
        self.damage.note(page.recipients)
        self._read.extend(page.recipients)
        self._prefix = Place.of(after).prefix
        if self._extent.one_segment and page.last and Place.of(page.last).prefix != self._prefix:
            page = page._replace(last=None)
        self._cursor, self._unread = after, page.last
        self._started = True
        self._ahead = None if page.last is None else self._begin(page.last)

    def _page(self, after: str) -> Page | None:
        """Return the page after a cursor if it has been read, otherwise None.

        Raises:
            StopIteration, StoreBusyError: the deadline has passed, or is before the next attempt.
        """
        if self._ahead is None and self._clock.monotonic() >= self._again_at:
            self._ahead = self._begin(after)
        if self._ahead is not None and self._ahead.done():
            reading, self._ahead = self._ahead, None
            try:
                page = reading.result()
            except StoreBusyError:
                self._attempts += 1
                self._again_at = self._clock.monotonic() + self._backoff(self._attempts)
            else:
                self._attempts = 0
                return page
        if max(self._clock.monotonic(), self._again_at) < self._deadline.posts:
            return None
        if self._started:
            raise StopIteration
        raise StoreBusyError("no page of the connection table could be read in time")

    def _begin(self, after: str) -> Future[Page]:
        rows = PAGE_ROWS if self._started else FIRST_ROWS
        read = partial(self._connections.page, after, self._clock.time_ms(), rows)
        return self._workers.start(read)
