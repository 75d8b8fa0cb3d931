import random
import time

from decanter.runtime.clock import MOST_SECONDS, Clock, full_jitter


def test_the_clock_uses_the_machines_time() -> None:
    clock = Clock()
    assert abs(clock.time_ms() / 1000 - time.time()) < 60
    before = clock.monotonic()
    clock.sleep(0)
    assert clock.monotonic() >= before


def test_backoff_doubles_up_to_a_limit_and_is_random_over_the_interval() -> None:
    for attempt, most in ((1, 0.2), (2, 0.4), (3, 0.8), (9, MOST_SECONDS)):
        pauses = [full_jitter(attempt) for _ in range(200)]
        assert 0 <= min(pauses) < most / 4
        assert most * 3 / 4 < max(pauses) <= most


def test_seeding_pythons_generator_does_not_make_pauses_predictable() -> None:
    pauses = set()
    for _ in range(20):
        random.seed(1)
        pauses.add(full_jitter(3))
    assert len(pauses) > 1
