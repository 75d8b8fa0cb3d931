"""A worker process from the gateway's side: the detection of its end."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.local.functions.process import Launch, Worker
from tests.support.apps import SmallProject
from tests.support.projects import clean_environment

ENDPOINT = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:9/api"}

LEAVES_ONE_BEHIND = """\
import pathlib, subprocess
from chalice import Chalice
app = Chalice(app_name="small")
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
pathlib.Path("child").write_text(str(child.pid))
"""


def test_the_end_of_a_process_is_detected_whatever_it_left_running(tmp_path: Path) -> None:
    """Its child left the process group and holds its output open for another minute."""
    SmallProject(tmp_path).write(LEAVES_ONE_BEHIND)
    launch = Launch(tmp_path, clean_environment() | ENDPOINT, lambda line, request_id: None)

    async def run() -> float:
        worker = await Worker.start(launch)
        began = time.monotonic()
        worker.kill()
        await worker.wait()
        return time.monotonic() - began

    try:
        assert asyncio.run(run()) < 30
    finally:
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_a_variable_that_the_stage_lacks_at_import_is_one_line(tmp_path: Path) -> None:
    SmallProject(tmp_path).write("import os\nTABLE = os.environ['TABLE']\n")
    environment = clean_environment() | ENDPOINT
    launch = Launch(tmp_path, environment, lambda line, request_id: None, stage="beta")
    with pytest.raises(ProjectError) as refused:
        asyncio.run(Worker.start(launch))
    assert "app.py:2 reads the environment variable TABLE at import, and stage beta" in str(
        refused.value
    )
    assert refused.value.detail == ""


def test_an_app_may_change_the_settings_of_its_output(tmp_path: Path) -> None:
    source = "import sys\nsys.stdout.reconfigure(line_buffering=True)\nprint('imported')\n"
    SmallProject(tmp_path).write(f"{source}from chalice import Chalice\napp = Chalice('small')\n")
    lines: list[str] = []
    launch = Launch(tmp_path, clean_environment() | ENDPOINT, lambda line, _: lines.append(line))

    async def run() -> None:
        worker = await Worker.start(launch)
        worker.kill()
        await worker.wait()

    asyncio.run(run())
    assert lines == ["imported"]
