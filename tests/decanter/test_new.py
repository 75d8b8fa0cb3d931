"""A new project is whole and runs; that its own tests pass is shown with the tutorial."""

from pathlib import Path
from typing import Any

import pytest

from decanter.errors import ProjectError
from decanter.new import create, requirement
from tests.support.gateways import gateway
from tests.support.projects import decanter


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create("hello", tmp_path_factory.mktemp("new"))


def test_it_has_what_a_project_needs_and_no_placeholder(project: Path) -> None:
    files = {str(each.relative_to(project)) for each in project.rglob("*") if each.is_file()}
    own = {name for name in files if not name.startswith("vendor/")}
    assert own == {
        *(".chalice/config.json", ".gitignore", "README.md", "app.py", "pytest.ini"),
        *("requirements-dev.txt", "requirements.txt", "tests/test_app.py"),
    }
    assert "vendor/decanter/runtime/transports/__init__.py" in files
    assert not any("__pycache__" in name for name in files)
    assert all("$name" not in (project / name).read_text() for name in own)


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({}, "chalice-decanter~=0.1.0"),
        ({"url": "file:///a%20b/it", "dir_info": {"editable": True}}, "-e '/a b/it'"),
        ({"url": "file:///a/it", "dir_info": {}}, "chalice-decanter @ file:///a/it"),
        (
            {"url": "https://h/it.whl", "archive_info": {}},
            "chalice-decanter @ https://h/it.whl",
        ),
        (
            {"url": "https://h/it", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            "chalice-decanter @ git+https://h/it@c0ffee",
        ),
    ],
)
def test_another_environment_gets_the_tool_from_the_same_place(
    origin: dict[str, Any], line: str
) -> None:
    assert requirement("0.1.0", origin) == line


def test_its_requirements_are_those_that_pip_takes(project: Path) -> None:
    lines = (project / "requirements-dev.txt").read_text().splitlines()
    (tool,) = (each for each in lines if each.startswith(("-e ", "chalice-decanter")))
    assert tool != "chalice-decanter", "an index may have something else of that name"


def test_it_runs(project: Path) -> None:
    with gateway(project, "--no-reload") as running, running.connect() as alice:
        alice.send('{"action": "say", "text": "hello"}')
        assert '"text":"hello"' in str(alice.recv(timeout=20))


def test_the_command_makes_it_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from decanter.cli import main

    monkeypatch.chdir(tmp_path)
    assert main(["new", "my-app"]) == 0
    assert '"app_name": "my-app"' in (tmp_path / "my-app" / ".chalice/config.json").read_text()
    printed = capsys.readouterr().out
    assert f"made {tmp_path / 'my-app'}" in printed
    assert "  decanter local" in printed


@pytest.mark.parametrize("name", ["", "1st", "my app", "a/b", "..", "a" * 33, "naïve"])
def test_a_name_that_aws_would_refuse_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is no app's name"):
        create(name, tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "hello").mkdir()
    with pytest.raises(ProjectError, match="is there already: choose another name"):
        create("hello", tmp_path)


def test_its_template_can_be_made(project: Path) -> None:
    done = decanter("template", "--project-dir", project, "--output", "-")
    assert done.returncode == 0, done.stderr
    assert '"RouteKey": "say"' in done.stdout
