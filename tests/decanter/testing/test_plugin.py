"""The pytest fixtures, in a separate project."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import decanter.testing
from tests.support.gateways import PROJECTS
from tests.support.pytests import run_pytest

TESTS = """
import pytest
{fixture}

def test_it(websocket_client):
    alice = websocket_client.connect()
    alice.send("x")
    assert alice.receive() == "{answer}"


def test_unread(websocket_client):
    websocket_client.connect().send("y")
"""


def test_the_app_is_the_projects_app_py_and_unread_frames_fail_a_test(tmp_path: Path) -> None:
    for path in ("app.py", ".chalice/config.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text((PROJECTS / "bare" / path).read_text())
    (tmp_path / "test_bare.py").write_text(TESTS.format(fixture="", answer="bare got x"))
    output = run_pytest(tmp_path, "--rootdir", ".").stdout
    assert "2 passed, 1 error" in output
    assert "frames that the test did not receive:" in output
    assert "bare got y" in output


def test_pytest_does_not_rewrite_decanters_modules(tmp_path: Path) -> None:
    """pytest marks an installed package with a plugin before it loads the plugin, like here."""
    (tmp_path / "marking.py").write_text(
        "import pytest\npytest.register_assert_rewrite('decanter')"
    )
    (tmp_path / "test_loaders.py").write_text(
        "import decanter.gateway.events as late\nimport decanter.extras as early\n"
        "def test_it():\n"
        "    kinds = [type(each.__loader__).__name__ for each in (early, late)]\n"
        "    assert kinds == ['AssertionRewritingHook', 'SourceFileLoader']\n"
    )
    done = run_pytest(tmp_path, PYTHONPATH=".", PYTEST_ADDOPTS="-p marking")
    assert "1 passed" in done.stdout


def test_a_fixture_can_choose_another_app(tmp_path: Path) -> None:
    source = (PROJECTS / "bare" / "app.py").read_text().replace("bare got", "other got")
    (tmp_path / "other.py").write_text(source)
    fixture = "import other\n@pytest.fixture\ndef chalice_app():\n    return other.app\n"
    (tmp_path / "test_bare.py").write_text(TESTS.format(fixture=fixture, answer="other got x"))
    assert "2 passed, 1 error" in run_pytest(tmp_path, "--rootdir", ".").stdout


def test_a_project_that_uses_no_fixture_loads_nothing() -> None:
    heavy = ("botocore", "chalice", "moto", "websockets", "werkzeug")
    source = f"""
import sys
import decanter.testing.plugin
print([name for name in {heavy} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_name_of_the_package_can_be_imported() -> None:
    assert all(getattr(decanter.testing, name) for name in decanter.testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = decanter.testing.nothing


def test_a_wrong_mode_of_roles_names_the_setting(tmp_path: Path) -> None:
    for path in ("app.py", ".chalice/config.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text((PROJECTS / "bare" / path).read_text())
    (tmp_path / "test_bare.py").write_text(TESTS.format(fixture="", answer="bare got x"))
    output = run_pytest(tmp_path, "--rootdir", ".", "-o", "decanter_iam=on").stdout
    assert "iam is one of enforce, warn, off, not 'on' (pytest's setting decanter_iam)" in output


def test_a_module_without_the_app_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text('{"app_name": "pour"}')
    (tmp_path / "app.py").write_text("")
    (tmp_path / "test_it.py").write_text("def test_it(websocket_client):\n    pass\n")
    output = run_pytest(tmp_path, "--rootdir", ".").stdout
    assert f"{tmp_path / 'app.py'} has no Chalice object named `app`" in output
    assert "AttributeError" not in output


def test_an_app_that_is_not_found_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "app.py").write_text("")
    (tmp_path / "test_it.py").write_text("def test_it(websocket_client):\n    pass\n")
    output = run_pytest(tmp_path, "--rootdir", ".").stdout
    assert "there is no module `app`: run pytest in the folder of app.py, add this" in output
    assert "ModuleNotFoundError" not in output


APP = """
import os
from chalice import Chalice
app = Chalice(app_name="lacking")
TABLE = os.environ["TABLE"]
"""


TOP = "import app\n\ndef test_it():\n    pass\n"
FIXTURE = "def test_it(chalice_app):\n    pass\n"
LINE = "app.py:5 reads the environment variable TABLE at import, and stage dev does not set it"


@pytest.mark.parametrize(
    ("files", "found"),
    [({"test_top.py": TOP, "test_fixture.py": FIXTURE}, 2), ({"conftest.py": "import app\n"}, 1)],
    ids=["tests", "conftest"],
)
def test_a_variable_that_the_stage_lacks_at_import_is_one_line(
    tmp_path: Path, files: dict[str, str], found: int
) -> None:
    arguments = ("--rootdir", ".", "--continue-on-collection-errors", "tests")
    done = run_pytest(lacking(tmp_path, files), "--tb=long", "-rN", *arguments)
    output = done.stdout + done.stderr
    assert output.count(LINE) == found, output
    assert "KeyError" not in output


def test_a_stage_that_sets_the_variable_can_be_chosen(tmp_path: Path) -> None:
    files = {"test_top.py": TOP, "test_fixture.py": FIXTURE, "conftest.py": "import app\n"}
    arguments = ("--rootdir", ".", "-o", "decanter_stage=prod", "tests")
    done = run_pytest(lacking(tmp_path, files), *arguments)
    assert "2 passed" in done.stdout, done.stdout


def lacking(folder: Path, tests: dict[str, str]) -> Path:
    """Write a project whose stage dev lacks a variable, with these files in its tests."""
    for name in (".chalice", "tests"):
        (folder / name).mkdir()
    stages = {"dev": {}, "prod": {"environment_variables": {"TABLE": "orders"}}}
    config = {"version": "2.0", "app_name": "lacking", "stages": stages}
    (folder / ".chalice" / "config.json").write_text(json.dumps(config))
    (folder / "app.py").write_text(APP)
    for name, source in tests.items():
        (folder / "tests" / name).write_text(source)
    return folder
