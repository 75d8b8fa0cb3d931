"""The CPU time of functions, on a machine that does other work at the same time."""

import gc
import time
from collections.abc import Callable

MOST_ROUNDS = 40


def least_times(
    *functions: Callable[[], object], enough: Callable[..., bool], rounds: int = 3
) -> list[float]:
    """Run functions in turn and measure each. Return the least CPU seconds of each.

    Other processes only make a measurement longer. So the rounds go on while the result is not good
    enough: a function that is quick has one quick round, and one that is slow has none.

    Args:
        functions: what to measure, in the calling thread.
        enough: gets the least seconds of each function, and says whether they suffice.
        rounds: how many rounds there are at least. There are never more than 40.
    """
    least = [float("inf")] * len(functions)
    gc.collect()
    gc.freeze()  # the collector would also search the objects of all other tests
    try:
        for number in range(1, MOST_ROUNDS + 1):
            for index, function in enumerate(functions):
                began = time.thread_time()
                function()
                least[index] = min(least[index], time.thread_time() - began)
            if number >= rounds and enough(*least):
                break
    finally:
        gc.unfreeze()
    return least
