"""The clock and the backoff. Tests pass their own clock and backoff."""

import random
import time
from collections.abc import Callable
from typing import ClassVar

Backoff = Callable[[int], float]
"""Takes the number of past attempts, 1 or more; returns the seconds before the next attempt."""

BASE_SECONDS = 0.1
MOST_SECONDS = 1.0

# The system's generator keeps no state in the process, so forked processes and processes restored
# from one snapshot get different numbers.
_chance = random.SystemRandom()


class Clock:
    """The machine's clocks.

    `decanter.testing` can set `ahead`, the seconds by which all wall clocks of this process are
    ahead of the machine's wall clock.
    """

    ahead: ClassVar[float] = 0.0

    def time_ms(self) -> int:
        """Return the milliseconds since the epoch, the unit of API Gateway's `connectedAt`."""
        return int((time.time() + Clock.ahead) * 1000)

    monotonic = staticmethod(time.monotonic)
    """Return the monotonic clock's time in seconds, for deadlines. `ahead` does not affect it."""

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)


def full_jitter(attempt: int) -> float:
    """Return a random pause in seconds, between zero and a limit.

    The limit doubles with each attempt, up to `MOST_SECONDS`. The pause is random over the whole
    interval, so callers that were throttled together do not retry together. A seed that the
    application sets for Python's random generator does not change the pause.
    """
    most = min(MOST_SECONDS, BASE_SECONDS * 2**attempt)
    return _chance.uniform(0, most)
