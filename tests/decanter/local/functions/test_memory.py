"""The number of processes that fit, by the values of the machine and of a container."""

import os
from pathlib import Path

import pytest

from decanter.local.functions.memory import MEGABYTE, Memory, available_bytes, used_bytes


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("available", "used", "starting", "fits"),
    [
        (288, 10, 0, True),  # 256 are reserved, and a process is assumed to need 32
        (287, 10, 0, False),
        (319, 10, 1, False),
        (320, 10, 1, True),
        (355, 100, 0, False),
        (356, 100, 0, True),
        (None, 10, 99, True),
    ],
)
def test_a_process_fits_if_the_reserve_is_kept(
    available: int | None, used: int, starting: int, *, fits: bool
) -> None:
    memory = Memory(
        lambda: None if available is None else available * MEGABYTE, lambda pid: used * MEGABYTE
    )
    assert memory.fits(1, starting) is fits


def test_this_machine_and_this_process_have_values() -> None:
    available, used = available_bytes(), used_bytes(os.getpid())
    assert available is not None
    assert available > MEGABYTE
    assert used > MEGABYTE


def test_missing_values_are_unknown(tmp_path: Path) -> None:
    assert available_bytes(tmp_path, tmp_path) is None
    assert used_bytes(os.getpid(), tmp_path) == 0


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, 900),
        ({"a/b": "max"}, 900),
        ({"a/b": "200"}, 120),  # 100 are used, 20 of them by files
        ({"a": "300", "a/b": "250"}, 170),
        ({"a": "150", "a/b": "max"}, 70),
        ({"a": "5000"}, 900),
    ],
)
def test_the_lowest_limit_above_a_container_applies(
    tmp_path: Path, limits: dict[str, str], expected: int
) -> None:
    proc = write(tmp_path / "proc", meminfo=f"MemTotal: 9 kB\nMemAvailable: {900 * 1024} kB\n")
    write(proc / "self", cgroup="4:memory:/other\n0::/a/b\n")
    for folder, limit in limits.items():
        most = limit if limit == "max" else str(int(limit) * MEGABYTE)
        stat = f"anon 1\ninactive_file {20 * MEGABYTE}\n"
        files = {"memory__max": most, "memory__current": str(100 * MEGABYTE), "memory__stat": stat}
        write(tmp_path / "cgroups" / folder, **files)
    found = available_bytes(proc, tmp_path / "cgroups")
    assert found == expected * MEGABYTE
