"""The watched files, and their changes."""

import json
import os
from pathlib import Path

import pytest

from decanter.local.reload import Sources, differing, name_in


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    for name in (
        "app.py",
        "notes.txt",
        "chalicelib/__init__.py",
        "chalicelib/data.json",
        "chalicelib/__pycache__/x.pyc",
        "chalicelib/deep/er.py",
        "vendor/library.py",
        "tests/test_app.py",
        ".chalice/config.json",
        ".chalice/deployed/dev.json",
        ".venv/lib/module.py",
    ):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return project


def names(sources: Sources) -> set[str]:
    return {name_in(sources.project, path) for path in sources.snapshot()}


def test_only_deployed_and_configuration_files_are_watched(project: Path) -> None:
    template = project / ".chalice" / "resources.json"
    sources = Sources(project, (template,))
    expected = {
        "app.py",
        "chalicelib/__init__.py",
        "chalicelib/data.json",
        "chalicelib/deep/er.py",
        "vendor/library.py",
        ".chalice/config.json",
    }
    assert names(sources) == expected
    template.write_text("{}")
    assert names(sources) == expected | {".chalice/resources.json"}


def test_the_folders_of_the_files_are_watched(project: Path) -> None:
    folders = Sources(project, (project / "missing" / "template.json",)).folders()
    expected = {"", ".chalice", "chalicelib", "chalicelib/deep", "vendor"}
    assert folders == {project / name for name in expected}


def test_the_policy_files_that_the_configuration_names_are_watched(project: Path) -> None:
    functions = {"websocket_message": {"iam_policy_file": "policies/web.json"}}
    document = {"iam_policy_file": "all.json", "stages": {"dev": {"lambda_functions": functions}}}
    (project / ".chalice" / "config.json").write_text(json.dumps(document))
    (project / ".chalice" / "policies").mkdir()
    for name in ("all.json", "other.json", "policies/web.json"):
        (project / ".chalice" / name).touch()
    sources = Sources(project)
    watched = {name for name in names(sources) if name.startswith(".chalice/")}
    assert watched == {
        f".chalice/{name}" for name in ("config.json", "all.json", "policies/web.json")
    }
    assert project / ".chalice" / "policies" in sources.folders()


def test_the_target_of_a_linked_chalicelib_is_watched(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "app.py").touch()
    (other / "chalicelib").symlink_to(project / "chalicelib")
    sources = Sources(other)
    assert project / "chalicelib" / "deep" in sources.folders()
    assert project / "chalicelib" / "data.json" in sources.snapshot()


def test_added_changed_replaced_and_removed_files_differ(project: Path) -> None:
    sources = Sources(project)
    before = sources.snapshot()
    assert differing(before, sources.snapshot()) == []
    stat = (project / "app.py").stat()
    (project / "app.new").write_text("y")
    os.utime(project / "app.new", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (project / "app.new").rename(project / "app.py")  # the same size, the same time
    (project / "vendor" / "library.py").unlink()
    (project / "extra.py").touch()
    changed = differing(before, sources.snapshot())
    assert [name_in(project, path) for path in changed] == [
        "app.py",
        "extra.py",
        "vendor/library.py",
    ]
