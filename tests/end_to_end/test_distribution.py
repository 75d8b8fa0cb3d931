"""The wheel in a separate environment: only the framework, or the tool too with its extra."""

import json
import shutil
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

import decanter
from decanter.cli import COMMANDS
from tests.support.environments import Environment, built_wheel
from tests.support.gateways import ROOT, SECONDS, gateway
from tests.support.marks import THOROUGH

HEAVY = ("chalice", "moto", "websockets", "flask", "h11", "watchfiles", "yaml")
NEEDS_NOTHING = ("invoke", "new", "rights", "vendor")
LINE = "is not installed: install Decanter with its extra: chalice-decanter[local]\n"


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory)


@pytest.fixture(name="base", scope="module")
def _base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheel, its requirements without an extra, and pytest."""
    base = Environment(tmp_path_factory.mktemp("base") / "venv", wheel)
    (installed,) = metadata.distributions(name="chalice-decanter", path=[str(base.packages)])
    base.link("pytest", *(each for each in installed.requires or () if "extra ==" not in each))
    assert not [name for name in HEAVY if (base.packages / name).exists()]
    return base


def test_the_version_is_that_of_the_source(base: Environment) -> None:
    (installed,) = metadata.distributions(name="chalice-decanter", path=[str(base.packages)])
    assert installed.version == decanter.__version__


def test_the_wheel_has_no_byte_code_and_no_part_of_the_service(wheel: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(wheel, tmp_path, "zip")
    assert not [*tmp_path.rglob("__pycache__")]
    tops = {path.name for path in tmp_path.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"decanter"}


def test_the_framework_imports_with_what_it_requires(base: Environment, tmp_path: Path) -> None:
    names = "Router, ConnectionModel, AllowedOrigins, Report"
    code = f"import sys, json; from decanter import {names}; print(json.dumps([*sys.modules]))"
    done = base.run("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not {*json.loads(done.stdout)} & {*HEAVY}


@pytest.mark.parametrize("in_chalice_project", [False, True])
def test_pytest_runs_unrelated_tests(
    base: Environment, tmp_path: Path, in_chalice_project: bool
) -> None:
    if in_chalice_project:
        (tmp_path / ".chalice").mkdir()
        (tmp_path / ".chalice" / "config.json").write_text('{"app_name": "it"}')
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n\ndef test_it(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.hasplugin('decanter.testing.plugin')\n"
        f"    assert not set(sys.modules) & set({HEAVY})\n"
    )
    done = base.run("-m", "pytest", "-q", "-W", "error", cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_fixture_names_a_missing_package_in_one_line(base: Environment, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from chalice import Chalice\napp = Chalice('it')\n")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n\ndef test_it(websocket_client):\n    pass\n\n\n"
        "@pytest.fixture\ndef chalice_app():\n    return None\n\n\n"
    )
    (tmp_path / "test_app.py").write_text("def test_it(chalice_app):\n    pass\n")
    done = base.run("-m", "pytest", "-q", "--rootdir", ".", "-rN", cwd=tmp_path)
    assert done.stdout.count(f"\nchalice {LINE}") == 2
    assert "Traceback" not in done.stdout
    assert "2 errors" in done.stdout


def test_the_test_client_names_a_missing_package(base: Environment, tmp_path: Path) -> None:
    done = base.run("-c", "from decanter.testing import WebSocketClient", cwd=tmp_path)
    assert done.stderr.endswith(f"\nModuleNotFoundError: chalice {LINE}")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            each.name, marks=() if each.name in ("client", "local", "package") else THOROUGH
        )
        for each in COMMANDS
        if each.name not in NEEDS_NOTHING
    ],
)
def test_a_command_names_a_missing_package_in_one_line(
    base: Environment, tmp_path: Path, command: str
) -> None:
    done = base.run("-m", "decanter", command, cwd=tmp_path)
    missing = {"client": "websockets", "local": "h11"}
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"decanter: error: {missing.get(command, 'chalice')} {LINE}"


def test_commands_without_requirements_run(base: Environment, tmp_path: Path) -> None:
    for option in ("--help", "--version"):
        done = base.run("-m", "decanter", option, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
    script = [str(base.folder / "bin" / "decanter"), "new", "hello"]
    subprocess.run(script, cwd=tmp_path, check=True, capture_output=True)
    done = base.run("-m", "decanter", "invoke", "f", "--url", "http://127.0.0.1:9", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "decanter local" in done.stderr
    done = base.run("-m", "decanter", "vendor", cwd=tmp_path / "hello")
    assert (done.returncode, done.stderr) == (0, "")
    files = [file for file in (tmp_path / "hello").rglob("*") if file.is_file()]
    assert not [file for file in files if b"/venv" in file.read_bytes()]
    assert not [file for file in files if "__pycache__" in file.parts]


def test_installed_elsewhere_it_runs_a_copy_of_the_app(base: Environment, tmp_path: Path) -> None:
    """A wheel of `decanter`, a separate environment, a separate folder."""
    folder = tmp_path / "copy"
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "app.py", folder)
    where = base.run("-c", "import decanter; print(decanter.__file__)", cwd=folder)
    assert where.stdout.startswith(str(base.folder))
    python, dependencies = str(base.python), {"PYTHONPATH": sysconfig.get_path("purelib")}
    with (
        gateway(folder, python=python, cwd=folder, environment=dependencies) as running,
        running.connect() as client,
    ):
        installed = base.packages / "decanter"
        assert running.banner("Framework") == f"{decanter.__version__} in {installed}"
        client.send('{"message":"sendmessage","data":"elsewhere"}')
        assert client.recv(timeout=SECONDS) == '"elsewhere"'
