"""The pause of the garbage collector."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from decanter.gc_paused import gc_paused


@pytest.fixture(autouse=True)
def _enabled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("decanter.gc_paused._has_frozen", False)
    frozen = gc.get_freeze_count()
    gc.enable()
    gc.unfreeze()
    yield
    if frozen:
        gc.freeze()
    gc.enable()


def load_in_vain() -> None:
    with gc_paused():
        assert not gc.isenabled()
        raise ImportError


def test_the_collector_is_paused_and_resumes_after_an_error() -> None:
    with pytest.raises(ImportError):
        load_in_vain()
    assert gc.isenabled()


def test_a_disabled_collector_stays_disabled() -> None:
    gc.disable()
    with gc_paused():
        pass
    assert not gc.isenabled()


def test_objects_loaded_in_the_pause_are_old_and_still_collected() -> None:
    class Loaded:
        """An object that refers to itself."""

    with gc_paused():
        loaded = Loaded()
        loaded.itself = loaded  # type: ignore[attr-defined]
    assert any(each is loaded for each in gc.get_objects(generation=2))
    watched = weakref.ref(loaded)
    del loaded
    gc.collect()
    assert watched() is None


def test_frozen_objects_stay_frozen() -> None:
    gc.freeze()
    for _ in range(2):
        with gc_paused():
            pass
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    assert frozen
