"""Decide if another process fits into the free memory, which only Linux reports."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

MEGABYTE = 1024 * 1024

RESERVE_BYTES = 256 * MEGABYTE
"""The memory in bytes that is reserved for everything else on the machine."""

PROCESS_BYTES = 32 * MEGABYTE
"""The assumed minimum memory of a process in bytes. One botocore client needs ten megabytes."""

CGROUPS = Path("/sys/fs/cgroup")


def available_bytes(proc: Path = Path("/proc"), cgroups: Path = CGROUPS) -> int | None:
    """Return the free bytes of the machine or, if fewer, of this container; None if not known."""
    found = [*_machine_bytes(proc), *_container_bytes(proc, cgroups)]
    return min(found, default=None)


def used_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """Return the bytes that a process uses, with its share of shared memory; 0 if not known."""
    with suppress(OSError):
        return _field(proc / str(pid) / "smaps_rollup", "Pss:") * 1024
    return 0


def _machine_bytes(proc: Path) -> Iterator[int]:
    with suppress(OSError):
        yield _field(proc / "meminfo", "MemAvailable:") * 1024


def _container_bytes(proc: Path, cgroups: Path) -> Iterator[int]:
    """Yield the free bytes under each cgroup v2 limit. The inactive page cache counts as free."""
    with suppress(OSError):
        lines = (proc / "self" / "cgroup").read_text().splitlines()
        own = next((line[3:] for line in lines if line.startswith("0::")), "/")
        folder = cgroups / own.lstrip("/")
        for each in [folder, *folder.parents]:
            with suppress(OSError, ValueError):  # the root has no file, "max" is not a number
                most = int((each / "memory.max").read_text())
                cached = _field(each / "memory.stat", "inactive_file")
                yield most - int((each / "memory.current").read_text()) + cached


def _field(path: Path, name: str) -> int:
    fields = (line.split() for line in path.read_text().splitlines())
    return next((int(each[1]) for each in fields if each and each[0] == name), 0)


class Memory:
    """Decides if another process fits into the memory."""

    def __init__(
        self,
        available: Callable[[], int | None] = available_bytes,
        used: Callable[[int], int] = used_bytes,
    ) -> None:
        self._available = available
        self._used = used

    def fits(self, alike: int | None, starting: int) -> bool:
        """True if one more process like `alike` fits, in addition to the `starting` processes."""
        available = self._available()
        if available is None:
            return True
        each = PROCESS_BYTES if alike is None else max(PROCESS_BYTES, self._used(alike))
        return available >= RESERVE_BYTES + (starting + 1) * each
