"""The time of a test: API Gateway's, DynamoDB's and the framework's clock."""

import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

SHORTEST_STEP = 0.001


class Clock:
    """The machine's clocks, put forward by `advance`.

    Python's own clocks, such as `time.time()` in the app, do not change.

    Args:
        act: does everything that is due, and returns the seconds until something else is due.
    """

    _framework_ahead: ClassVar[float] = 0.0  # of its monotonic clock, which is never put back

    def __init__(self, act: Callable[[], float]) -> None:
        self._act = act
        self._ahead = 0.0

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return time.time() + self._ahead

    def monotonic(self) -> float:
        """Return the seconds on a clock that only time and `advance` change."""
        return time.monotonic() + self._ahead

    @property
    def ahead(self) -> float:
        """The seconds by which `advance` has put the clock forward."""
        return self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass without waiting. When this returns, everything that was due is done.

        Raises:
            ValueError: the number is negative.
        """
        if seconds < 0:
            raise ValueError(f"the clock cannot be put back: advance({seconds})")
        left = seconds
        while left > 0:
            step = min(left, max(self._act(), SHORTEST_STEP))
            self._put_forward(step, step)
            left -= step
        self._act()

    def reset(self) -> None:
        """Put the framework's wall clock back, at the end of the test.

        Its monotonic clock stays ahead: objects of the app that outlive the test use it.
        """
        self._put_forward(-self._ahead, 0)

    def _put_forward(self, seconds: float, monotonic: float) -> None:
        self._ahead += seconds
        framework: Any = sys.modules.get("decanter.runtime.clock")
        if framework is not None:
            framework.Clock.ahead += seconds
            Clock._framework_ahead += monotonic
            framework.Clock.monotonic = staticmethod(_framework_monotonic)


def _framework_monotonic() -> float:
    return time.monotonic() + Clock._framework_ahead
