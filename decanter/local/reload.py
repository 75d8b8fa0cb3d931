"""When a project's code or configuration has changed on disk.

What counts is what a deployment would ship, and what says how: the modules beside `app.py`,
`chalicelib/`, `vendor/`, `.chalice/config.json` and the merge template.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SHIPPED = ("chalicelib", "vendor")
CACHES = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
COMPILED = {".pyc", ".pyo"}

STEP_MILLISECONDS = 25
"""A burst of changes, such as an editor's or a checkout's, is over after so long a silence."""

BURST_MILLISECONDS = 250
"""And is taken to be over after so long."""

LOOK_MILLISECONDS = 1000
"""Files are looked at this often anyway: some file systems tell nobody of changes."""

Snapshot = dict[Path, tuple[int, int, int]]
"""Each file's modification time in nanoseconds, size and inode."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a project that make it what it is.

    Attributes:
        project: its folder.
        template: the merge template that is used, whether or not it exists.
    """

    project: Path
    template: Path | None = None

    def folders(self) -> set[Path]:
        """The folders that hold them."""
        single = {self.project, self.project / ".chalice"}
        if self.template is not None:
            single.add(self.template.parent)
        return {folder for folder in single if folder.is_dir()} | set(self._shipped())

    def snapshot(self) -> Snapshot:
        """What there is now."""
        found: Snapshot = {}
        for path in self._files():
            try:
                about = path.stat()
            except OSError:  # gone meanwhile, or never there
                continue
            found[path] = (about.st_mtime_ns, about.st_size, about.st_ino)
        return found

    def _files(self) -> Iterator[Path]:
        yield from self.project.glob("*.py")
        yield self.project / ".chalice" / "config.json"
        if self.template is not None:
            yield self.template
        for folder in self._shipped():
            for path in folder.iterdir():
                if path.suffix not in COMPILED and not path.is_dir():
                    yield path

    def _shipped(self) -> Iterator[Path]:
        for name in SHIPPED:
            # A link, as an example's to a shared chalicelib, is watched where it leads.
            for folder, names, _ in os.walk((self.project / name).resolve()):
                names[:] = [each for each in names if each not in CACHES]
                yield Path(folder)


async def changes(sources: Sources, seen: Snapshot) -> AsyncIterator[list[str]]:
    """The names of the files that have changed, each time that some have, until cancelled.

    What changes while the caller is busy with one change is the next one.

    Args:
        sources: what to watch.
        seen: how it was before it was first loaded.

    Raises:
        OSError: the system watches no more files for this user.
    """
    from watchfiles import awatch  # only where it is asked for

    while True:
        folders = sources.folders()
        looks = awatch(
            *folders,
            watch_filter=None,
            debounce=BURST_MILLISECONDS,
            step=STEP_MILLISECONDS,
            rust_timeout=LOOK_MILLISECONDS,
            yield_on_timeout=True,
            recursive=False,
        )
        with suppress(FileNotFoundError):  # a folder has gone in this moment: once more
            async for _ in looks:
                before, seen = seen, sources.snapshot()
                if changed := differing(before, seen):
                    yield [name_in(sources.project, path) for path in changed]
                if sources.folders() != folders:
                    break


def differing(before: Snapshot, after: Snapshot) -> list[Path]:
    """What was added, changed or removed between the two."""
    return sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))


def name_in(project: Path, path: Path) -> str:
    """A path as the user of the project calls it."""
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)
