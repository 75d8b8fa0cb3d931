"""Pause the cyclic garbage collector while large modules are loaded."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the collector: searching new modules for garbage is slow and finds none.

    Afterwards, all objects count as old, so that only a full collection visits them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # together with the next line: moves everything to the oldest generation
        gc.unfreeze()
        if was_enabled:
            gc.enable()
