"""The commit that a stack is stamped with."""

import subprocess
from pathlib import Path

from decanter.aws.commit import commit


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_it_says_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git(tmp_path, "init")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "a")
    clean = commit(tmp_path)
    assert clean is not None
    assert not clean.endswith("-dirty")
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path) == f"{clean}-dirty"
