"""Answers of Decanter and Chalice about an app, kept for the next test with an equal app.

Both import the app in a separate process, which takes half a second or more.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from decanter.aws import package
from decanter.aws.overrides import variables
from decanter.project import describe
from decanter.project.config import Project
from tests.support.projects import files

_report, _run_chalice = describe._report, package._run_chalice
_REPORTS: dict[str, str] = {}
_RESULTS: dict[str, dict[str, bytes]] = {}
_FOLDER = "<the project's folder>"
_REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
_OF_TOOLS = ("AWS_", "PIP_", "PYTEST_", "PYTHONPATH")
_CODE = ("chalicelib", "vendor")


def digest(folder: Path, folders: Iterable[str], *others: object) -> str:
    """Return a digest of a project's files, those in some of its folders, and of other values."""
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    links: list[tuple[str, str]] = []  # a folder behind a link has the same content for all tests
    for part in folders:
        contents |= {f"{part}/{name}": text for name, text in files(folder / part).items()}
        inside = sorted((folder / part).rglob("*"))
        links += [(path.name, str(path.readlink())) for path in inside if path.is_symlink()]
    found = hashlib.sha256(repr((links, others)).encode())
    for name, text in sorted(contents.items()):
        found.update(repr((name, len(text))).encode() + text)
    return found.hexdigest()


def environment(whole: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the variables that an app may read at import: not those of the tests' tools."""
    names = [name for name in whole if name in _REGION or not name.startswith(_OF_TOOLS)]
    return [(name, whole[name]) for name in sorted(names)]


def report(
    project: Project, whole: Mapping[str, str], own: describe.Variables, timeout: float
) -> dict[str, Any]:
    """Return the report of the app's process; one of a failure is not kept."""
    folder = json.dumps(str(project.directory))[1:-1]
    key = digest(project.directory, _CODE, environment(whole), sorted(own.items()))
    if key not in _REPORTS:
        made = _report(project, whole, own, timeout)
        if not made["ok"]:
            return made
        _REPORTS[key] = json.dumps(made).replace(folder, _FOLDER)
    found: dict[str, Any] = json.loads(_REPORTS[key].replace(_FOLDER, folder))
    return found


def run_chalice(project: Project, source: Path, result: Path, region: str) -> None:
    """Write the result of Chalice's process for a build folder; a failure is not kept."""
    whole = environment(os.environ | variables(project))
    key = digest(source, (*_CODE, ".chalice"), project.chalice_stage, region, whole)
    if key not in _RESULTS:
        _run_chalice(project, source, result, region)
        _RESULTS[key] = files(result)
        return
    for name, content in _RESULTS[key].items():
        (result / name).parent.mkdir(parents=True, exist_ok=True)
        (result / name).write_bytes(content)


def describe_once(patch: pytest.MonkeyPatch) -> None:
    """Let Decanter ask equal apps for their declarations once."""
    patch.setattr(describe, "_report", report)


@pytest.fixture(name="kept")
def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what commands do with the answers: equal apps are asked once."""
    describe_once(monkeypatch)
    monkeypatch.setattr(package, "_run_chalice", run_chalice)
