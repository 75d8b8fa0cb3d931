import gc
import os
import weakref
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from decanter.runtime.gc_paused import gc_paused


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("decanter.runtime.gc_paused._pauses._has_frozen", False)
    enabled, frozen = gc.isenabled(), gc.get_freeze_count()
    gc.enable()
    gc.unfreeze()
    yield
    if frozen:
        gc.freeze()
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


def test_frozen_objects_stay_frozen() -> None:
    gc.freeze()
    for _ in range(2):
        with gc_paused():
            pass
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    assert frozen


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


def test_objects_of_a_short_pause_stay_young() -> None:
    with gc_paused(lasting=False):
        made = Cycle()
    assert not any(each is made for each in gc.get_objects(generation=2))


def test_a_pause_ends_with_the_last_thread_that_pauses() -> None:
    began, may_end = Event(), Event()

    def pause() -> None:
        with gc_paused():
            began.set()
            may_end.wait(10)

    other = Thread(target=pause)
    with gc_paused():
        other.start()
        assert began.wait(10)
    assert not gc.isenabled()
    may_end.set()
    other.join()
    assert gc.isenabled()


def test_a_forked_process_ends_the_pauses_of_other_threads() -> None:
    with gc_paused():
        child = os.fork()
        if not child:
            os._exit(0 if gc.isenabled() else 1)
        _, status = os.waitpid(child, 0)
        assert not gc.isenabled()
    assert status == 0
    assert gc.isenabled()
