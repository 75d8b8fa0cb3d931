"""Rule 96: events run concurrently, one process each. Waiting for one is not handling time."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.apps import NO_DATABASE, SmallProject
from tests.support.clients import receive
from tests.support.gateways import SECONDS, Running, gateway, wait_until
from tests.support.marks import THOROUGH

TOGETHER = 8

MEETS_THE_OTHERS = f"""\
import os, pathlib, time
def others():
    folder = pathlib.Path("meeting")
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < {TOGETHER}:
        time.sleep(0.01)
    return "all"

class Declares:
    @classmethod
    def __decanter__(cls):
        folder = pathlib.Path("declared")
        folder.mkdir(exist_ok=True)
        (folder / str(os.getpid())).touch()

declares = Declares()
"""


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path)


def info(running: Running) -> dict[str, Any]:
    with urllib.request.urlopen(f"{running.origin}/_gateway/info", timeout=SECONDS) as response:
        found: dict[str, Any] = json.load(response)
        return found


def processes_of(folder: Path) -> list[int]:
    """Return the processes whose command line names a folder."""
    done = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in done.stdout.split()]


def answers(running: Running, number: int) -> Iterator[str]:
    """Yield the answers to clients that send a message at the same time."""
    with running.connect_all(number) as clients:
        for client in clients:
            client.send("any")
        yield from [receive(client) for client in clients]


@pytest.mark.rule(96)
@pytest.mark.parametrize("options", [(), pytest.param(("--no-fork",), marks=THOROUGH)])
def test_every_concurrent_event_has_a_process_and_idle_ones_end(
    small: SmallProject, options: tuple[str, ...]
) -> None:
    """Each handler waits until all of them run. Only a function's first process declares."""
    small.answer("others()", MEETS_THE_OTHERS)
    usual = ("--no-template", *NO_DATABASE, "--process-idle-timeout", "0.2")
    with gateway(small.folder, *usual, *options, spawned=True) as running:
        before = info(running)
        assert bool(before["fork_servers"]) is not bool(options)
        assert {*answers(running, TOGETHER)} == {"all"}
        ran, declared = (
            {each.name for each in (small.folder / name).iterdir()}
            for name in ("meeting", "declared")
        )
        assert (len(ran), len(ran & declared)) == (TOGETHER, 1)
        wait_until(lambda: info(running)["processes"] == before["processes"], "the others end")
        wait_until(
            lambda: len(processes_of(small.folder)) == 2 + len(before["fork_servers"]),
            "the gateway, one worker and the fork server are left",
        )


@pytest.mark.rule(96)
def test_waiting_for_a_process_is_not_the_integrations_time(small: SmallProject) -> None:
    """The last of five waits longer than the integration timeout."""
    small.answer("[time.sleep(0.4), 'done'][1]", "import time\n")
    limits = ("--concurrency", "1", "--integration-timeout", "1")
    with gateway(small.folder, "--no-template", *NO_DATABASE, *limits) as running:
        [*answers(running, 1)]  # the first one makes a client, which is slow on a busy machine
        assert [*answers(running, 5)] == ["done"] * 5
        said = [line for line in running.lines if "--concurrency 1 allows" in line]
        assert len(said) == 1
        assert "websocket_message has as many" in said[0]


@pytest.mark.parametrize(
    ("number", "options"),
    [
        (signal.SIGKILL, ()),
        pytest.param(signal.SIGTERM, (), marks=THOROUGH),
        pytest.param(signal.SIGINT, (), marks=THOROUGH),
        pytest.param(signal.SIGKILL, ("--no-fork",), marks=THOROUGH),
        (signal.SIGINT, ("--no-fork",)),
    ],
)
def test_no_end_of_the_gateway_leaves_a_process(
    small: SmallProject, number: signal.Signals, options: tuple[str, ...]
) -> None:
    """A handler's child process also ends, if workers are forked or the gateway ends normally."""
    start = (
        "import subprocess\ndef start():\n    return str(subprocess.Popen(['sleep', '99']).pid)\n"
    )
    small.answer("start()", start)
    with gateway(small.folder, "--no-template", *NO_DATABASE, *options, spawned=True) as running:
        with running.connect() as client:
            client.send("any")
            child = int(receive(client))
            os.kill(running.process.pid, number)
            running.process.wait(SECONDS)
        wait_until(lambda: processes_of(small.folder) == [], "all have ended")
        if options and number == signal.SIGKILL:
            os.kill(child, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{child}").exists(), "the handler's child has ended")


def test_a_gateway_that_is_killed_while_the_app_is_imported_leaves_no_process(
    small: SmallProject,
) -> None:
    with gateway(small.folder, "--no-template", *NO_DATABASE, spawned=True) as running:
        small.write("import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(99)\n")
        wait_until((small.folder / "begun").exists, "the import has begun")
        running.process.kill()
        wait_until(lambda: processes_of(small.folder) == [], "all have ended")


@pytest.mark.parametrize("options", [(), ("--no-fork",)])
@pytest.mark.parametrize("moment", [0.5, pytest.param(1.0, marks=THOROUGH)])
def test_ctrl_c_at_any_time_leaves_no_process(
    small: SmallProject, moment: float, options: tuple[str, ...]
) -> None:
    """The moments are from before the first process until the gateway serves."""
    command = ("decanter", "local", "--project-dir", str(small.folder), "--port", "0", *NO_DATABASE)
    with subprocess.Popen(
        [sys.executable, "-m", *command, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        threading.Event().wait(moment)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS)
        finally:
            process.kill()
    wait_until(lambda: processes_of(small.folder) == [], "all have ended")
