"""The application's disconnect hooks, for connections that are found gone.

Whoever deletes a connection's row calls the hooks, so each is called at most once for a connection:
the `$disconnect` event, a broadcast, a send or a sweep. They run in the event's own thread, after
the posts of the broadcast that found the connection gone. A row is deleted only while there is time
for its hooks; the others are kept, and found again later.

What a hook sends deletes no rows, so hooks do not call each other. A hook's broadcast leaves out
connections that are known to be gone.
"""

import logging
from collections.abc import Callable, Sequence

from decanter.runtime.clock import Clock
from decanter.runtime.logs import error_fields, log
from decanter.runtime.recipients import Removed

CallHooks = Callable[[Removed], Sequence[Exception]]
"""Calls all hooks for a connection, and returns what some of them have raised."""

MOST_AT_ONCE = 100
"""Rows that are deleted before their hooks are called. A crash in between loses so many calls."""


class DisconnectHooks:
    """Calls the hooks, and says how many rows there is time for.

    Args:
        call: calls them for a connection.
        clock: measures how long they take.

    Attributes:
        running: True while hooks run.
        gone: the connection ids that this event has found gone so far.
    """

    def __init__(self, call: CallHooks, clock: Clock) -> None:
        self._call = call
        self._clock = clock
        self._slowest: float | None = None
        self.running = False
        self.gone: set[str] = set()

    def room(self, until: float) -> int:
        """Return how many rows may be deleted now; 0 if there is no time for the hooks of one.

        The hooks of the first row are measured. The slowest so far is what each of the next may
        take, and as much again is left for what comes after them.

        Args:
            until: monotonic seconds; nothing can be sent later.
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
        """Call the hooks for a connection whose row this event has deleted.

        Returns:
            What some of them have raised.
        """
        began, self.running = self._clock.monotonic(), True
        try:
            return self._call(removed)
        finally:
            self.running = False
            self._slowest = max(self._slowest or 0.0, self._clock.monotonic() - began)


def log_failures(removed: Removed, errors: Sequence[Exception]) -> None:
    """Write a line for each hook that has failed."""
    for error in errors:
        log(
            "disconnect_hook_failed",
            logging.ERROR,
            connection_id=removed.connection_id,
            **error_fields(error),
        )
