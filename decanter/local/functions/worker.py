"""A Lambda execution environment on this machine: one process, one function, one event at a time.

Run by path, `python -P worker.py PROJECT --fd N`; N is a socket to the gateway. Both sides send a
four-byte length and a JSON object. At `load`, it sends the app's declarations. It answers each
`invoke` with one `result` or `error`, and sends each printed line.

With `--forks` it is a fork server, see `forkserver.py`: each of its children goes on from `main` as
if it had been run alone.
"""

import argparse
import base64
import importlib.util
import io
import json
import logging
import os
import queue
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

LENGTH = struct.Struct("!I")


class Channel:
    """Length-prefixed JSON objects over the socket to the gateway."""

    def __init__(self, connection: socket.socket) -> None:
        self._reader = connection.makefile("rb")
        self._socket = connection
        self._sending = threading.Lock()
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._lent: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def send(self, message: dict[str, Any]) -> None:
        """Send one object; from any thread."""
        body = json.dumps(message).encode()
        with self._sending:
            self._socket.sendall(LENGTH.pack(len(body)) + body)

    def receive(self) -> dict[str, Any] | None:
        """The next object; None when the gateway is gone."""
        head = self._reader.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        body = self._reader.read(LENGTH.unpack(head)[0])
        message: dict[str, Any] = json.loads(body)
        return message

    def start_receiving(self) -> None:
        """Queue what the gateway sends; end the process when the gateway goes."""

        def receive() -> None:
            try:
                while (message := self.receive()) is not None:
                    (self._lent if message["type"] == "lent" else self.events).put(message)
            finally:  # also when the gateway died before it had read what was sent: a reset
                os._exit(0)

        threading.Thread(target=receive, daemon=True).start()

    def borrow_terminal(self) -> None:
        """Wait until the gateway lends its terminal."""
        self.send({"type": "borrow"})
        self._lent.get()

    def give_terminal_back(self) -> None:
        """Return the terminal to the gateway."""
        self.send({"type": "returned"})


class LineStream(io.TextIOBase):
    """A standard stream whose lines go to the gateway, which knows whose they are."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pending = ""
        self._writing = threading.RLock()

    @property
    def buffer(self) -> Any:
        """The process's own stream: what is written there reaches the gateway unattributed."""
        assert sys.__stdout__ is not None
        return sys.__stdout__.buffer

    def fileno(self) -> int:
        """The process's own stream, for what needs a file descriptor."""
        descriptor: int = self.buffer.fileno()
        return descriptor

    def writable(self) -> bool:
        """Say that it can be written to: `print` and `logging` ask."""
        return True

    def write(self, text: str) -> int:
        """Send each whole line; keep the rest."""
        with self._writing:
            *lines, self._pending = (self._pending + text).split("\n")
            for line in lines:
                self._channel.send({"type": "log", "line": line})
        return len(text)

    def drain(self) -> None:
        """Send the last line, which has no line end, after a handler returns."""
        if self._pending:
            self.write("\n")


class LambdaContext:
    """The `context` of a handler, with the attributes of Lambda's own for Python.

    Source: AWS Lambda Developer Guide, "Using the Lambda context object to retrieve Python
    function information". Times are milliseconds.
    """

    def __init__(self, invocation: dict[str, Any]) -> None:
        environ = os.environ
        self.aws_request_id: str = invocation["request_id"]
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = "$LATEST"
        self.invoked_function_arn: str = invocation["function_arn"]
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = None
        self._ends = time.monotonic() + invocation["timeout_ms"] / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the function, never below 0."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


def redirect_management_clients(endpoint: str) -> None:
    """Send every @connections call to the local gateway, whatever endpoint its client names.

    Chalice's `app.websocket_api` and many an app give `https://{api}.execute-api…` to the client
    themselves, which wins over AWS_ENDPOINT_URL_…; what is signed later is the new URL.
    """
    from botocore import handlers

    target = urlsplit(endpoint)

    def redirect(request: Any, **_: Any) -> None:
        url = urlsplit(request.url)
        request.url = urlunsplit(url._replace(scheme=target.scheme, netloc=target.netloc))

    handlers.BUILTIN_HANDLERS.append(("before-sign.apigatewaymanagementapi", redirect))


def call_handler(app: Any, message: dict[str, Any]) -> Any:
    """Run a WebSocket handler through Chalice's own wrapper (middleware, normalised result)."""
    context = LambdaContext(message)
    return app.handler_map[message["handler"]](message["event"], context)


def call_http(app: Any, message: dict[str, Any]) -> Any:
    """Answer an HTTP request as `chalice local` does."""
    from chalice.local import LocalGateway, LocalGatewayException

    config: Any = SimpleNamespace(
        lambda_timeout=message["timeout_ms"] / 1000,
        function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        lambda_memory_size=int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")),
    )
    request = message["http"]
    body = base64.b64decode(request["body"]) or None
    try:
        return LocalGateway(app, config).handle_request(
            request["method"], request["path"], request["headers"], body
        )
    except LocalGatewayException as error:
        text = (error.body or b"").decode()
        return {"statusCode": error.CODE, "headers": dict(error.headers), "body": text}


def invoke(app: Any, message: dict[str, Any]) -> dict[str, Any]:
    """One event's outcome: a result that is JSON, or the error as Lambda reports it."""
    os.environ["_X_AMZN_TRACE_ID"] = message.get("trace_id", "")
    try:
        value = (call_http if "http" in message else call_handler)(app, message)
        json.dumps(value)  # Lambda marshals the result itself: what it cannot is an error there
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is its outcome
        trace = own_trace(error)
        return {"type": "error", "error": type(error).__name__, "text": str(error), "trace": trace}
    return {"type": "result", "value": value}


def own_trace(error: BaseException) -> str:
    """The traceback from the first frame that is not this file's."""
    begin = error.__traceback__
    while begin is not None and begin.tb_frame.f_code.co_filename == __file__:
        begin = begin.tb_next
    return "".join(traceback.format_exception(type(error), error, begin))


def serve(app: Any, channel: Channel, out: LineStream, after: Callable[[], None]) -> None:
    """Answer events until the gateway goes; then leave at once, whatever a handler is doing."""
    channel.start_receiving()
    while True:
        outcome = invoke(app, channel.events.get())
        after()
        out.drain()
        channel.send(outcome)


def load_script(path: Path) -> Any:
    """Load a file of Decanter by its path: it is not on the project's `sys.path`."""
    spec = importlib.util.spec_from_file_location(f"decanter_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def configure_logging(out: LineStream) -> None:
    """Give the root logger one handler, as Lambda does before it imports the function."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(message)s"))
    logging.getLogger().addHandler(handler)


def main() -> None:
    """Connect to the gateway, load the app, serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--forks", action="store_true")
    parser.add_argument("--terminal", action="store_true", help="standard input is pdb's")
    parser.add_argument("--debugpy", type=int, metavar="PORT")
    arguments = parser.parse_args()
    # Python compares size and second of a compiled file with its source. Without this, two edits
    # in one second would leave the older code in use after a reload.
    sys.dont_write_bytecode = True
    here = Path(__file__).parent
    inside = load_script(here.parents[1] / "project" / "app_process.py")
    descriptor: int | None = arguments.fd
    if arguments.forks:
        known = frozenset(sys.modules)
        forkserver = load_script(here / "forkserver.py")
        descriptor = forkserver.serve(socket.socket(fileno=descriptor), known)
    if descriptor is not None:
        work(arguments, descriptor, inside)


def choose_debugger(arguments: argparse.Namespace, channel: Channel) -> Callable[[], None]:
    """Prepare for `breakpoint()`; return what to call after each event."""
    if not (arguments.terminal or arguments.debugpy):
        if "PYTHONBREAKPOINT" not in os.environ:
            sys.breakpointhook = refuse_to_stop
        return lambda: None
    debugging = load_script(Path(__file__).with_name("debugging.py"))
    if arguments.terminal:
        debugging.use_terminal(channel.borrow_terminal, channel.give_terminal_back)
    elif arguments.debugpy:
        debugging.use_debugpy(arguments.debugpy)
    stop: Callable[[], None] = debugging.stop_stepping
    return stop


def refuse_to_stop(*_: Any, **__: Any) -> None:
    """Replace `breakpoint()` where there is no debugger.

    Raises:
        RuntimeError: always; the text names the remedy.
    """
    raise RuntimeError(
        "breakpoint() needs a debugger: start the gateway with decanter local --debug"
    )


def work(arguments: argparse.Namespace, descriptor: int, inside: Any) -> None:
    """Be a worker: load the app when the gateway says so, then handle events."""
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - Python's own signature
    channel = Channel(socket.socket(fileno=descriptor))
    out = LineStream(channel)
    sys.stdout = sys.stderr = out
    configure_logging(out)
    if channel.receive() is None:
        return
    after = choose_debugger(arguments, channel)
    project = arguments.project
    inside.enter(project)
    redirect_management_clients(os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"])
    try:
        module, app = inside.load(project)
        channel.send({"type": "ready", "declaration": inside.declaration(module, app)})
    except inside.LoadError as error:
        channel.send({"type": "failed", "declaration": error.report()})
        return
    serve(app, channel, out, after)


if __name__ == "__main__":
    main()
