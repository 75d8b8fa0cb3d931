"""Packages of apps that use AWS services: the reduced boto3 in them works on its own.

The dependencies are the installed ones, in the project's `vendor/`, with the data of some services:
so pip does not run, and a package with all services is quick.
"""

import inspect
import json
import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from decanter.aws import sdk as models
from decanter.aws.package import Package, package
from decanter.project.config import Project
from tests.support.gateways import SECONDS
from tests.support.marks import THOROUGH
from tests.support.projects import decanter_here, write_project

USED = ("s3", "secretsmanager", "lambda", "logs")
ELSEWHERE = ("cloudwatch", "dynamodb", "sqs")
ALWAYS = {"apigatewaymanagementapi", "signin", "sso", "sso-oidc", "sts"}

APP = """\
import boto3
from chalice import Chalice

app = Chalice(app_name="it")
{}

@app.lambda_function()
def work(event, context):
    pass
"""
APPS = {
    "written": "".join(f'{name}_ = boto3.client("{name}", "eu-west-1")\n' for name in USED),
    "not written": 'def aws(name): return boto3.client(name, "eu-west-1")\nsqs = aws("sqs")\n',
}

# Prints the result of `examine` with only the package in argv[1] and the standard library.
EXAMINE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import app
print(json.dumps(examine(sys.argv[2:])))
assert not [module for module in sys.modules.values()
            if "site-packages" in (getattr(module, "__file__", None) or "")]
"""


def examine(services: list[str]) -> dict[str, Any]:
    """Use everything that boto3 has for some services, and return the names."""
    import boto3

    session = boto3.Session("a", "b", region_name="eu-west-1")
    found = {}
    for service in services:
        client = session.client(service)
        methods = [name for name in client.meta.method_to_api_mapping if client.can_paginate(name)]
        pages = [type(client.get_paginator(name).paginate()).__name__ for name in methods]
        waiters = [type(client.get_waiter(name)).__name__ for name in client.waiter_names]
        shapes = [shape.name for shape in client.meta.service_model.error_shapes]
        errors = [getattr(client.exceptions, name).__name__ for name in shapes]
        resources = []
        if service in session.get_available_resources():
            resource = session.resource(service)
            resources = [*resource.get_available_subresources(), *dir(resource)]
        found[service] = [client.meta.service_model.operation_names, pages, waiters, errors]
        found[service].append(resources)
    return found


def link_dependencies(folder: Path) -> None:
    """Make a `vendor/` of the installed packages."""
    found = {name: Path(find_spec(name).origin) for name in ("boto3", "botocore", "six")}  # type: ignore[union-attr,arg-type]  # they are installed
    data = found["botocore"].with_name("data")
    (folder / "botocore" / "data").mkdir(parents=True)
    for name in ("boto3", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"):
        (folder / name).symlink_to(found["six"].with_name(name))
    for file in found["botocore"].parent.iterdir():
        if file != data:
            (folder / "botocore" / file.name).symlink_to(file)
    for entry in data.iterdir():
        if entry.is_file() or entry.name in {*USED, *ELSEWHERE, *ALWAYS}:
            (folder / "botocore" / "data" / entry.name).symlink_to(entry)


class Built:
    """A package, the output of its build, and its content."""

    def __init__(self, folder: Path, code: str) -> None:
        config = {"version": "2.0", "app_name": "it"}
        self.project = Project.load(write_project(folder / "p", APP.format(code), config))
        link_dependencies(self.project.directory / "vendor")
        self.said: list[str] = []
        self.package = self.build(folder / "out")
        self.unpacked = folder / "unpacked"
        with zipfile.ZipFile(self.package.zip_path) as archive:
            archive.extractall(self.unpacked)

    def build(self, out: Path) -> Package:
        return package(self.project, out, region="eu-west-1", report=self.said.append)


@pytest.fixture(
    name="built", scope="module", params=["written", pytest.param("not written", marks=THOROUGH)]
)
def _built(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Built:
    return Built(tmp_path_factory.mktemp("sdk"), APPS[request.param])


def test_the_reduced_sdk_works_like_the_complete_one(built: Built) -> None:
    """Clients, paginators, waiters, exceptions and resources."""
    services = [*USED, *(ELSEWHERE if "not clear" in services_line(built) else [])]
    script = f"from typing import Any\n{inspect.getsource(examine)}{EXAMINE}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script, str(built.unpacked), *services],
        env={"AWS_EC2_METADATA_DISABLED": "true"},
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        check=True,
    )
    assert json.loads(done.stdout) == examine(services)


def test_kept_services_are_reported(built: Built) -> None:
    left = models.names(built.unpacked / "botocore" / "data")
    if left == {*USED, *ALWAYS}:
        kept = ", ".join(sorted(left))
        assert services_line(built) == f"botocore keeps these services: {kept}"
    else:
        assert left == {*USED, *ELSEWHERE, *ALWAYS}
        assert re.fullmatch(
            r"botocore keeps all services, 0\.[1-9] MB more: the service is not clear at "
            r"app\.py:5; write the name there, as in client\('s3'\)",
            services_line(built),
        )


def services_line(built: Built) -> str:
    return next(line for line in built.said if line.startswith("botocore keeps"))


@THOROUGH
@pytest.mark.parametrize("built", ["written"], indirect=True)
def test_a_second_build_is_the_same(built: Built, tmp_path: Path) -> None:
    assert built.build(tmp_path / "out").sha256 == built.package.sha256


def test_a_damaged_model_is_a_one_line_error(tmp_path: Path) -> None:
    app = APP.format('boto3.client("s3", "eu-west-1")')
    project = write_project(tmp_path / "p", app, {"version": "2.0", "app_name": "it"})
    model = project / "vendor" / "botocore" / "data" / "s3" / "2006-03-01" / "service-2.json"
    model.parent.mkdir(parents=True)
    model.write_text('{"metadata":')
    done = decanter_here("package", "--project-dir", project)
    assert done.returncode == 2
    assert re.fullmatch(
        r"decanter: error: botocore cannot read .*service-2\.json .*\n", done.stderr
    )
