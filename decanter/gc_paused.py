"""Pause the cyclic garbage collector while many long-lived objects are created."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the collector, which searches new modules or trees slowly and finds no garbage there.

    After the block, all objects are in the oldest generation, which only a full collection
    searches.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # with the next line, moves all objects to the oldest generation
        gc.unfreeze()
        if was_enabled:
            gc.enable()
