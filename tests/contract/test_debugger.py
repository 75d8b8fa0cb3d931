"""`breakpoint()` in a handler, under `decanter local --debug` on a terminal."""

import contextlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.contract.conftest import Serve
from tests.field_cases.apps import HANDLERS, run
from tests.support.apps import HEAD, NO_DATABASE, SmallProject
from tests.support.clients import receive
from tests.support.gateways import SECONDS
from tests.support.terminals import Terminal

STOPS = (
    HEAD
    + """
@app.on_ws_message()
def message(event):
    text = event.body
    print("before the stop")
    breakpoint()
    answer = text.upper()
    app.websocket_api.send(event.connection_id, answer)

@app.on_sqs_message(queue="jobs")
def work(event):
    text = next(iter(event)).body
    breakpoint()
    print("worked on", text)
"""
)
LOCAL = (sys.executable, "-m", "decanter", "local", "--port", "0", "--no-template", *NO_DATABASE)
Debugged = tuple[Terminal, str, str]
"""A gateway's terminal, and its URLs of the socket and of SQS."""


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    project = SmallProject(tmp_path_factory.mktemp("stops"))
    project.write(STOPS)
    return project


@pytest.fixture(name="open_terminal", scope="module")
def _open_terminal(project: SmallProject) -> Iterator[Callable[[], Debugged]]:
    """Returns the gateway's terminal, and starts a gateway if none runs."""
    command = (*LOCAL, "--project-dir", str(project.folder), "--debug")
    opened: list[Debugged] = []
    with contextlib.ExitStack() as stack:

        def start() -> Debugged:
            if not opened or opened[-1][0].process.poll() is not None:
                terminal = stack.enter_context(Terminal(*command).open())
                url = terminal.expect(r"WebSocket +(ws://\S+)")[1]
                sqs = terminal.expect(r"SQS +(http://\S+)")[1]
                terminal.expect("Debugger +pdb on this terminal")
                terminal.expect("Connect +")
                opened.append((terminal, url, sqs))
            return opened[-1]

        yield start


@pytest.fixture(name="debugged")
def _debugged(open_terminal: Callable[[], Debugged]) -> Debugged:
    return open_terminal()


@pytest.fixture(name="terminal")
def _terminal(debugged: Debugged) -> Terminal:
    return debugged[0]


@pytest.fixture(name="client")
def _client(debugged: Debugged) -> Iterator[ClientConnection]:
    with connect(debugged[1], compression=None, open_timeout=SECONDS) as client:
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
    project: SmallProject, terminal: Terminal, client: ClientConnection
) -> None:
    stop(client, terminal, "hello")
    project.write(STOPS.replace("upper", "title"))
    terminal.type("c\r")
    assert receive(client) == "HELLO"
    terminal.expect("app.py changed: in service")
    client.send("new world")
    terminal.expect(r"-> answer = text.title\(\)\r\n\(Pdb\) ")
    terminal.type("c\r")
    assert receive(client) == "New World"
    project.write(STOPS)
    terminal.expect("app.py changed: in service")


def test_a_function_of_a_queue_is_stepped_through(debugged: Debugged) -> None:
    terminal, _, url = debugged
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
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


def test_the_import_of_the_app_stops_in_each_process(tmp_path: Path) -> None:
    """The processes of both functions import app.py, and each waits for the terminal."""
    small = SmallProject(tmp_path)
    small.write(f"{HEAD}text = 'at import'\nbreakpoint()\nanswer = text.upper()\n{HANDLERS}")
    command = (*LOCAL, "--no-reload", "--project-dir", str(small.folder), "--debug")
    with Terminal(*command).open() as terminal:
        for _ in range(2):
            terminal.expect(r"-> answer = text.upper\(\)\r\n\(Pdb\) ")
            terminal.type("p text\r")
            terminal.expect(r"'at import'\r\n\(Pdb\) ")
            terminal.type("n\r")  # stepping must not go on in the worker
            terminal.expect(r"\(Pdb\) ")
            terminal.type("c\r")
        terminal.expect("Connect +")
        terminal.type("\x03")
        assert "Traceback" not in terminal.rest()


def test_quitting_at_the_import_ends_the_gateway_in_one_line(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    small.write(f"{HEAD}breakpoint()\nanswer = 1\n{HANDLERS}")
    with Terminal(*LOCAL, "--project-dir", str(small.folder), "--debug").open() as terminal:
        terminal.expect(r"\(Pdb\) ")
        terminal.type("q\r")
        assert "BdbQuit" in terminal.rest()


def test_without_a_debugger_the_remedy_is_named(serve: Serve) -> None:
    running = serve(STOPS.partition("@app.on_sqs")[0])
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
    project: SmallProject, option: list[str], said: str
) -> None:
    if option == ["--debugpy", "5678"] and importlib.util.find_spec("debugpy"):
        pytest.skip("debugpy is installed here")
    done = run(*LOCAL[3:], "--project-dir", project.folder, *option)
    assert done.status == 2
    assert re.search(said, done.err)
    assert "Traceback" not in done.err
