"""Pause the cyclic garbage collector while many long-lived objects are created."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the collector within a block that creates modules or syntax trees.

    The collector would search these objects slowly and find no garbage. After the block, all
    objects are in the oldest generation. Only a full collection searches the oldest generation.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # objects that the application froze stay frozen
            gc.freeze()  # with the next line, this moves all objects to the oldest generation
            gc.unfreeze()
        if was_enabled:
            gc.enable()
