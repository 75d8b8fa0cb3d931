"""How long an event may work."""

from typing import NamedTuple

from decanter.runtime.clock import Clock

INTEGRATION_SECONDS = 29.0
"""After this, API Gateway tells the client that the endpoint timed out (its quotas page)."""

LEAST_MARGIN_SECONDS = 0.5
MARGIN = 0.05


class Deadline(NamedTuple):
    """Two points on the monotonic clock, seconds.

    Attributes:
        posts: no post begins, and none is waited for, after this.
        work: nothing else is waited for after this: rows to remove, rows to count.
    """

    posts: float
    work: float


def deadline_of(
    context: object,
    clock: Clock,
    default_seconds: float,
    most_seconds: float = INTEGRATION_SECONDS,
) -> Deadline:
    """The deadline of an event that begins now.

    The larger of half a second and five per cent is kept: half of it for the rows, half for the
    answer.

    Args:
        context: Lambda's; without one, or with one that does not tell, the default holds.
        clock: gives the present.
        default_seconds: all the time that there is, without a context.
        most_seconds: after this nobody waits for the answer; no client waits for a schedule's.
    """
    now = clock.monotonic()
    tell = getattr(context, "get_remaining_time_in_millis", None)
    seconds = default_seconds if tell is None else min(tell() / 1000, most_seconds)
    margin = max(LEAST_MARGIN_SECONDS, MARGIN * seconds)
    return Deadline(now + seconds - margin, now + seconds - margin / 2)
