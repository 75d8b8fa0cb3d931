from math import inf

import pytest

from decanter.runtime.fanout.deadline import deadline_of
from tests.support.fakes import FakeClock


class Context:
    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.mark.parametrize(
    ("context", "posts", "work"),
    [
        (Context(28_000), 26.6, 27.3),
        (Context(3_000), 2.5, 2.75),
        (Context(900_000), 27.55, 28.275),
        (Context(100), -0.4, -0.15),
        (None, 23.75, 24.375),
        (object(), 23.75, 24.375),
    ],
)
def test_the_margin_is_half_a_second_or_five_per_cent_if_larger(
    context: object, posts: float, work: float
) -> None:
    clock = FakeClock()
    deadline = deadline_of(context, clock, default_seconds=25)
    assert deadline.posts - clock.monotonic() == pytest.approx(posts)
    assert deadline.work - clock.monotonic() == pytest.approx(work)


def test_a_schedule_has_lambdas_whole_timeout() -> None:
    clock = FakeClock()
    deadline = deadline_of(Context(900_000), clock, default_seconds=25, most_seconds=inf)
    assert deadline.posts - clock.monotonic() == pytest.approx(855)
