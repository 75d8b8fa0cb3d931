"""Pause Python's garbage collector while many long-lived objects are created.

Modules and botocore's client create about 100,000 objects and almost no garbage. Meanwhile
the collector would scan the new objects every few hundred allocations, and sometimes all objects.
This costs an eighth of a cold start.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Collect nothing inside the block; after it, treat all objects as old.

    A collector that was disabled stays disabled.
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
