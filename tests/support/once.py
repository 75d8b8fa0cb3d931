"""Folders that the first worker fills, and every worker of the run uses."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def once(
    factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object] = lambda _: None
) -> Path:
    """Return the run's folder with this name, after it is filled.

    Args:
        factory: makes this worker's folders, which are in the folder of the run.
        name: the folder's name.
        fill: fills the empty folder; the other workers wait.
    """
    base = factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = run / f"run-{name}"
    with (run / f"run-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            fill(made := factory.mktemp(name))
            made.rename(folder)
    return folder
