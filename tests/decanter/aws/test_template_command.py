"""`decanter template`, as it is typed."""

import json
from pathlib import Path

import pytest

from tests.decanter.projects import ROOT, decanter, write_project


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "p")


def test_writes_the_projects_file_and_then_finds_nothing_to_say(project: Path) -> None:
    path = project / ".chalice" / "resources.json"
    written = decanter("template", "--project-dir", project)
    checked = decanter("template", "--project-dir", project, "--check")
    assert (written.returncode, written.stdout) == (0, f"wrote {path}\n")
    assert (checked.returncode, checked.stdout) == (0, f"{path} is what the app declares\n")
    assert path.read_text().endswith("}\n")


def test_writes_to_standard_output_nothing_but_the_template(project: Path) -> None:
    done = decanter("template", "--project-dir", project, "--output", "-")
    assert "ConnectionsTable" in json.loads(done.stdout)["Resources"]
    assert not (project / ".chalice" / "resources.json").exists()


def test_check_shows_how_a_file_differs(project: Path) -> None:
    path = project / "other.json"
    decanter("template", "--project-dir", project, "--output", path)
    path.write_text(path.read_text().replace("expires_at", "expires"))
    done = decanter("template", "--project-dir", project, "--output", path, "--check")
    assert done.returncode == 1
    assert '-          "AttributeName": "expires",\n' in done.stdout
    assert '+          "AttributeName": "expires_at",\n' in done.stdout
    assert done.stderr == f"{path} is not what the app declares: run `decanter template`\n"


def test_check_of_a_missing_file_is_a_difference(project: Path) -> None:
    done = decanter("template", "--project-dir", project, "--check")
    assert done.returncode == 1
    assert "+++ what the app declares" in done.stdout


def test_a_file_that_cannot_be_written_is_one_line(project: Path) -> None:
    path = project / "none" / "t.json"
    done = decanter("template", "--project-dir", project, "--output", path)
    expected = f"decanter: error: cannot write {path}: No such file or directory\n"
    assert (done.returncode, done.stderr) == (2, expected)


def test_the_repositorys_own_template_is_what_its_app_declares() -> None:
    done = decanter("template", "--project-dir", ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
