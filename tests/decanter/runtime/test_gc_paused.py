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


def test_nothing_is_collected_meanwhile_and_all_is_afterwards() -> None:
    with gc_paused():
        assert not gc.isenabled()
        cycle = weakref.ref(Cycle())
        assert cycle() is not None
    assert gc.isenabled()
    gc.collect()
    assert cycle() is None


def test_what_was_made_meanwhile_is_old() -> None:
    with gc_paused():
        made = Cycle()
    old = gc.get_objects(generation=2)
    assert any(each is made for each in old)


def test_it_is_on_again_after_an_exception() -> None:
    with pytest.raises(LookupError), gc_paused():
        raise LookupError
    assert gc.isenabled()


def test_one_that_is_off_stays_off() -> None:
    gc.disable()
    with gc_paused():
        pass
    assert not gc.isenabled()


def test_a_pause_within_a_pause_does_not_end_it() -> None:
    with gc_paused():
        with gc_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
