"""The environment of an app that a separate run of pytest imports."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from decanter.project.config import Project
from decanter.testing.environ import environment
from decanter.testing.stage import project_at, stage_environment
from tests.support.marks import THOROUGH
from tests.support.projects import table_resource, write_project
from tests.support.pytests import run_pytest, spawn_pytest

APP = """
import os
from chalice import Chalice
from chalicelib.name import NAME

NAMES = ("TABLE", "ARN", "STAGE", "QUEUE", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_PROFILE")
SEEN = {name: os.environ.get(name) for name in NAMES}

app = Chalice(app_name=NAME)
app.experimental_feature_flags.update(["WEBSOCKETS"])

@app.on_ws_message()
def message(event):
    app.said = NAME + " " + event.body
"""
CONFIG = {
    "version": "2.0",
    "app_name": "pour",
    "environment_variables": {"TABLE": "the-configurations", "STAGE": "none"},
    "stages": {
        "dev": {"environment_variables": {"STAGE": "dev"}},
        "prod": {
            "environment_variables": {"STAGE": "prod"},
            "lambda_functions": {"websocket_message": {"environment_variables": {"QUEUE": "jobs"}}},
        },
    },
}
VARIABLES = {
    "TABLE": {"Fn::Sub": "${Orders}"},
    "ARN": {"Fn::GetAtt": ["Orders", "Arn"]},
    "UNKNOWN": {"Fn::ImportValue": "elsewhere"},
}
TEMPLATE = {
    "Resources": {
        "Orders": table_resource("orders"),
        "WebsocketMessage": {"Properties": {"Environment": {"Variables": VARIABLES}}},
    }
}
TESTS = """
import os, sys, unittest
LOADED = [n for n in ("botocore", "chalice", "moto", "websockets") if n in sys.modules]
from app import NAME, SEEN, app

def test_nothing_slow_was_loaded_before_the_app():
    assert LOADED == {loaded}

def test_the_app_has_seen_its_stage():
    assert SEEN == {seen}

class TestCases(unittest.TestCase):
    def test_the_app_is_this_projects(self):
        from chalicelib.name import NAME as name
        assert (NAME, name) == ({name!r}, {name!r})
        assert sys.modules["app"].app is app

def test_the_fixture_has_the_app(chalice_app):
    assert chalice_app is app
"""
SEEN = {
    "TABLE": "orders",
    "ARN": "arn:aws:dynamodb:us-east-1:123456789012:table/orders",
    "STAGE": "dev",
    "QUEUE": None,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_PROFILE": None,
}
DEVELOPERS = {"AWS_PROFILE": "mine", "AWS_DEFAULT_REGION": "eu-west-1", "TABLE": "the-developers"}
NO_CACHE = ("-p", "no:cacheprovider")


def project_with_tests(
    folder: Path, name: str, *, seen: Any = None, loaded: Any = (), file: str = "test_top.py"
) -> Path:
    write_project(folder, APP, CONFIG, TEMPLATE)
    (folder / "chalicelib").mkdir()
    (folder / "chalicelib" / "__init__.py").touch()
    (folder / "chalicelib" / "name.py").write_text(f"NAME = {name!r}")
    (folder / "tests").mkdir()
    text = TESTS.format(seen=seen or SEEN, loaded=[*loaded], name=name)
    (folder / "tests" / file).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("pour", []),
        pytest.param("pour", ["tests/"], marks=THOROUGH),
        pytest.param("pour/tests", [], marks=THOROUGH),
        pytest.param(".", ["pour/tests/test_top.py::TestCases", "pour"], marks=THOROUGH),
        ("pour", ["--import-mode=importlib", "-p", "xdist", "-n", "1"]),
    ],
    ids=["root", "folder", "inside", "above", "xdist"],
)
def test_an_app_imported_at_the_top_has_the_stages_environment(
    tmp_path: Path, place: str, arguments: list[str]
) -> None:
    project_with_tests(tmp_path / "pour", "pour")
    done = spawn_pytest(tmp_path / place, *NO_CACHE, *arguments, **DEVELOPERS)
    assert "4 passed" in done.stdout, done.stdout


@pytest.mark.parametrize(
    "arguments",
    [[], ["two", "one"], ["-o", "pythonpath=one two", "--import-mode=importlib"]],
    ids=["from above", "by name", "both in pythonpath"],
)
def test_a_run_can_have_tests_of_two_projects(tmp_path: Path, arguments: list[str]) -> None:
    for name in ("one", "two"):
        project = project_with_tests(tmp_path / name, name, file=f"test_{name}.py")
        test = project / "tests" / f"test_{name}.py"
        test.write_text(test.read_text().replace("LOADED == []", "LOADED != 1"))
        (project / "conftest.py").write_text(f"from app import NAME\nassert NAME == {name!r}")
    done = run_pytest(tmp_path, *NO_CACHE, *arguments)
    assert "8 passed" in done.stdout, done.stdout


AT_IMPORT = "import os\nos.environ['NEEDED']\n"
WITH_CLIENT = "def test_it(websocket_client):\n    pass\n"


@pytest.mark.parametrize(
    ("stage", "app", "test"),
    [
        ("beta", "", "def test_it():\n    pass\n"),
        ("beta", AT_IMPORT, "import app\n"),
        ("dev", "", WITH_CLIENT),
        ("dev", AT_IMPORT, WITH_CLIENT),
    ],
)
def test_a_missing_stage_is_one_line(tmp_path: Path, stage: str, app: str, test: str) -> None:
    """The default stage may be missing while the tests do not need it."""
    project = project_with_tests(tmp_path / "pour", "pour")
    config = project / ".chalice" / "config.json"
    config.write_text(json.dumps(CONFIG | {"stages": {"prod": {}, "test": {}}}))
    (project / "app.py").write_text(app + APP)
    (project / "tests" / "test_top.py").write_text(test)
    done = run_pytest(project, *NO_CACHE, "-o", f"decanter_stage={stage}")
    output = done.stdout + done.stderr
    line = f"config.json has no stage '{stage}'; it has prod, test (pytest's setting decanter_stage"
    assert output.count(line) == 1, output
    assert "Traceback" not in output
    assert "During handling" not in output


def test_a_mistake_that_is_not_the_stages_does_not_name_the_setting(tmp_path: Path) -> None:
    project = project_with_tests(tmp_path / "pour", "pour")
    variables = {"environment_variables": {"A": 1}}
    (project / ".chalice" / "config.json").write_text(json.dumps(CONFIG | variables))
    (project / "tests" / "test_top.py").write_text(WITH_CLIENT)
    output = run_pytest(project, *NO_CACHE).stdout
    assert "must be a string, not a number\n" in output
    assert "decanter_stage" not in output


def test_a_projects_folder_can_be_in_pythonpath(tmp_path: Path) -> None:
    project_with_tests(tmp_path / "backend", "pour")
    (tmp_path / "backend" / "tests").rename(tmp_path / "tests")
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = backend\n")
    done = spawn_pytest(tmp_path, *NO_CACHE)
    assert "4 passed" in done.stdout, done.stdout


def test_another_stage_or_none_can_be_chosen(tmp_path: Path) -> None:
    seen = SEEN | {"STAGE": "prod", "QUEUE": "jobs"}
    project = project_with_tests(tmp_path / "pour", "pour", seen=seen)
    done = spawn_pytest(project, *NO_CACHE, "-o", "decanter_stage=prod")
    assert "4 passed" in done.stdout, done.stdout
    done = spawn_pytest(project, *NO_CACHE, "-vv", "-o", "decanter_stage=", STAGE="mine")
    assert "'STAGE': 'mine'" in done.stdout, done.stdout
    assert "3 passed" in done.stdout


def test_the_fixtures_client_has_the_chosen_stage(tmp_path: Path) -> None:
    project = project_with_tests(tmp_path / "pour", "pour")
    (project / ".chalice" / "resources.json").unlink()
    (project / "tests" / "test_top.py").write_text(
        "import os\ndef test_it(websocket_client):\n    assert os.environ['STAGE'] == 'prod'\n"
    )
    done = run_pytest(project, *NO_CACHE, "-o", "decanter_stage=prod")
    assert "1 passed" in done.stdout, done.stdout


def test_a_project_without_chalice_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import os, sys\n"
        "def test_it():\n"
        "    assert os.environ['AWS_PROFILE'] == 'mine'\n"
        "    assert 'AWS_DEFAULT_REGION' not in os.environ\n"
        "    assert not {'botocore', 'decanter.testing.projects'} & {*sys.modules}\n"
    )
    done = spawn_pytest(tmp_path, *NO_CACHE, AWS_PROFILE="mine")
    assert "1 passed" in done.stdout, done.stdout


# ----------------------------------------------------------------------------- in this process


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_variables_are_those_that_chalice_merges(tmp_path: Path, stage: str) -> None:
    project = write_project(tmp_path / "pour", config=CONFIG)
    known = Project.load(project, stage)
    assert stage_environment(project, stage) == known.environment("websocket_message")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"stages": []}', '{"stages": {"dev": 1}}'])
def test_a_configuration_that_cannot_be_read_has_no_variables(tmp_path: Path, text: str) -> None:
    """The test client reports it."""
    project = write_project(tmp_path / "pour", config=text, template={"Resources": {"A": 1}})
    assert stage_environment(project, "dev") == {}


def test_a_project_is_found_within_its_repository(tmp_path: Path) -> None:
    project = write_project(tmp_path / "pour", config=json.dumps(CONFIG))
    other = project / "vendor" / "other"
    other.mkdir(parents=True)
    assert project_at(other) == project_at(project / "app.py") == project_at(project) == project
    (other / ".git").touch()
    assert project_at(other) is None


def test_everything_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    before = dict(os.environ)
    with environment({"A_NEW_ONE": "1"}, ("AWS_PROFILE",)):
        assert dict(os.environ) != before
    assert dict(os.environ) == before
