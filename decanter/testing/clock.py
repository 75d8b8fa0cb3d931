"""The clock of a test, for API Gateway, DynamoDB, SQS and the framework."""

import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

SHORTEST_STEP = 0.001


class Clock:
    """The clock of this machine, plus the time that `advance` has added.

    Python's own clocks, such as `time.time()` in the app, are not changed.

    Args:
        act: performs all due actions, and returns the seconds until it must run again.
    """

    _framework_ahead: ClassVar[float] = 0.0  # of a monotonic clock, so never reset

    def __init__(self, act: Callable[[], float]) -> None:
        self._act = act
        self._ahead = 0.0
        self._shared = 0.0  # the part of `_ahead` that the framework's clock has

    def time(self) -> float:
        """Return the Unix time in seconds, plus the time that `advance` has added."""
        return time.time() + self._ahead

    def monotonic(self) -> float:
        """Return the monotonic time in seconds, plus the time that `advance` has added."""
        return time.monotonic() + self._ahead

    @property
    def ahead(self) -> float:
        """The number of seconds by which `advance` has advanced the clock."""
        return self._ahead

    def advance(self, seconds: float) -> None:
        """Advance the clock without waiting. When this method returns, all due actions are done.

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
        """Reset this clock and the framework's wall clock at the end of the test.

        The framework's monotonic clock is not reset, because objects of the app that outlive the
        test use it.
        """
        self._put_forward(-self._ahead, 0)

    def _put_forward(self, seconds: float, monotonic: float) -> None:
        self._ahead += seconds
        framework: Any = sys.modules.get("decanter.runtime.clock")
        if framework is not None:
            framework.Clock.ahead += self._ahead - self._shared
            self._shared = self._ahead
            Clock._framework_ahead += monotonic
            framework.Clock.monotonic = staticmethod(_framework_monotonic)


def _framework_monotonic() -> float:
    return time.monotonic() + Clock._framework_ahead
