"""Table work beside the posts, waited for no longer than there is time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

from .clock import Clock
from .errors import OutOfTimeError

T = TypeVar("T")


class Workers:
    """A few threads, started when there is work.

    An operation whose time is over is abandoned, not interrupted: it ends by its own timeouts,
    which are seconds, in a thread that nobody waits for.
    """

    def __init__(self, clock: Clock, threads: int = 8) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decanter-table")

    def call(self, work: Callable[[], T], until: float) -> T:
        """Do it and return its result.

        Args:
            work: called in a thread.
            until: monotonic seconds.

        Raises:
            OutOfTimeError: it did not end in time.
        """
        future = self._pool.submit(work)
        try:
            return future.result(timeout=self._left(until))
        except TimeoutError:
            future.cancel()
            raise OutOfTimeError from None

    def each(self, work: Callable[[T], object], items: Iterable[T], until: float) -> list[object]:
        """Do it to every item, several at once, as far as time allows.

        Returns:
            What was returned or raised for the items that were finished, in no order.
        """
        futures = {self._pool.submit(partial(work, item)) for item in items}
        done, unfinished = wait(futures, timeout=self._left(until))
        for future in unfinished:
            future.cancel()
        return [future.exception() or future.result() for future in done]

    def _left(self, until: float) -> float:
        return max(0.0, until - self._clock.monotonic())
