"""The cyclic garbage collector, out of the way while much is loaded that stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the collector: going through new modules for garbage takes long and finds none.

    Afterwards all there is counts as old, which a full collection alone goes through.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # with the next line this moves everything to the oldest generation
        gc.unfreeze()
        if was_enabled:
            gc.enable()
