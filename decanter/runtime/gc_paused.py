"""Pause Python's garbage collector while many objects are created.

A cold start imports modules and creates botocore's client. Together, these steps create about
100,000 objects. A large JSON message can become 40,000 objects. Without a pause, the collector
scans the new objects every few hundred allocations, and sometimes all objects. The scans take an
eighth of a cold start, and three quarters of the time to parse such a message.
"""

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock

from decanter.runtime.forks import forget_at_fork

LARGE = 4096
"""A message with this many characters or more can have so many values that the collector starts."""


class _Pauses:
    """The pauses of all threads. The collector is enabled again when the last pause ends."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._enabled = False
        self._has_frozen = False
        forget_at_fork(self)

    def begin(self) -> None:
        with self._lock:
            if not self._count:
                self._enabled = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count = max(0, self._count - 1)
            if not self._count and self._enabled:
                gc.enable()

    def make_old(self) -> None:
        """Treat all objects as old. If the application has frozen objects, change nothing."""
        # Python counts frozen objects one by one, which takes milliseconds for 100,000 objects.
        self._has_frozen = self._has_frozen or gc.get_freeze_count() > 0
        if not self._has_frozen:
            # These two calls move every object to the oldest generation without a scan. Otherwise
            # the next collection would scan every object that the block has created.
            gc.freeze()
            gc.unfreeze()

    def after_fork(self) -> None:
        """End the pauses, because the threads that began them are not in this process."""
        self._lock = Lock()
        if self._count and self._enabled:
            gc.enable()
        self._count = 0


_pauses = _Pauses()


@contextmanager
def gc_paused(*, lasting: bool = True) -> Iterator[None]:
    """Pause the garbage collector inside the block; leave a disabled collector disabled.

    If `lasting` is True, treat all objects as old after the block.
    """
    _pauses.begin()
    try:
        yield
    finally:
        if lasting:
            _pauses.make_old()
        _pauses.end()


def gc_paused_for(text: str) -> AbstractContextManager[None]:
    """Pause the garbage collector while a text is parsed, if the text is large."""
    return nullcontext() if len(text) < LARGE else gc_paused(lasting=False)
