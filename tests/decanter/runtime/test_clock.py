import random
import time

from decanter.runtime.clock import MOST_SECONDS, Clock, full_jitter


def test_the_clocks_are_the_machines() -> None:
    clock = Clock()
    assert abs(clock.time_ms() / 1000 - time.time()) < 60
    before = clock.monotonic()
    clock.sleep(0)
    assert clock.monotonic() >= before


def test_pauses_double_up_to_a_limit_and_spread_over_the_whole_interval() -> None:
    for attempt, most in ((1, 0.2), (2, 0.4), (3, 0.8), (9, MOST_SECONDS)):
        pauses = [full_jitter(attempt) for _ in range(200)]
        assert 0 <= min(pauses) < most / 4
        assert most * 3 / 4 < max(pauses) <= most


def test_an_application_that_seeds_the_modules_generator_does_not_make_pauses_alike() -> None:
    pauses = set()
    for _ in range(20):
        random.seed(1)
        pauses.add(full_jitter(3))
    assert len(pauses) > 1
