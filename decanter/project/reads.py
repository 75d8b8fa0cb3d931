"""The environment variables that code reads.

In the project's own environment, this file is loaded by its path, as `app_process` is.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

ANY_NAME = "*"
"""The name for all variables, if code has iterated over them or has started a process."""

INTERPRETERS = ("PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "GLIBC_", "OPENSSL_")
"""The prefixes of variables that the interpreter and its C libraries read at the start."""

PROCESSES = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}
"""The audit events of a new process, which inherits all variables."""


@contextlib.contextmanager
def recorded_reads() -> Iterator[set[str]]:
    """Collect the names of the environment variables that code reads within the block."""
    reads: set[str] = set()
    kind: Any = type(os.environ)
    get, iterate = kind.__getitem__, kind.__iter__

    def recorded_get(environ: Any, name: Any) -> Any:
        reads.add(os.fsdecode(name))
        return get(environ, name)

    def recorded_iterate(environ: Any) -> Any:
        reads.add(ANY_NAME)
        return iterate(environ)

    kind.__getitem__, kind.__iter__ = recorded_get, recorded_iterate
    try:
        yield reads
    finally:
        kind.__getitem__, kind.__iter__ = get, iterate


def record_processes(reads: set[str]) -> None:
    """From now on, record the start of a process as a read of every variable."""

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if event in PROCESSES:
            reads.add(ANY_NAME)

    sys.addaudithook(hook)


@contextlib.contextmanager
def changed(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Change these environment variables within the block. None removes a variable."""
    before = {name: os.environ.get(name) for name in variables}
    set_variables(variables)
    try:
        yield
    finally:
        set_variables(before)


def set_variables(variables: Mapping[str, str | None]) -> None:
    """Set these environment variables. None removes a variable."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def was_read(name: str, reads: set[str]) -> bool:
    """True if code has read a variable, or if the interpreter may have read it at its start."""
    return not reads.isdisjoint({name, ANY_NAME}) or name.startswith(INTERPRETERS)


def is_read(name: str, reads: set[str]) -> bool:
    """True if `was_read` is True, or for TZ, which the C library may read at any time."""
    return was_read(name, reads) or name == "TZ"


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that differ between two environments."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
