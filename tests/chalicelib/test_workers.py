import threading
from collections.abc import Iterator

import pytest

from chalicelib.clock import Clock
from chalicelib.errors import OutOfTimeError
from chalicelib.workers import Workers


@pytest.fixture(name="stuck")
def _stuck() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_result_comes_back_and_so_does_an_exception() -> None:
    workers = Workers(Clock())
    until = Clock().monotonic() + 5
    assert workers.call(lambda: 7, until) == 7
    with pytest.raises(ZeroDivisionError):
        workers.call(lambda: 1 // 0, until)


def test_what_hangs_is_waited_for_no_longer_than_there_is_time(stuck: threading.Event) -> None:
    workers = Workers(Clock())
    with pytest.raises(OutOfTimeError):
        workers.call(stuck.wait, Clock().monotonic() + 0.01)
    assert workers.each(lambda _: stuck.wait(), [1, 2], Clock().monotonic() + 0.01) == []


def test_each_item_gives_its_result_or_its_exception() -> None:
    workers = Workers(Clock(), threads=2)
    results = workers.each(lambda divisor: 6 // divisor, [0, 1, 2, 3], Clock().monotonic() + 5)
    assert sorted(map(str, results)) == ["2", "3", "6", "integer division or modulo by zero"]
