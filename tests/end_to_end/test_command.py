"""`decanter local` as a command: start, end, and error messages."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.gateways import ROOT, SECONDS, gateway, wait_until
from tests.support.marks import THOROUGH
from tests.support.projects import decanter_here
from tests.support.workers import children, is_running


def local(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command that does not serve, in this process."""
    return decanter_here("local", "--port", "0", *arguments)


def project(folder: Path, app: str) -> Path:
    """Write a project whose app.py is this text."""
    (folder / ".chalice").mkdir()
    (folder / ".chalice" / "config.json").write_text(
        '{"version": "2.0", "app_name": "it", "stages": {"dev": {}}}'
    )
    (folder / "app.py").write_text(app)
    return folder


def processes_below(pid: int) -> set[int]:
    """Return the processes below a process, at all levels."""
    found = children(pid)
    return found.union(*map(processes_below, found))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        signal.SIGKILL,
        *(pytest.param(each, marks=THOROUGH) for each in (signal.SIGTERM, signal.SIGHUP)),
    ],
)
def test_a_signal_ends_it_within_two_seconds_and_all_its_processes(number: signal.Signals) -> None:
    """One slow end may come from the machine, which also runs other tests; three come from the
    gateway.
    """
    taken = [seconds_until_it_ends(number)]
    while taken[-1] >= 2 and len(taken) < 3:
        taken.append(seconds_until_it_ends(number))
    assert min(taken) < 2, taken


def seconds_until_it_ends(number: signal.Signals) -> float:
    """Send a signal to a gateway in use; check its status and that no process is left."""
    with gateway(ROOT) as running:
        with running.connect() as client:
            children = processes_below(running.process.pid)
            assert len(children) >= 4  # three functions' and the embedded DynamoDB's
            client.send('{"message":"sendmessage","data":1}')
            assert client.recv(timeout=SECONDS) == "1"
            began = time.monotonic()
            running.process.send_signal(number)
            status = running.process.wait(SECONDS)
            taken = time.monotonic() - began
        assert status == (-number if number == signal.SIGKILL else 0)
        wait_until(lambda: not any(map(is_running, children)), "its processes are gone")
    return taken


def test_a_signal_during_the_start_ends_it(tmp_path: Path) -> None:
    slow = project(tmp_path, "import time\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "decanter", "local", "--project-dir", str(slow), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT) as process:
        wait_until(lambda: len(processes_below(process.pid)) >= 2, "it imports the app")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


def test_a_taken_port_is_one_line_and_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = local("--port", str(port))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"decanter: error: port {port} of 127.0.0.1 is taken: "
        f"take another with --port, as in --port {port + 1}\n"
    )


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("def broken(:\n", "app.py:1: invalid syntax"),
        *(
            pytest.param(*each, marks=THOROUGH)
            for each in (
                ("import nothing_of_this_name\n", "No module named 'nothing_of_this_name'"),
                ("1 / 0\n", "ZeroDivisionError: division by zero"),
                ("import sys; sys.exit(3)\n", "SystemExit: 3"),
                ("other = 1\n", "has no Chalice object named `app`"),
                ("app = 1\n", "has no Chalice object named `app`"),
            )
        ),
    ],
)
def test_an_app_that_cannot_be_loaded_is_one_line_and_status_2(
    tmp_path: Path, app: str, said: str
) -> None:
    result = local("--project-dir", str(project(tmp_path, app)))
    assert (result.returncode, result.stdout) == (2, "")
    *_, last = result.stderr.splitlines()
    assert last.startswith("decanter: error: ")
    assert said in last
    assert "decanter/" not in result.stderr  # no frame of Decanter's own code


def test_a_wrong_folder_is_one_line_and_status_2(tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        result = local("--project-dir", str(folder))
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
        assert str(folder) in result.stderr
        assert "--project-dir" in result.stderr


def test_the_error_for_an_unknown_stage_lists_all_stages() -> None:
    result = local("--stage", "prd")
    assert result.returncode == 2
    assert "dev, prod" in result.stderr


@pytest.mark.parametrize(
    "arguments", [pytest.param(["--template"], marks=THOROUGH), ["--no-template"]]
)
def test_the_service_runs_with_and_without_its_template(arguments: list[str]) -> None:
    if arguments == ["--template"]:
        arguments = ["--template", str(ROOT / ".chalice" / "resources.json")]
    with gateway(ROOT, *arguments) as running, running.connect() as client:
        client.send('{"message":"sendmessage","data":"both"}')
        assert client.recv(timeout=SECONDS) == '"both"'
