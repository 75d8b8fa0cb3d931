"""Faults of the file system are errors of one line."""

import os
import shutil
from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.project.files import copy_folder, writing

NOTHING = shutil.ignore_patterns()


def test_the_targets_of_links_are_copied(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text("{}")
    source = tmp_path / "source"
    source.mkdir()
    (source / "link.json").symlink_to(tmp_path / "data.json")
    (tmp_path / "target").mkdir()
    copy_folder(source, tmp_path / "target", NOTHING)
    copied = tmp_path / "target" / "link.json"
    assert (copied.read_text(), copied.is_symlink()) == ("{}", False)


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    """Emacs creates such a link for each file that it edits."""
    source = tmp_path / "source"
    (source / "more").mkdir(parents=True)
    (source / "more" / ".#it.py").symlink_to("someone@host.1")
    with pytest.raises(ProjectError) as caught:
        copy_folder(source, tmp_path / "target", NOTHING)
    assert str(caught.value) == (
        f"cannot package {source}/more/.#it.py: it is a link to a file that does not exist. "
        "Remove the link"
    )


def test_a_special_file_is_named(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    os.mkfifo(source / "pipe")
    with pytest.raises(ProjectError, match=r"^cannot package .*/source/pipe: .*named pipe"):
        copy_folder(source, tmp_path / "target", NOTHING)


def test_a_failed_write_names_the_place_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ProjectError, match=r"^cannot write .*/file/a: Not a directory: try it$"),
        writing(tmp_path / "file" / "a", "try it"),
    ):
        (tmp_path / "file" / "a").mkdir()
