import threading
from collections.abc import Iterator
from functools import partial

import pytest

from decanter.runtime.clock import Clock
from decanter.runtime.errors import OutOfTimeError
from decanter.runtime.fanout.workers import Workers


@pytest.fixture(name="stuck")
def _stuck() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_results_and_exceptions_are_returned() -> None:
    workers = Workers(Clock())
    until = Clock().monotonic() + 5
    assert workers.result(workers.start(lambda: 7), until) == 7
    with pytest.raises(ZeroDivisionError):
        workers.result(workers.start(lambda: 1 // 0), until)


def test_hanging_work_is_abandoned_at_its_time_limit(stuck: threading.Event) -> None:
    workers = Workers(Clock())
    with pytest.raises(OutOfTimeError):
        workers.result(workers.start(stuck.wait), Clock().monotonic() + 0.01)
    assert workers.ended([workers.start(stuck.wait)], Clock().monotonic() + 0.01) == []


def test_several_are_waited_for_together() -> None:
    workers = Workers(Clock(), threads=2)
    begun = [workers.start(partial(pow, 2, exponent)) for exponent in range(4)]
    ended = workers.ended(begun, Clock().monotonic() + 5)
    assert sorted(future.result() for future in ended) == [1, 2, 4, 8]
