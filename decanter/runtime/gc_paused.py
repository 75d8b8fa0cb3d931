"""Pause Python's garbage collector while many long-lived objects are created.

Modules and botocore's client create about 100,000 objects and almost no garbage. During this time,
the collector would scan the new objects every few hundred allocations, and sometimes all objects.
These scans take an eighth of a cold start.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Collect nothing inside the block. After the block, treat all objects as old.

    If the collector was disabled before the block, it stays disabled.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # These two calls move every object to the oldest generation without a scan. The collection
        # that is now due would scan them all.
        gc.freeze()
        gc.unfreeze()
        if enabled:
            gc.enable()
