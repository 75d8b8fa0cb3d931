import pytest

from decanter.runtime.transports.fast.throttle import LEAST_ANSWERS, TokenBucket


def begin(bucket: TokenBucket, now: float) -> int:
    """As many posts as may begin now."""
    bucket.fill(now)
    begun = 0
    while bucket.tokens >= 1:
        bucket.tokens -= 1
        begun += 1
    return begun


def answers(bucket: TokenBucket, at: float, accepted: int, throttled: int) -> None:
    """Answers that come within 0.1 s to posts that were sent when the first one came."""
    every = 0.1 / (accepted + throttled - 1)
    for number in range(accepted + throttled):
        bucket.learn(at, at + number * every, throttled=number >= accepted)


def test_posts_begin_at_the_pace_and_what_a_tenth_of_a_second_saved_begins_at_once() -> None:
    bucket = TokenBucket(1000, now=0)
    assert begin(bucket, 0) == 100
    assert bucket.ready_at(0) == pytest.approx(0.001)
    assert begin(bucket, 0.05) == 50
    assert begin(bucket, 10) == 100


def test_a_slow_pace_lets_one_begin() -> None:
    bucket = TokenBucket(1, now=0)
    assert (begin(bucket, 0), begin(bucket, 1), begin(bucket, 1.5)) == (0, 1, 0)
    assert bucket.ready_at(1.5) == pytest.approx(2)


def test_a_few_throttled_among_many_slow_nothing_down() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=81, throttled=19)
    assert bucket.rate == 1000


def test_many_throttled_bring_the_pace_down_to_what_was_accepted() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=50, throttled=51)
    assert 300 < bucket.rate < 1000
    assert begin(bucket, 10) == 1


def test_there_is_always_some_pace_left() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=0, throttled=100)
    assert bucket.rate == 10


def test_answers_to_posts_from_before_the_fall_are_not_held_against_the_new_pace() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=50, throttled=51)
    fallen = bucket.rate
    for number in range(100):
        bucket.learn(0.05, 0.2 + number / 100, throttled=True)
    assert bucket.rate == fallen


def test_the_pace_recovers_by_a_quarter_each_moment_that_goes_well_up_to_the_setting() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=0, throttled=100)
    rates = []
    for second in range(1, 30):
        answers(bucket, second, accepted=2 * LEAST_ANSWERS, throttled=0)
        rates.append(bucket.rate)
    assert rates[0] == pytest.approx(12.5)
    assert rates == sorted(rates)
    assert rates[-1] == 1000
