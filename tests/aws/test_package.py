"""The package of this repository's app: small, reproducible and complete."""

import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from decanter import __version__
from decanter.aws.package import Package, package
from decanter.project.config import Project
from tests.support.connection_table import Table
from tests.support.gateways import ROOT, SECONDS, gateway
from tests.support.projects import clean_environment, decanter_here, write_project

TAG = sys.implementation.cache_tag


@pytest.fixture(name="said", scope="module")
def _said() -> list[str]:
    return []


@pytest.fixture(name="packaged", scope="module")
def _packaged(tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> Package:
    out = tmp_path_factory.mktemp("packaged")
    return package(Project.load(ROOT), out, region="eu-west-1", report=said.append)


@pytest.fixture(name="unpacked", scope="module")
def _unpacked(packaged: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(packaged.zip_path) as archive:
        archive.extractall(folder)
    return folder


def test_the_zip_is_at_most_three_megabytes(packaged: Package) -> None:
    assert packaged.bytes == packaged.zip_path.stat().st_size <= 3_000_000


def test_each_step_is_reported(packaged: Package, said: list[str]) -> None:
    beginnings: list[str | tuple[str, ...]] = [
        f"packaging for {packaged.runtime}, the version of {sys.executable}, on x86_64",
        f"the framework is {__version__} in {ROOT / 'decanter'}",
        ("using the dependencies in ", "installing requirements.txt for "),
        "boto3 is left out: it is not imported",
        "botocore keeps these services: apigatewaymanagementapi, ",
        "compiling",
        "running `chalice package`",
        f"made {packaged.zip_path}: ",
    ]
    lines = [line for line in said if "Amazon Linux 2" not in line]  # up to Python 3.11
    assert all(line.startswith(start) for line, start in zip(lines, beginnings, strict=True))


def test_every_source_has_its_byte_code(unpacked: Path) -> None:
    """This includes Chalice's own runtime and app.py, which Chalice adds without byte code."""
    missing = [
        str(source.relative_to(unpacked))
        for source in unpacked.rglob("*.py")
        if not (source.parent / "__pycache__" / f"{source.stem}.{TAG}.pyc").is_file()
    ]
    assert missing == []


def test_the_template_refers_to_the_zip_and_is_current(packaged: Package) -> None:
    template = json.loads(packaged.template_path.read_text())
    functions = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    assert {function["CodeUri"] for function in functions} == {"./deployment.zip"}
    assert {function["Runtime"] for function in functions} == {packaged.runtime}
    assert packaged.template_path.parent == packaged.zip_path.parent
    assert "APIGatewayURL" in template["Outputs"]


def test_the_local_gateway_runs_it(unpacked: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(unpacked, project)
    (project / ".chalice").mkdir()
    for name in ("config.json", "resources.json"):
        shutil.copy(ROOT / ".chalice" / name, project / ".chalice")
    with gateway(project, "--no-reload") as running, running.connect() as client:
        client.send('{"message":"sendmessage","data":1}')
        assert client.recv(timeout=SECONDS) == "1"
        client.close()
        Table(running).wait_for(0)


def test_an_app_without_the_framework_is_packaged_too(tmp_path: Path) -> None:
    """It has no requirements and no chalicelib/; a second run gives the same result."""
    app = (
        "from chalice import Chalice\napp = Chalice(app_name='it')\n"
        "@app.route('/')\ndef index(): pass\n"
    )
    folder = write_project(tmp_path / "p", app, {"version": "2.0", "app_name": "it"})
    runs = [decanter_here("package", "--project-dir", folder) for _ in range(2)]
    assert [(done.returncode, done.stderr) for done in runs] == [(0, "")] * 2
    assert runs[0].stdout == runs[1].stdout  # contains the digest
    result = folder / "build" / "package" / "dev" / "result"
    assert runs[0].stdout.endswith(f"template: {result / 'sam.json'}\n")
    with zipfile.ZipFile(result / "deployment.zip") as archive:
        assert set(archive.namelist()) == {
            "app.py",
            f"__pycache__/app.{TAG}.pyc",
            "chalice/__init__.py",
            "chalice/app.py",
            f"chalice/__pycache__/__init__.{TAG}.pyc",
            f"chalice/__pycache__/app.{TAG}.pyc",
        }


def test_an_app_without_chalices_feature_flag_is_refused_in_one_line(
    tmp_path: Path,
) -> None:
    app = (
        "from chalice import Chalice\napp = Chalice(app_name='it')\n"
        "@app.on_ws_message()\ndef message(event): pass\n"
    )
    folder = write_project(tmp_path / "p", app, {"version": "2.0", "app_name": "it"})
    done = decanter_here("package", "--project-dir", folder, **clean_environment())
    assert done.returncode == 2
    assert done.stderr.startswith("decanter: error: app.py does not enable Chalice's WebSockets")
    assert done.stderr.count("\n") == 1
    assert [*(folder / "build").rglob("*.zip")] == []


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    (folder / "source").mkdir()
    done = decanter_here("package", "--project-dir", folder, "--out", folder)
    line = (
        f"{folder} has files that `decanter package` did not make: name an empty folder with --out"
    )
    assert (done.returncode, done.stderr) == (2, f"decanter: error: {line}\n")
    assert (folder / "source").is_dir()
