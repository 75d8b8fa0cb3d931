"""A worker process from the gateway's side: how its end is seen."""

import asyncio
import os
import signal
import time
from pathlib import Path

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


def test_a_process_is_seen_to_end_whatever_it_has_left_behind(tmp_path: Path) -> None:
    """Its child, out of our reach, holds its output open for a minute more."""
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
