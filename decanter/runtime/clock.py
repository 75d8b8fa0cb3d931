"""Clock and backoff. Tests inject their own."""

import random
import time
from collections.abc import Callable
from typing import ClassVar

Backoff = Callable[[int], float]
"""Takes the number of attempts made (1 or more), returns the seconds to wait before the next one.
"""

BASE_SECONDS = 0.1
MOST_SECONDS = 1.0

# The system's generator has no state that processes of one snapshot or fork would share.
_chance = random.SystemRandom()


class Clock:
    """The machine's clocks. `decanter.testing` can put all of this process's clocks forward.

    Attributes:
        ahead: how far the wall clock is ahead of the machine's, in seconds.
    """

    ahead: ClassVar[float] = 0.0

    def time_ms(self) -> int:
        """Milliseconds since the epoch, as API Gateway writes `connectedAt`."""
        return int((time.time() + Clock.ahead) * 1000)

    monotonic = staticmethod(time.monotonic)
    """Seconds on the clock that all deadlines use. It is read for every post."""

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)


def full_jitter(attempt: int) -> float:
    """Return a random pause between zero and a limit that doubles with each attempt.

    The pause is random over the whole interval, so callers that were throttled together do not
    retry together. A seed that the application sets on Python's own generator does not change this.
    """
    most = min(MOST_SECONDS, BASE_SECONDS * 2**attempt)
    return _chance.uniform(0, most)
