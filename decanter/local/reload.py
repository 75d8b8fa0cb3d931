"""Detects changes to a project's code and configuration on disk.

This module watches `chalicelib/`, `vendor/`, `.chalice/config.json`, the policy files, the merge
templates, and the modules in the folder of `app.py`.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

SHIPPED = ("chalicelib", "vendor")
CACHES = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
COMPILED = {".pyc", ".pyo"}

STEP_MILLISECONDS = 25
"""A burst of changes, such as a checkout, is over after this time without a change."""

BURST_MILLISECONDS = 250
"""The maximum duration of a burst of changes."""

LOOK_MILLISECONDS = 1000
"""The interval at which files are checked, because some file systems do not report changes."""

Snapshot = dict[Path, tuple[int, int, int]]
"""The modification time in nanoseconds, the size and the inode of each file."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a project. A change to one of them causes a reload.

    The paths in `templates` need not exist.
    """

    project: Path
    templates: tuple[Path, ...] = ()

    def folders(self) -> set[Path]:
        """Return the folders to watch."""
        single = {self.project, self.project / ".chalice"}
        single |= {file.parent for file in (*self.templates, *self._policies())}
        return {folder for folder in single if folder.is_dir()} | set(self._shipped())

    def snapshot(self) -> Snapshot:
        """Return the current state of the files."""
        found: Snapshot = {}
        for path in self._files():
            try:
                about = path.stat()
            except OSError:  # the file was just removed, or does not exist
                continue
            found[path] = (about.st_mtime_ns, about.st_size, about.st_ino)
        return found

    def _files(self) -> Iterator[Path]:
        yield from self.project.glob("*.py")
        yield self.project / ".chalice" / "config.json"
        yield from self._policies()
        yield from self.templates
        for folder in self._shipped():
            for path in folder.iterdir():
                if path.suffix not in COMPILED and not path.is_dir():
                    yield path

    def _policies(self) -> set[Path]:
        """Return the generated policy files, and the files that the configuration names."""
        folder = self.project / ".chalice"
        try:
            document = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):  # the next deployment reports it
            document = None
        return {*folder.glob("policy*.json"), *(folder / name for name in named_in(document))}

    def _shipped(self) -> Iterator[Path]:
        for name in SHIPPED:
            # Watch the target of a link, such as the link of an example to a shared chalicelib.
            for folder, names, _ in os.walk((self.project / name).resolve()):
                names[:] = [each for each in names if each not in CACHES]
                yield Path(folder)


def named_in(value: Any) -> Iterator[str]:
    """Yield the names of the policy files in a part of the configuration."""
    for key, member in value.items() if isinstance(value, dict) else ():
        if key == "iam_policy_file" and isinstance(member, str):
            yield member
        else:
            yield from named_in(member)


async def changes(sources: Sources, seen: Snapshot) -> AsyncIterator[list[str]]:
    """Yield the names of the changed files after each burst of changes, until cancelled.

    Changes are not lost while the caller works on an item. The next item contains them. `seen` is
    the snapshot before the project was first loaded.

    Raises:
        OSError: the user's limit of watched files is reached.
    """
    from watchfiles import watch  # imported only if it is used

    stopped = Event()
    while True:
        folders = sources.folders()
        looks = watch(
            *folders,
            stop_event=stopped,
            watch_filter=None,
            debounce=BURST_MILLISECONDS,
            step=STEP_MILLISECONDS,
            rust_timeout=LOOK_MILLISECONDS,
            yield_on_timeout=True,
            recursive=False,
        )
        with suppress(FileNotFoundError):  # a folder was just removed: try again
            # Not `awatch`, because the start of anyio takes longer than all of this module.
            while await in_thread(looks, stopped):
                before, seen = seen, sources.snapshot()
                if changed := differing(before, seen):
                    yield [name_in(sources.project, path) for path in changed]
                if sources.folders() != folders:
                    looks.close()
                    break


async def in_thread(looks: Iterator[object], stopped: Event) -> bool:
    """Wait in a thread for the next item. Return False after the last item.

    After a cancellation, the thread ends within `STEP_MILLISECONDS`.
    """
    try:
        return await asyncio.to_thread(next, looks, None) is not None
    except asyncio.CancelledError:
        stopped.set()
        raise


def differing(before: Snapshot, after: Snapshot) -> list[Path]:
    """Return the files that were added, changed or removed."""
    return sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))


def name_in(project: Path, path: Path) -> str:
    """Return a path relative to the project, if the path is in the project."""
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)
