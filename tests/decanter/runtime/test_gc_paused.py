import gc
import weakref
from collections.abc import Iterator

import pytest

from decanter.runtime.gc_paused import gc_paused


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if enabled else gc.disable)()


def test_garbage_is_collected_only_after_the_block() -> None:
    with gc_paused():
        assert not gc.isenabled()
        cycle = weakref.ref(Cycle())
        assert cycle() is not None
    assert gc.isenabled()
    gc.collect()
    assert cycle() is None


def test_objects_from_the_block_are_in_the_oldest_generation() -> None:
    with gc_paused():
        made = Cycle()
    old = gc.get_objects(generation=2)
    assert any(each is made for each in old)


def test_an_exception_turns_it_on_again() -> None:
    with pytest.raises(LookupError), gc_paused():
        raise LookupError
    assert gc.isenabled()


def test_a_disabled_collector_stays_disabled() -> None:
    gc.disable()
    with gc_paused():
        pass
    assert not gc.isenabled()


def test_a_nested_pause_does_not_end_the_outer_one() -> None:
    with gc_paused():
        with gc_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
