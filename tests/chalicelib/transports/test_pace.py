from chalicelib.transports import outcome_of
from chalicelib.transports.pace import Pace

OK, THROTTLED = outcome_of(200), outcome_of(429)


def test_it_halves_down_to_one_and_grows_back_by_one_to_the_most() -> None:
    pace = Pace(32)
    seen = []
    for outcome in [OK, *[THROTTLED] * 7, OK, OK]:
        pace.learn(outcome)
        seen.append(pace.allowed)
    assert seen == [32, 16, 8, 4, 2, 1, 1, 1, 2, 3]


def test_one_slow_reader_is_soon_forgotten() -> None:
    pace = Pace(32)
    pace.learn(THROTTLED)
    for _ in range(16):
        pace.learn(OK)
    assert pace.allowed == 32
