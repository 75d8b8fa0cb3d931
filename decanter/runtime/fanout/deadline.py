"""The time limit of an event."""

from typing import NamedTuple

from decanter.runtime.clock import Clock

INTEGRATION_SECONDS = 29.0
"""API Gateway's integration timeout (its quotas page). After it, the client gets an error."""

LEAST_MARGIN_SECONDS = 0.5
MARGIN = 0.05


class Deadline(NamedTuple):
    """Two points on the monotonic clock, in seconds.

    Attributes:
        posts: after this time, no post starts, and the framework waits for no answer. Only
            `Transport.call` may make one attempt after this time.
        work: after this time, the framework waits for no other work, such as the deletion of rows.
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

    The time limit is the remaining time of Lambda's context, but at most `most_seconds`, which is
    the time limit of the caller that waits for the response. If there is no context with the
    remaining time, the time limit is `default_seconds`. The margin is half a second or five per
    cent of the time limit, whichever is larger. Half of the margin is for the deletion of rows, and
    half is for the response.
    """
    now = clock.monotonic()
    tell = getattr(context, "get_remaining_time_in_millis", None)
    seconds = default_seconds if tell is None else min(tell() / 1000, most_seconds)
    margin = max(LEAST_MARGIN_SECONDS, MARGIN * seconds)
    return Deadline(now + seconds - margin, now + seconds - margin / 2)
