"""How many processes the machine's memory has room for, by what Linux says."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

MEGABYTE = 1024 * 1024

RESERVE_BYTES = 256 * MEGABYTE
"""What is left to everything else on the machine."""

PROCESS_BYTES = 32 * MEGABYTE
"""A process is taken to need so much at least: a client of botocore's alone takes ten."""

CGROUPS = Path("/sys/fs/cgroup")


def available_bytes(proc: Path = Path("/proc"), cgroups: Path = CGROUPS) -> int | None:
    """What the machine, and the container that this runs in, have left for processes."""
    found = [*_machine_bytes(proc), *_container_bytes(proc, cgroups)]
    return min(found, default=None)


def used_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """A process's memory; what it shares with others counts in part. 0 if it is not known."""
    with suppress(OSError):
        return _field(proc / str(pid) / "smaps_rollup", "Pss:") * 1024
    return 0


def _machine_bytes(proc: Path) -> Iterator[int]:
    with suppress(OSError):
        yield _field(proc / "meminfo", "MemAvailable:") * 1024


def _container_bytes(proc: Path, cgroups: Path) -> Iterator[int]:
    """What each limit above this process leaves (cgroup v2); files in the page cache give way."""
    with suppress(OSError):
        lines = (proc / "self" / "cgroup").read_text().splitlines()
        own = next((line[3:] for line in lines if line.startswith("0::")), "/")
        folder = cgroups / own.lstrip("/")
        for each in [folder, *folder.parents]:
            with suppress(OSError, ValueError):  # the root has no limit, "max" is none
                most = int((each / "memory.max").read_text())
                cached = _field(each / "memory.stat", "inactive_file")
                yield most - int((each / "memory.current").read_text()) + cached


def _field(path: Path, name: str) -> int:
    fields = (line.split() for line in path.read_text().splitlines())
    return next((int(each[1]) for each in fields if each and each[0] == name), 0)


class Memory:
    """Tells if another process fits.

    Args:
        available: the bytes that processes may still take; None if nobody knows.
        used: the bytes that a process takes, shared ones in part.
    """

    def __init__(
        self,
        available: Callable[[], int | None] = available_bytes,
        used: Callable[[int], int] = used_bytes,
    ) -> None:
        self._available = available
        self._used = used

    def fits(self, alike: int | None, starting: int) -> bool:
        """True if one more process like `alike` fits beside those that are being started."""
        available = self._available()
        if available is None:
            return True
        each = PROCESS_BYTES if alike is None else max(PROCESS_BYTES, self._used(alike))
        return available >= RESERVE_BYTES + (starting + 1) * each
