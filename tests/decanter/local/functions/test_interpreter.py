"""The Python that the user names for the handlers, and the Pythons that are refused."""

import ast
import os
import sys
from pathlib import Path

import pytest

from decanter.errors import ServiceError
from decanter.local.functions.interpreter import OLDEST, Interpreter, program
from tests.support.architecture import OF_APP
from tests.support.projects import ROOT

SCRIPT = "#!/bin/sh\necho '{text}'\n"
FACTS = '{{"version": {version}, "packages": {{"chalice": {chalice}, "botocore": "1.34.1"}}}}'


def fake(folder: Path, text: str) -> str:
    """Write a program that answers with a text instead of the facts."""
    path = folder / "bin" / "python"
    path.parent.mkdir()
    path.write_text(SCRIPT.format(text=text))
    path.chmod(0o755)
    return str(path)


def test_the_tools_own_python_is_used_by_default() -> None:
    own = Interpreter.own()
    assert (own.path, own.version) == (sys.executable, sys.version_info[:3])
    assert own.script(Path("worker.py"), "a") == [sys.executable, "-P", "worker.py", "a"]
    assert Interpreter.of(sys.executable) == own


@pytest.mark.parametrize("name", ["bin/python", ""])
def test_an_environment_may_be_named_by_its_folder(name: str, tmp_path: Path) -> None:
    path = fake(tmp_path, "a banner\n" + FACTS.format(version="[3, 9, 1]", chalice='"1.29.0"'))
    found = Interpreter.of(str(tmp_path / name))
    assert found.facts == f"3.9.1, chalice 1.29.0, botocore 1.34.1: {path}"
    assert found.script(Path("worker.py")) == [path, "worker.py"]  # -P is new in Python 3.11


def test_a_link_is_kept_because_it_selects_the_environment(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    assert program(str(tmp_path / "python")) == tmp_path / "python"
    assert program(os.path.relpath(tmp_path / "python")).samefile(sys.executable)
    assert program("sh").is_absolute()  # a command


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (FACTS.format(version="[3, 8, 18]", chalice="null"), "is Python 3.8.18: handlers need 3.9"),
        (
            FACTS.format(version="[3, 12, 1]", chalice="null"),
            "has no chalice: install what the app",
        ),
        ("hello", "does not run as a Python: handlers need 3.9 or newer"),
        ("", "does not run as a Python: handlers need 3.9 or newer"),
    ],
)
def test_a_python_that_cannot_run_handlers_is_refused(text: str, line: str, tmp_path: Path) -> None:
    path = fake(tmp_path, text)
    with pytest.raises(ServiceError) as refused:
        Interpreter.of(path)
    assert str(refused.value).startswith(f"--python {path} {line}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("missing/python", "does not exist: name the app's Python, such as .venv/bin/python"),
        ("", "is a folder without bin/python: name a virtual environment, such as .venv"),
        ("app.py", "does not run as a Python: handlers need 3.9 or newer"),
    ],
)
def test_another_path_is_refused(name: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    with pytest.raises(ServiceError) as refused:
        Interpreter.of(str(tmp_path / name))
    assert f" {line}" in str(refused.value)


def test_debugpy_must_be_in_that_python() -> None:
    bare = Interpreter("/app/bin/python", (3, 12, 1), {"debugpy": None})
    with pytest.raises(ServiceError, match=r"debugpy: /app/bin/python -m pip install debugpy$"):
        bare.check_debugpy()


@pytest.mark.parametrize("name", sorted(OF_APP))
def test_files_that_run_there_are_valid_in_the_oldest_python(name: str) -> None:
    source = (ROOT / f"{name.replace('.', '/')}.py").read_text()
    tree = ast.parse(source, feature_version=OLDEST)
    assert any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body
    )
