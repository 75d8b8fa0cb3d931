"""Time, and the pauses between attempts; tests pass their own."""

import random
import time
from collections.abc import Callable

Backoff = Callable[[int], float]
"""From the number of attempts made, 1 or more, to the seconds to wait before the next one."""

BASE_SECONDS = 0.1
MOST_SECONDS = 1.0

_chance = random.Random()  # noqa: S311 - spreads load, hides nothing


class Clock:
    """The machine's clocks."""

    def time_ms(self) -> int:
        """Milliseconds since the epoch, as API Gateway writes `connectedAt`."""
        return int(time.time() * 1000)

    monotonic = staticmethod(time.monotonic)
    """Seconds on the scale of every deadline."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def full_jitter(attempt: int) -> float:
    """Anything between nothing and a limit that doubles with each attempt.

    Spread over the whole interval, callers that were refused together do not return together; not
    even where an application seeds the module's own generator.
    """
    most = min(MOST_SECONDS, BASE_SECONDS * 2**attempt)
    return _chance.uniform(0, most)
