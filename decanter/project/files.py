"""Copy folders and write files. If this fails, the error is one line."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from decanter.errors import ProjectError


@contextmanager
def writing(place: Path, remedy: str = "") -> Iterator[None]:
    """Raise a ProjectError with this remedy if the block cannot write a file or a folder."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error}{remedy and f': {remedy}'}"
        raise ProjectError(f"cannot write {place}: {reason}") from error


def copy_folder(source: Path, target: Path, ignore: Callable[[str, list[str]], set[str]]) -> None:
    """Copy a folder of the project and the targets of its links. The target may exist already.

    Raises:
        ProjectError: the folder contains something that cannot be copied, such as a link to a file
            that does not exist.
    """
    try:
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignore)
    except shutil.Error as error:
        place, _, reason = error.args[0][0]
        if Path(place).is_symlink() and not Path(place).exists():
            reason = "it is a link to a file that does not exist. Remove the link"
        raise ProjectError(f"cannot package {place}: {reason}") from error
