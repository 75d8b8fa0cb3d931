"""Section F, rows 10 to 12: the local gateway with web pages, unread output and signals."""

import contextlib
import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from websockets.sync.client import connect

from tests.field_cases.apps import plain_project
from tests.support.apps import NO_DATABASE
from tests.support.clients import receive
from tests.support.gateways import ROOT, SECONDS, Running, gateway, wait_until
from tests.support.projects import table_resource

# --------------------------------------------------------------- F10: output that nobody reads

ECHO = """
@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, event.body)
"""


@contextlib.contextmanager
def unread(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A running gateway whose output is not read after the banner."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "decanter", "local", "--project-dir", str(project)),
            *("--port", "0", "--no-reload", *NO_DATABASE),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.row("F10")
def test_unread_output_does_not_block_clients_or_sigterm(tmp_path: Path) -> None:
    with unread(plain_project(tmp_path / "pour", ECHO)) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        url = next(line.split()[1] for line in lines if line.startswith("WebSocket"))
        next(line for line in lines if line.startswith("Connect "))
        with connect(url, compression=None, open_timeout=SECONDS, close_timeout=0.1) as alice:
            for number in range(60):  # each is two lines of 50 bytes or more
                alice.send(str(number))
                assert alice.recv(timeout=2) == str(number)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=SECONDS) == 0


# ------------------------------------------------------------------- F11: pages of other hosts

ROOMS = {"Resources": {"Rooms": table_resource("rooms")}}
DOTS = """
import time

@app.on_ws_message()
def message(event):
    print("x" * int(event.body), end="")
    began = time.thread_time()
    for _ in range(200):
        print(".", end="")
    app.websocket_api.send(event.connection_id, str(time.thread_time() - began))

@app.route("/hello", methods=["GET", "POST"])
def hello():
    return {"hello": "world"}
"""
EVIL = "http://evil.example"
TARGET = {
    "X-Amz-Target": "DynamoDB_20120810.ListTables",
    "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request",
}
SIMPLE = {"Content-Type": "text/plain"}
"""A request that a page may send anywhere without a preflight."""


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    project = plain_project(tmp_path_factory.mktemp("running") / "pour", DOTS, ROOMS)
    with gateway(project, "--no-reload") as running:
        yield running


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def ask(
    url: str, path: str, headers: dict[str, str], method: str = "POST", body: bytes = b"{}"
) -> Answered:
    connection = http.client.HTTPConnection(url.partition("://")[2], timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Answered(answer.status, dict(answer.getheaders()), answer.read())


@pytest.mark.row("F11")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({**SIMPLE, "Origin": EVIL}, b"Action=ListTables"),
        (SIMPLE, b"Action=ListTables"),
        ({**TARGET, "Origin": EVIL}, b"{}"),
        ({**TARGET, "Origin": "null"}, b"{}"),
        ({**TARGET, "Host": "evil.example"}, b"{}"),
    ],
)
def test_the_embedded_dynamodb_answers_no_page(
    running: Running, headers: dict[str, str], body: bytes
) -> None:
    answer = ask(running.banner("DynamoDB").split()[0], "/", headers, body=body)
    assert 400 <= answer.status < 500
    assert b"rooms" not in answer.body
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.row("F11")
def test_the_embedded_dynamodb_answers_sdks_without_cors(running: Running) -> None:
    answer = ask(running.banner("DynamoDB").split()[0], "/", TARGET)
    assert (answer.status, json.loads(answer.body)) == (200, {"TableNames": ["rooms"]})
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.row("F11")
@pytest.mark.parametrize("path", ["/api/hello", "/api/@connections/L0SM9cOFvHcCIhw="])
def test_routes_and_connections_answer_no_foreign_host(running: Running, path: str) -> None:
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/execute-api/x"}
    assert ask(running.origin, path, signed).status in (200, 400, 410)
    foreign = ask(running.origin, path, {**signed, "Host": "evil.example"})
    assert foreign.status in (403, 421)


# -------------------------------------------------------------------------- F12: small ones


@pytest.mark.row("F12")
def test_printing_takes_as_long_on_a_long_line(running: Running) -> None:
    with running.connect() as alice:
        seconds: dict[int, list[float]] = {0: [], 300_000: []}
        for _ in range(4):  # the first one pays for one-time work
            for length, of_this_length in seconds.items():
                alice.send(str(length))
                of_this_length.append(float(receive(alice)))
    assert min(seconds[300_000]) < 6 * min(seconds[0])


IMPORTING = """
import time
with open("pid", "w") as file:
    file.write(str(os.getpid()))
time.sleep(5)
"""


@pytest.mark.row("F12")
def test_sighup_leaves_no_process(tmp_path: Path) -> None:
    project = plain_project(tmp_path / "pour", IMPORTING)
    with unread(project) as process:
        pid = project / "pid"
        wait_until(lambda: pid.is_file() and pid.read_text() != "", "app.py is being imported")
        child = int(pid.read_text())
        process.send_signal(signal.SIGHUP)
        process.wait(timeout=SECONDS)
        try:
            assert has_ended(child)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def has_ended(pid: int) -> bool:
    """Return True if a process has ended; it need not be a child of this one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
