"""The application's disconnect hooks, for gone connections.

The code that deletes a connection's row calls the hooks: in `$disconnect`, a broadcast, a send, a
close, a sweep or the queue's Lambda function. Each hook is therefore called at most once for a
connection. Hooks run in the event's own thread, after the posts of a broadcast. Except in
`$disconnect`, a row is deleted only while there is time for its hooks. The other rows are kept, and
a later broadcast or sweep tries them again.

If a hook sends or broadcasts, through its argument or through the router, this deletes no rows, so
a hook never causes calls of other hooks. Such a broadcast skips connections that are known to be
gone. If an app with channels announces leaves, the announcement counts as a hook.
"""

import logging
from collections.abc import Callable, Sequence

from decanter.runtime.clock import Clock
from decanter.runtime.logs import error_fields, log
from decanter.runtime.recipients import Removed

CallHooks = Callable[[Removed], Sequence[Exception]]
"""Calls all hooks for a connection, and returns the exceptions of the failed hooks."""

MOST_AT_ONCE = 100
"""The maximum number of rows that are deleted before their hooks are called.

If the process crashes in between, these hooks are not called.
"""


class DisconnectHooks:
    """Calls the hooks, and computes how many rows can be deleted in the remaining time.

    `gone` contains the ids of the connections that this event has found gone so far.
    """

    def __init__(self, call: CallHooks, clock: Clock) -> None:
        self._call = call
        self._clock = clock
        self._slowest: float | None = None
        self.running = False
        self.gone: set[str] = set()

    def room(self, until: float) -> int:
        """Return the number of rows that may be deleted now; 0 if no time is left for the hooks.

        Until the time for the hooks of one row is measured, the number is 1. After that, each row
        is estimated to take as long as the slowest row so far. Half of the remaining time is
        reserved for the work after the hooks. After `until`, in monotonic seconds, nothing can be
        sent.
        """
        left = until - self._clock.monotonic()
        if left <= 0:
            return 0
        if self._slowest is None:
            return 1
        if 2 * MOST_AT_ONCE * self._slowest < left:
            return MOST_AT_ONCE
        return int(left / 2 / self._slowest)

    def call(self, removed: Removed) -> Sequence[Exception]:
        """Call the hooks for a deleted row, and return the exceptions of the failed hooks."""
        began, self.running = self._clock.monotonic(), True
        try:
            return self._call(removed)
        finally:
            self.running = False
            self._slowest = max(self._slowest or 0.0, self._clock.monotonic() - began)


def log_failures(removed: Removed, errors: Sequence[Exception]) -> None:
    """Log each hook that has failed."""
    for error in errors:
        log(
            "disconnect_hook_failed",
            logging.ERROR,
            raised=error,
            connection_id=removed.connection_id,
            **error_fields(error),
        )
