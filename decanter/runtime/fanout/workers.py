"""Work on the table in parallel with the posts, with a time limit."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

from decanter.runtime.clock import Clock
from decanter.runtime.errors import OutOfTimeError
from decanter.runtime.forks import forget_at_fork

S = TypeVar("S")
T = TypeVar("T")


class Workers:
    """A few threads, which start when there is work.

    After the time limit, the caller no longer waits, but work that has started is not interrupted.
    The work's own timeouts end it after a few seconds.
    """

    def __init__(self, clock: Clock, threads: int = 8) -> None:
        self._clock = clock
        self._threads = threads
        self.after_fork()
        forget_at_fork(self)

    def after_fork(self) -> None:
        """Replace the parent's threads with threads of this process."""
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="decanter-table")

    def start(self, work: Callable[[], T]) -> "Future[T]":
        """Start work, and return without waiting for it."""
        return self._pool.submit(work)

    def each(self, work: Callable[[S], T], items: Sequence[S]) -> list[T]:
        """Call a function with each item in parallel. The calling thread handles the first item.

        Work that runs on these threads must not call this method, because all threads could
        then wait for a free thread.
        """
        begun = [self.start(partial(work, item)) for item in items[1:]]
        return [*map(work, items[:1]), *(future.result() for future in begun)]

    def result(self, begun: "Future[T]", until: float) -> T:
        """Wait for work until a time, in monotonic seconds, and return its result.

        Raises:
            OutOfTimeError: the work did not end in time.
        """
        try:
            return begun.result(timeout=self._left(until))
        except TimeoutError:
            begun.cancel()
            raise OutOfTimeError from None

    def ended(self, begun: "Iterable[Future[T]]", until: float) -> list["Future[T]"]:
        """Wait for futures. Return those that ended in time. Cancel those that have not begun."""
        ended, unfinished = wait(begun, timeout=self._left(until))
        for future in unfinished:
            future.cancel()
        return list(ended)

    def _left(self, until: float) -> float:
        return max(0.0, until - self._clock.monotonic())
