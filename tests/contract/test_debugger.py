"""`breakpoint()` in a handler, under `decanter local --debug` on a terminal."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.apps import HEAD, NO_DATABASE, SmallProject
from tests.support.clients import receive
from tests.support.gateways import SECONDS, gateway
from tests.support.terminals import Terminal

STOPS = """
@app.on_ws_message()
def message(event):
    text = event.body
    print("before the stop")
    breakpoint()
    answer = text.upper()
    app.websocket_api.send(event.connection_id, answer)
"""
LOCAL = (sys.executable, "-m", "decanter", "local", "--port", "0", "--no-template", *NO_DATABASE)


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path)
    small.write(HEAD + STOPS)
    return small


@pytest.fixture(name="terminal")
def _terminal(small: SmallProject) -> Iterator[Terminal]:
    command = (*LOCAL, "--project-dir", str(small.folder), "--debug")
    with Terminal(*command).open() as terminal:
        yield terminal


@pytest.fixture(name="client")
def _client(terminal: Terminal) -> Iterator[ClientConnection]:
    url = terminal.expect(r"WebSocket +(ws://\S+)")[1]
    terminal.expect("Debugger +pdb on this terminal")
    terminal.expect("Connect +")
    with connect(url, compression=None, open_timeout=SECONDS) as client:
        yield client


def stop(client: ClientConnection, terminal: Terminal, text: str) -> None:
    """Send a message, and wait until its handler has stopped."""
    client.send(text)
    terminal.expect(r"log .*before the stop\r\n")
    terminal.expect(r"-> answer = text.upper\(\)\r\n\(Pdb\) ")


def test_a_handler_is_stepped_through_and_the_client_gets_its_frame(
    terminal: Terminal, client: ClientConnection
) -> None:
    stop(client, terminal, "hello")
    terminal.type("p text\r")
    terminal.expect(r"'hello'\r\n\(Pdb\) ")
    terminal.type("n\r")
    terminal.expect(r"-> app.websocket_api.send\(.*\r\n\(Pdb\) ")
    terminal.type("answer = answer + '!'\r")
    terminal.expect(r"\(Pdb\) ")
    terminal.type("c\r")
    assert receive(client) == "HELLO!"
    terminal.expect(r"ran .* websocket_message \$default 200")
    stop(client, terminal, "again")  # and the next event stops as well
    terminal.type("c\r")
    assert receive(client) == "AGAIN"


def test_the_gateways_lines_wait_while_a_handler_has_stopped(
    terminal: Terminal, client: ClientConnection
) -> None:
    """Another client connects meanwhile: its line comes after the commands."""
    stop(client, terminal, "hello")
    host, port = client.remote_address[:2]
    with connect(f"ws://{host}:{port}/api", compression=None, open_timeout=SECONDS):
        terminal.type("p 6 * 7\r")
        assert terminal.expect(r"(?s)(.*)42\r\n\(Pdb\) ")[1] == "p 6 * 7\r\n"
        terminal.type("c\r")
        terminal.expect(r"connect .* 101 from 127")
    assert receive(client) == "HELLO"


def test_a_change_is_served_while_the_old_handler_has_stopped(
    small: SmallProject, terminal: Terminal, client: ClientConnection
) -> None:
    stop(client, terminal, "hello")
    small.write((HEAD + STOPS).replace("upper", "title"))
    terminal.type("c\r")
    assert receive(client) == "HELLO"
    terminal.expect("app.py changed: in service")
    client.send("new world")
    terminal.expect(r"-> answer = text.title\(\)\r\n\(Pdb\) ")
    terminal.type("c\r")
    assert receive(client) == "New World"


def test_a_function_of_a_queue_is_stepped_through(small: SmallProject) -> None:
    small.write(
        HEAD
        + """
@app.on_sqs_message(queue="jobs")
def work(event):
    text = next(iter(event)).body
    breakpoint()
    print("worked on", text)
"""
    )
    command = (sys.executable, "-m", "decanter", "local", "--port", "0", "--debug")
    with Terminal(*command, "--project-dir", str(small.folder)).open() as terminal:
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        url = terminal.expect(r"SQS +(http://\S+)")[1]
        terminal.expect("Connect +")
        sqs = boto3.client("sqs", "us-east-1", endpoint_url=url, **keys)
        sqs.send_message(QueueUrl="jobs", MessageBody="tea")
        terminal.expect(r"-> print\(.*\r\n\(Pdb\) ")
        terminal.type("p text\r")
        terminal.expect(r"'tea'\r\n\(Pdb\) ")
        terminal.type("c\r")
        terminal.expect(r"log .*worked on tea\r\n")
        terminal.expect(r"ran .*work sqs jobs returned")


def test_quitting_the_debugger_ends_the_event_with_an_error(
    terminal: Terminal, client: ClientConnection
) -> None:
    stop(client, terminal, "hello")
    terminal.type("q\r")
    assert "Internal server error" in receive(client)
    terminal.expect("BdbQuit")


def test_ctrl_c_ends_the_gateway_while_a_handler_has_stopped(
    terminal: Terminal, client: ClientConnection
) -> None:
    stop(client, terminal, "hello")
    terminal.type("\x03")
    assert "Traceback" not in terminal.rest()
    assert terminal.process.wait(SECONDS) in (0, 130)


def test_without_a_debugger_the_remedy_is_named(small: SmallProject) -> None:
    with gateway(small.folder, "--no-template", *NO_DATABASE) as running:
        with running.connect() as client:
            client.send("hello")
            receive(client)
        running.wait_for_line(r"RuntimeError: breakpoint\(\) needs a debugger: .*--debug")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--debug"], "--debug needs a terminal on standard input: .* --debugpy PORT"),
        (["--debugpy", "0"], "'0' is not a whole number from 1 to 65000"),
        (["--debugpy", "5678"], "--debugpy needs debugpy: .*python.* -m pip install debugpy"),
        (["--debug", "--debugpy", "5678"], "not allowed with argument --debug"),
    ],
)
def test_an_option_that_cannot_work_is_one_line(
    small: SmallProject, option: list[str], said: str
) -> None:
    if option == ["--debugpy", "5678"] and importlib.util.find_spec("debugpy"):
        pytest.skip("debugpy is installed here")
    command = [*LOCAL, "--project-dir", str(small.folder), *option]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert re.search(said, done.stderr)
    assert "Traceback" not in done.stderr
