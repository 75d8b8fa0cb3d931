"""The time limit of an event."""

from typing import NamedTuple

from decanter.runtime.clock import Clock

INTEGRATION_SECONDS = 29.0
"""API Gateway's integration timeout (its quotas page): after it, the client gets an error."""

LEAST_MARGIN_SECONDS = 0.5
MARGIN = 0.05


class Deadline(NamedTuple):
    """Two points on the monotonic clock, in seconds.

    Attributes:
        posts: after this, no post starts and none is waited for.
        work: after this, nothing else is waited for: deleting rows, counting rows.
    """

    posts: float
    work: float


def deadline_of(
    context: object,
    clock: Clock,
    default_seconds: float,
    most_seconds: float = INTEGRATION_SECONDS,
) -> Deadline:
    """Return the deadline of an event that starts now.

    The margin is half a second or five per cent, whichever is larger: half of it for the rows, half
    for the response.

    Args:
        context: Lambda's context; the default applies if it is None or lacks the remaining time.
        clock: the clock.
        default_seconds: the total time without a context.
        most_seconds: the limit of the caller that waits for the response; a schedule has none.
    """
    now = clock.monotonic()
    tell = getattr(context, "get_remaining_time_in_millis", None)
    seconds = default_seconds if tell is None else min(tell() / 1000, most_seconds)
    margin = max(LEAST_MARGIN_SECONDS, MARGIN * seconds)
    return Deadline(now + seconds - margin, now + seconds - margin / 2)
