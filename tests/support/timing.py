"""The CPU time of functions, on a machine that does other work at the same time."""

import time
from collections.abc import Callable

MOST_ROUNDS = 150


def least_times(
    function: Callable[[], object], reference: Callable[[], object], most: float, rounds: int = 3
) -> tuple[float, float]:
    """Measure two functions in turn. Return the least CPU seconds of each.

    Other processes only make a measurement longer. So the rounds go on, 150 at most, while the
    function takes too long: a quick function has one quick round, and a slow one has none.

    Args:
        function: the function to measure, in the calling thread.
        reference: the function to compare it with.
        most: the function may take this many times as long as the reference.
        rounds: the least number of rounds.
    """
    least = [float("inf")] * 2
    for number in range(MOST_ROUNDS):
        for index, measured in enumerate((function, reference)):
            began = time.thread_time()
            measured()
            least[index] = min(least[index], time.thread_time() - began)
        if number + 1 >= rounds and least[0] < most * least[1]:
            break
    return least[0], least[1]
