"""A new project is complete and runs. The tutorial's tests run the project's own tests."""

import json
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from decanter.cli import main
from decanter.errors import ProjectError
from decanter.new import create, requirement
from tests.support.gateways import ROOT, gateway
from tests.support.projects import decanter_here, files

pytestmark = pytest.mark.usefixtures("kept")

HANDLERS = ("connect", "message", "disconnect")


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create("hello", tmp_path_factory.mktemp("new"))


def test_it_has_all_files_of_a_project_and_no_placeholder(project: Path) -> None:
    files = {str(each.relative_to(project)) for each in project.rglob("*") if each.is_file()}
    own = {name for name in files if not name.startswith("vendor/")}
    assert own == {
        *(f".chalice/policy-dev-websocket_{each}.json" for each in HANDLERS),
        *(".chalice/config.json", ".chalice/generated.json", ".gitignore"),
        *("README.md", "app.py", "pytest.ini"),
        *("requirements-dev.txt", "requirements.txt", "tests/test_app.py"),
    }
    assert "vendor/decanter/runtime/transports/__init__.py" in files
    assert not any("__pycache__" in name for name in files)
    assert all("$name" not in (project / name).read_text() for name in own)


def test_its_policy_files_are_those_that_its_app_declares(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["template", "--check", "--project-dir", str(project)]) == 1
    told = capsys.readouterr()
    assert told.out.count("matches the app") == len(HANDLERS) + 1
    assert told.err.endswith("resources.json does not match the app: run `decanter template`\n")


VERSION = "Metadata-Version: 2.1\nName: chalice-decanter\nVersion: 0.2.1\n"
WHEEL = {"METADATA": VERSION, "WHEEL": "Wheel-Version: 1.0\n"}
COMMIT = {"vcs": "git", "commit_id": "c0ffee"}


def distribution(site: Path, info: str, files: dict[str, str], code: Path) -> Distribution:
    """Return a distribution of this code; its metadata is next to the link `decanter`."""
    (site / info).mkdir(parents=True)
    for name, text in files.items():
        (site / info / name).write_text(text)
    (site / "decanter").symlink_to(code)
    return Distribution.at(site / info)


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (None, "chalice-decanter~=0.2.1"),
        (
            {"url": "https://h/it", "vcs_info": COMMIT},
            "chalice-decanter @ git+https://h/it@c0ffee",
        ),
        ({"url": "https://h/it.whl", "archive_info": {}}, "chalice-decanter @ https://h/it.whl"),
        ({"url": "file:///a%20b/it", "dir_info": {}}, None),
        ({"url": "file:///a/it.whl", "archive_info": {}}, None),
        ({"url": "file:///a/it", "vcs_info": COMMIT}, None),
    ],
)
def test_another_environment_gets_it_from_the_same_place(
    origin: dict[str, Any] | None, line: str | None, tmp_path: Path
) -> None:
    noted = {} if origin is None else {"direct_url.json": json.dumps(origin)}
    code = ROOT / "decanter"
    checkout = distribution(tmp_path / "a", "it.egg-info", {"PKG-INFO": VERSION}, code)
    installed = distribution(tmp_path / "b", "it-0.2.1.dist-info", WHEEL | noted, code)
    assert requirement([checkout, installed]) == line


def test_the_metadata_of_other_code_is_ignored(tmp_path: Path) -> None:
    """A checkout is first on the path, and an older version from an index is after it; or an
    editable install."""
    older = distribution(tmp_path, "it-0.2.1.dist-info", WHEEL, tmp_path)
    assert requirement([older]) is None
    assert requirement([]) is None


def test_from_a_folder_no_path_is_written_and_no_name_that_an_index_could_serve(
    project: Path,
) -> None:
    texts = [content.decode() for content in files(project).values()]
    assert not [text for text in texts if str(ROOT) in text or str(project.parent) in text]
    for file in project.glob("requirements*.txt"):
        lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert not any("decanter" in line for line in lines), lines
    assert '#   pip install "FOLDER[local]"' in (project / "requirements-dev.txt").read_text()


def test_from_an_index_or_a_repository_it_ships_by_its_requirement(
    tmp_path: Path,
) -> None:
    line = "chalice-decanter @ git+https://h/it@c0ffee"
    project = create("hello", tmp_path, line)
    assert line in (project / "requirements.txt").read_text().splitlines()
    tool = line.replace("decanter", "decanter[local]")
    assert tool in (project / "requirements-dev.txt").read_text().splitlines()
    assert not (project / "vendor").exists()
    assert "`vendor/" not in (project / "README.md").read_text()


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
    with pytest.raises(ProjectError, match="is not a valid app name"):
        create(name, tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_an_existing_folder_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "hello").mkdir()
    with pytest.raises(ProjectError, match="already exists: choose another name"):
        create("hello", tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ProjectError, match=r"^cannot write .*/file/hello: Not a directory: run the"
    ):
        create("hello", tmp_path / "file")


def test_its_template_can_be_made(project: Path) -> None:
    done = decanter_here("template", "--project-dir", project, "--output", "-")
    assert done.returncode == 0, done.stderr
    assert '"RouteKey": "say"' in done.stdout
