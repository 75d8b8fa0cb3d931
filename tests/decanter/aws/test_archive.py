"""Byte code and zip files that do not depend on the time and place of the build."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from decanter.aws import archive
from decanter.aws.cache import Cache

SOURCE = 'def f():\n    raise ValueError("it")\n'


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "module.py").write_text(SOURCE)
    archive.compile_all(root, root, Cache())
    return root


def run(root: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-B",
            "-c",
            f"import sys\nsys.path = [{str(root)!r}, *sys.path]\n{code}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_byte_code_is_used_without_reading_the_source(root: Path) -> None:
    (root / "module.py").write_text("1 / 0")
    assert run(root, "import module; print(module.f.__name__)").stdout == "f\n"


def test_byte_code_does_not_depend_on_the_machine(root: Path) -> None:
    (compiled,) = root.glob("__pycache__/*.pyc")
    assert b"/var/task/module.py" in compiled.read_bytes()
    assert str(root).encode() not in compiled.read_bytes()


def test_files_that_do_not_compile_are_left(root: Path) -> None:
    (root / "two.py").write_text("print 'two'")
    (root / "more.py").write_text("")
    archive.compile_all(root, root, Cache())
    compiled = {file.name.partition(".")[0] for file in root.glob("__pycache__/*.pyc")}
    assert compiled == {"module", "more"}


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for number, names in enumerate((["a", "b"], ["b", "a"])):
        path = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(path, "w") as made:
            for name in names:
                file = tmp_path / name
                file.write_text(name)
                file.chmod(0o600 + number)
                os.utime(file, (time.time(), 1e9 + 1e7 * number))
                made.write(file, name)
        archive.normalise(path)
        digests.add(archive.sha256(path))
    assert len(digests) == 1


def test_files_can_be_read_by_lambdas_user(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a", "it")
    archive.normalise(path)
    with zipfile.ZipFile(path) as made:
        (entry,) = made.infolist()
        assert (entry.external_attr >> 16, made.read("a")) == (0o100644, b"it")


def test_programs_can_be_run_by_lambdas_user(tmp_path: Path) -> None:
    """Chalice's zip keeps the modes of the files too."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as made:
        for mode in (0o600, 0o700, 0o775):
            file = tmp_path / f"{mode:o}"
            file.touch()
            file.chmod(mode)
            made.write(file, file.name)
    archive.normalise(path)
    with zipfile.ZipFile(path) as made:
        modes = {entry.filename: entry.external_attr >> 16 for entry in made.infolist()}
    assert modes == {"600": 0o100644, "700": 0o100755, "775": 0o100755}
