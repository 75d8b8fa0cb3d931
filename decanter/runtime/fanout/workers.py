"""Table work beside the posts, waited for no longer than there is time."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from decanter.runtime.clock import Clock
from decanter.runtime.errors import OutOfTimeError

T = TypeVar("T")


class Workers:
    """A few threads, started when there is work.

    An operation whose time is over is abandoned, not interrupted: it ends by its own timeouts,
    which are seconds, in a thread that nobody waits for.
    """

    def __init__(self, clock: Clock, threads: int = 8) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decanter-table")

    def start(self, work: Callable[[], T]) -> "Future[T]":
        """Begin it, to be waited for later or not at all."""
        return self._pool.submit(work)

    def result(self, begun: "Future[T]", until: float) -> T:
        """Wait for what was begun and return its result.

        Args:
            begun: by `start`.
            until: monotonic seconds.

        Raises:
            OutOfTimeError: it did not end in time.
        """
        try:
            return begun.result(timeout=self._left(until))
        except TimeoutError:
            begun.cancel()
            raise OutOfTimeError from None

    def ended(self, begun: "Iterable[Future[T]]", until: float) -> list["Future[T]"]:
        """Wait for several; those that did not end in time are not among the returned."""
        ended, unfinished = wait(begun, timeout=self._left(until))
        for future in unfinished:
            future.cancel()
        return list(ended)

    def _left(self, until: float) -> float:
        return max(0.0, until - self._clock.monotonic())
