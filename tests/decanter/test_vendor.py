"""`decanter vendor` writes the framework and replaces only an older copy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from decanter import __version__
from decanter.errors import ProjectError
from decanter.vendor import vendor
from tests.support.projects import decanter

IMPORT = "import decanter; print(decanter.__version__, decanter.Router.__module__)"


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps({"app_name": "tea"}))
    return tmp_path


def test_the_copy_has_the_framework_without_the_tool(project: Path) -> None:
    done = decanter("vendor", "--project-dir", project)
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout
    folder = project / "vendor" / "decanter"
    assert {path.name for path in folder.iterdir()} == {"__init__.py", "runtime"}
    assert not [*folder.rglob("__pycache__")]
    own = f"import sys; sys.path[:0] = [{str(folder.parent)!r}]; {IMPORT}"
    imported = subprocess.run(
        [sys.executable, "-P", "-c", own], capture_output=True, text=True, check=True, cwd=project
    )
    assert imported.stdout.split() == [__version__, "decanter.runtime.routing.router"]


def test_an_older_copy_is_replaced_completely(project: Path) -> None:
    folder = vendor(project)
    (folder / "runtime" / "old.py").touch()
    vendor(project)
    assert not (folder / "runtime" / "old.py").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["decanter"]


def test_another_folder_of_that_name_is_not_changed(project: Path) -> None:
    folder = project / "vendor" / "decanter"
    folder.mkdir(parents=True)
    (folder / "mine.py").touch()
    with pytest.raises(ProjectError, match="is not Decanter's framework"):
        vendor(project)
    assert (folder / "mine.py").exists()


def test_a_folder_that_cannot_be_written_is_an_error(project: Path) -> None:
    (project / "vendor").touch()
    with pytest.raises(ProjectError, match=r"^cannot write .*/vendor/.*: Not a directory: make"):
        vendor(project)


def test_links_are_not_changed(project: Path, tmp_path: Path) -> None:
    folder = project / "vendor" / "decanter"
    folder.mkdir(parents=True)
    (folder / "runtime").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ProjectError, match="links to a framework"):
        vendor(project)
    assert (folder / "runtime").is_symlink()


def test_a_folder_without_a_project_is_refused_in_one_line(tmp_path: Path) -> None:
    done = decanter("vendor", "--project-dir", tmp_path)
    assert done.returncode == 2
    assert "no .chalice/config.json" in done.stderr
    assert done.stderr.count("\n") == 1
