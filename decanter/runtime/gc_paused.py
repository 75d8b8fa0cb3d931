"""Python's garbage collector, paused while much is made that stays.

Modules and botocore's client are some hundred thousand objects and hardly any garbage. While they
are made, the collector would go through the new ones again every few hundred, and from time to
time through all: that alone is an eighth of a cold start.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Collect nothing meanwhile, and count all that there is then as old; off stays off."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # These two move every object to the oldest generation without going through them, as the
        # collection that is due now would.
        gc.freeze()
        gc.unfreeze()
        if enabled:
            gc.enable()
