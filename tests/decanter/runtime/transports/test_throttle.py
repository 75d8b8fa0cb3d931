import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.runtime.transports.throttle import LEAST_ANSWERS, TokenBucket


def begin(bucket: TokenBucket, now: float) -> int:
    """Start as many posts as are allowed now."""
    bucket.fill(now)
    begun = 0
    while bucket.tokens >= 1:
        bucket.tokens -= 1
        begun += 1
    return begun


def answers(bucket: TokenBucket, at: float, accepted: int, throttled: int) -> None:
    """Answers within 0.1 s to posts that were sent when the first answer came."""
    every = 0.1 / (accepted + throttled - 1)
    for number in range(accepted + throttled):
        bucket.learn(at, at + number * every, throttled=number >= accepted)


def test_posts_start_at_the_rate_after_a_saved_burst() -> None:
    bucket = TokenBucket(1000, now=0)
    assert begin(bucket, 0) == 100
    assert bucket.ready_at(0) == pytest.approx(0.001)
    assert begin(bucket, 0.05) == 50
    assert begin(bucket, 10) == 100


def test_a_slow_rate_allows_one_post() -> None:
    bucket = TokenBucket(1, now=0)
    assert (begin(bucket, 0), begin(bucket, 1), begin(bucket, 1.5)) == (0, 1, 0)
    assert bucket.ready_at(1.5) == pytest.approx(2)


def test_a_few_throttled_posts_do_not_change_the_rate() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=81, throttled=19)
    assert bucket.rate == 1000


def test_many_throttled_posts_reduce_the_rate_to_the_accepted_one() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=50, throttled=51)
    assert 300 < bucket.rate < 1000
    assert begin(bucket, 10) == 1


def test_the_rate_never_falls_to_zero() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=0, throttled=100)
    assert bucket.rate == 10


def test_answers_to_posts_from_before_the_fall_are_ignored() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=50, throttled=51)
    fallen = bucket.rate
    for number in range(100):
        bucket.learn(0.05, 0.2 + number / 100, throttled=True)
    assert bucket.rate == fallen


def test_the_rate_recovers_by_a_quarter_each_window_up_to_the_setting() -> None:
    bucket = TokenBucket(1000, now=0)
    answers(bucket, 0, accepted=0, throttled=100)
    rates = []
    for second in range(1, 30):
        answers(bucket, second, accepted=2 * LEAST_ANSWERS, throttled=0)
        rates.append(bucket.rate)
    assert rates[0] == pytest.approx(12.5)
    assert rates == sorted(rates)
    assert rates[-1] == 1000


@given(
    rate=st.integers(1, 500),
    pauses=st.lists(st.tuples(st.floats(0.001, 2), st.floats(0, 0.5)), max_size=60),
    follows=st.booleans(),
)
def test_a_strict_bucket_never_exceeds_its_rate_in_any_second(
    rate: int, pauses: list[tuple[float, float]], follows: bool
) -> None:
    """Its posts begin later than it allows them, and another process may continue."""
    buckets = [TokenBucket(rate, now=0, is_strict=True)]
    now, begun = 0.0, list[float]()
    for number, (pause, late) in enumerate(pauses):
        now += pause
        if follows and number == len(pauses) // 2:
            buckets.append(TokenBucket(rate, now, is_strict=True))
        count = begin(buckets[-1], now)
        now += late * (not follows)
        begun += [now] * count
    for start in begun:
        assert sum(start <= at < start + 1 for at in begun) <= rate


def test_a_strict_bucket_uses_its_whole_rate() -> None:
    bucket = TokenBucket(100, now=0, is_strict=True)
    assert sum(begin(bucket, tick / 1000) for tick in range(10_101)) >= 995
