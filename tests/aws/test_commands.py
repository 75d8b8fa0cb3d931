"""The real commands in sequence, against the tests' AWS."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.aws.cloud import BUCKET, Call, Cloud
from tests.support.marks import THOROUGH
from tests.support.projects import APP, clean_environment, decanter_here, write_project

pytestmark = pytest.mark.usefixtures("kept")

SECONDS = 120
ROUTER = """

class Routed:
    @classmethod
    def __decanter__(cls):
        return {"kind": "router", "expression": "$request.body.message", "default": False,
                "routes": [{"route_key": "whisper", "operation_name": "WhisperRoute",
                            "function": "whisper"}]}
"""
CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"

Done = subprocess.CompletedProcess[str]


class Project:
    """A project, and the commands run in its folder."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.folder = write_project(folder)
        self.cloud = cloud

    @property
    def environment(self) -> Mapping[str, str]:
        return {**clean_environment(), **self.cloud.environment()}

    def decanter(self, command: str, *arguments: str) -> Done:
        return decanter_here(command, "--project-dir", self.folder, *arguments, **self.environment)

    def chalice(self, *arguments: str) -> Done:
        return self.run("-c", CHALICE, *arguments)

    def run(self, *arguments: str) -> Done:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "decanter", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(name="project")
def _project(tmp_path: Path, aws: Cloud) -> Project:
    return Project(tmp_path / "pour", aws)


def succeeded(done: Done) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(done: Done) -> str:
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stdout + done.stderr
    return done.stderr


def test_plain_chalice_works_alone_and_provision_refuses_its_stage(project: Project) -> None:
    """Create the table, deploy twice, delete; `provision` is refused meanwhile."""
    provision = ("provision", "--s3-bucket", BUCKET)
    succeeded(project.decanter("table", "create"))
    assert "table pour-dev-connections was created by" in refused(project.decanter(*provision))
    assert "stage         dev, only its tables" in succeeded(project.decanter("status"))
    first = succeeded(project.chalice("deploy"))
    assert "Websocket API URL: wss://" in first
    (api,) = project.cloud.client("apigatewayv2").get_apis()["Items"]
    routes = project.cloud.live(api["ApiId"], "v1")["routes"]
    assert set(routes) == {"$connect", "$default"}
    succeeded(project.chalice("deploy"))
    assert "stage dev was made by `chalice deploy`" in refused(project.decanter(*provision))
    status = succeeded(project.decanter("status"))
    assert "stage         dev, by `chalice deploy`" in status
    assert f"WebSocket     wss://{api['ApiId']}.execute-api" in status
    succeeded(project.chalice("delete"))
    succeeded(project.decanter("table", "delete", "--yes"))
    assert project.cloud.left() == {}
    nothing = project.decanter("status")
    assert (nothing.returncode, nothing.stdout) == (
        1,
        "stage dev is not on AWS in us-east-1: deploy it with `decanter provision`\n",
    )


def test_provision_status_a_changed_route_provision_delete(project: Project) -> None:
    """The stack works alone; `table create` refuses its stage."""
    provision = ("provision", "--s3-bucket", BUCKET)
    told = succeeded(project.decanter(*provision))
    assert "stack pour-dev: CREATE_COMPLETE" in told
    line = refused(project.decanter("table", "create"))
    assert line.startswith("decanter: error: stage dev is stack pour-dev, created by `decanter pr")
    status = succeeded(project.decanter("status", "--redact", "--count"))
    assert "stack         pour-dev: CREATE_COMPLETE" in status
    assert "ACTIVE, 0 items, items" in status
    assert "123456789012" not in status
    (project.folder / "app.py").write_text(APP + ROUTER)
    assert "stack pour-dev: UPDATE_COMPLETE" in succeeded(project.decanter(*provision))
    (api,) = project.cloud.client("apigatewayv2").get_apis()["Items"]
    live = project.cloud.live(api["ApiId"], "v1")
    assert set(live["routes"]) == {"$connect", "$default", "whisper"}
    assert live["expression"] == "$request.body.message"
    assert "cannot ask without a terminal" in refused(project.decanter("delete"))
    succeeded(project.decanter("delete", "--yes"))
    assert project.cloud.left() == {}
    assert succeeded(project.decanter("delete", "--yes")) == "there is no stack pour-dev\n"


@THOROUGH
def test_the_next_run_completes_a_killed_one(project: Project) -> None:
    """SIGKILL during CreateChangeSet: no process can prepare for it."""
    provision = ("provision", "--s3-bucket", BUCKET)
    process = project.start(*provision)

    def kill(call: Call) -> None:
        if call.operation == "CreateChangeSet":
            os.kill(process.pid, signal.SIGKILL)

    project.cloud.on_answer = kill
    assert process.wait(SECONDS) == -signal.SIGKILL
    project.cloud.on_answer = None
    stack = project.cloud.client("cloudformation").describe_stacks()["Stacks"][0]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert "stack pour-dev: CREATE_COMPLETE" in succeeded(project.decanter(*provision))
    succeeded(project.decanter("delete", "--yes"))
    assert project.cloud.left() == {}


@pytest.mark.parametrize(
    ("bucket", "line"),
    [
        ("no-such-bucket", "there is no bucket no-such-bucket: create it with `aws s3 mb s3://no-"),
        ("elsewhere", "bucket elsewhere is in eu-west-1, the stack is in us-east-1; Lambda takes"),
    ],
)
def test_an_unusable_bucket_is_a_one_line_error(project: Project, bucket: str, line: str) -> None:
    project.cloud.client("s3").create_bucket(
        Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert line in refused(project.decanter("provision", "--s3-bucket", bucket))
