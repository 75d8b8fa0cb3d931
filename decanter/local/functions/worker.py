"""A Lambda execution environment on this machine: one process, one function, one event at a time.

This file is run by path, `python -P worker.py PROJECT --fd N`, where N is a socket to the gateway.
Each message is a four-byte length and a JSON object. The worker answers `load` with the app's
declarations, if the gateway wants them, or a failure, and each `invoke` with one `result` or
`error`. The worker also sends each line that the app prints.

With `--forks`, the process is a fork server (see `forkserver.py`). Each child of the fork server
continues in `main` like a spawned worker.
"""

from __future__ import annotations

import argparse
import base64
import importlib
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
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

LENGTH = struct.Struct("!I")


class Channel:
    """Sends and receives length-prefixed JSON objects over the socket to the gateway."""

    def __init__(self, connection: socket.socket) -> None:
        self._reader = connection.makefile("rb")
        self._socket = connection
        self._sending = threading.Lock()
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._lent: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._is_receiving = False

    def send(self, message: dict[str, Any]) -> None:
        """Send one object. Any thread may call this method."""
        body = json.dumps(message).encode()
        with self._sending:
            self._socket.sendall(LENGTH.pack(len(body)) + body)

    def receive(self) -> dict[str, Any] | None:
        """Return the next object; None if the gateway has ended."""
        head = self._reader.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        body = self._reader.read(LENGTH.unpack(head)[0])
        message: dict[str, Any] = json.loads(body)
        return message

    def start_receiving(self) -> None:
        """Queue the gateway's messages. End the process when the gateway has ended."""
        if self._is_receiving:
            return
        self._is_receiving = True

        def receive() -> None:
            try:
                while (message := self.receive()) is not None:
                    if message["type"] == "environment":  # sent before the first event
                        os.environ.update(message["variables"])
                        continue
                    (self._lent if message["type"] == "lent" else self.events).put(message)
            finally:  # even after a reset: the gateway died with unread data
                os._exit(0)

        threading.Thread(target=receive, daemon=True).start()

    def borrow_terminal(self) -> None:
        """Wait until the gateway lends the terminal."""
        self.start_receiving()  # `serve` does so only after the app's import
        self.send({"type": "borrow"})
        self._lent.get()

    def give_terminal_back(self) -> None:
        """Return the terminal to the gateway."""
        self.send({"type": "returned"})


class LineStream(io.TextIOBase):
    """A standard stream that sends lines to the gateway. The gateway adds the request id."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pending: list[str] = []  # joined once, because a long line has many pieces
        self._writing = threading.RLock()

    @property
    def buffer(self) -> Any:
        """The real stream of the process, which bypasses this object. The gateway reads both."""
        assert sys.__stdout__ is not None
        return sys.__stdout__.buffer

    def fileno(self) -> int:
        """Return the descriptor of the real stream of the process."""
        descriptor: int = self.buffer.fileno()
        return descriptor

    def reconfigure(self, **_: Any) -> None:
        """Accept the settings that a standard stream accepts. Complete lines are not buffered."""

    def writable(self) -> bool:
        """Return True, because the stream accepts text."""
        return True

    def write(self, text: str) -> int:
        """Send each complete line, and keep the rest until its line ends."""
        with self._writing:
            *ends, rest = text.split("\n")
            for end in ends:
                self._channel.send({"type": "log", "line": "".join([*self._pending, end])})
                self._pending = []
            self._pending.append(rest)
        return len(text)

    def drain(self) -> None:
        """Send the unfinished line after a handler has ended."""
        if any(self._pending):
            self.write("\n")


class LambdaContext:
    """The `context` of a handler, with the attributes of Lambda's context for Python.

    Source: AWS Lambda Developer Guide, "Using the Lambda context object to retrieve Python
    function information".
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
        """Return the milliseconds until Lambda ends the function, never below 0."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


class Loaded:
    """The project's app in this process.

    Attributes:
        app: the Chalice object; None if the function belongs to a Blueprint in another module.
        find: returns the object that a handler string names, like Lambda.
        not_found: the class of the error that `find` raises.
    """

    def __init__(self, inside: Any, module: Any, app: Any) -> None:
        self.app = app
        self.find: Callable[[str], Any] = lambda name: inside.handlers.find(name, module)
        self.not_found: type[Exception] = inside.handlers.HandlerNotFound


def call_handler(loaded: Loaded, message: dict[str, Any]) -> Any:
    """Run the object that the handler string names, like Lambda, so all its decorators apply."""
    return loaded.find(message["handler"])(message["event"], LambdaContext(message))


def call_http(loaded: Loaded, message: dict[str, Any]) -> Any:
    """Answer an HTTP request like `chalice local`, but refuse unsigned requests to IAM routes."""
    from chalice.local import LocalGateway, LocalGatewayException

    iam = load_script(Path(__file__).with_name("iam_routes.py"))
    config: Any = SimpleNamespace(
        lambda_timeout=message["timeout_ms"] / 1000,
        function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        lambda_memory_size=os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    )
    request = message["http"]
    asked = (request["method"], request["path"], request["headers"])
    if request["authorizers"] and iam.is_refused(loaded.app, *asked):
        return {"statusCode": iam.STATUS, "headers": iam.HEADERS, "body": iam.BODY}
    body = base64.b64decode(request["body"]) or None
    try:
        with iam.quiet():
            return LocalGateway(loaded.app, config).handle_request(*asked, body)
    except LocalGatewayException as error:
        text = (error.body or b"").decode()
        return {"statusCode": error.CODE, "headers": dict(error.headers), "body": text}


def invoke(loaded: Loaded, message: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome of an event, which is the result as JSON or the error in Lambda's form."""
    os.environ["_X_AMZN_TRACE_ID"] = message.get("trace_id", "")
    try:
        value = (call_http if "http" in message else call_handler)(loaded, message)
        json.dumps(value)  # like on Lambda, a result that is not JSON is an error
    except loaded.not_found as error:
        kind, text = "Runtime.HandlerNotFound", str(error)
        return {"type": "error", "error": kind, "text": text, "trace": f"{kind}: {text}"}
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is its outcome
        trace = own_trace(error)
        return {"type": "error", "error": type(error).__name__, "text": str(error), "trace": trace}
    return {"type": "result", "value": value}


def own_trace(error: BaseException) -> str:
    """Return the traceback without this file's frames. Blocked calls keep only the app's frames."""
    begin = error.__traceback__
    while begin is not None and begin.tb_frame.f_code.co_filename == __file__:
        begin = begin.tb_next
    if not getattr(error, "is_blocked", False):
        return "".join(traceback.format_exception(type(error), error, begin))
    own = [f for f in traceback.extract_tb(begin) if f.filename.startswith(f"{Path.cwd()}/")]
    return "".join(traceback.format_list(own) + traceback.format_exception_only(type(error), error))


def serve(loaded: Loaded, channel: Channel, out: LineStream, after: Callable[[], None]) -> None:
    """Run events until the gateway has ended. Then the process exits, even if a handler runs."""
    channel.start_receiving()
    while True:
        outcome = invoke(loaded, channel.events.get())
        after()
        out.drain()
        channel.send(outcome)


@cache
def load_script(path: Path) -> Any:
    """Load a file of Decanter by its path, because Decanter is not on the project's `sys.path`."""
    spec = importlib.util.spec_from_file_location(f"decanter_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def configure_logging(out: LineStream) -> None:
    """Give the root logger one handler before the app is imported, like Lambda."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(message)s"))
    logging.getLogger().addHandler(handler)


def main() -> None:
    """Connect to the gateway, load the app, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--forks", action="store_true")
    parser.add_argument("--terminal", action="store_true", help="standard input is pdb's")
    parser.add_argument("--debugpy", type=int, metavar="PORT")
    arguments = parser.parse_args()
    # Python treats a compiled file as current if its source has the same size and the same time of
    # change, in whole seconds. Two edits within a second could leave the older code in use.
    sys.dont_write_bytecode = True
    here = Path(__file__).parent
    if not getattr(sys.flags, "safe_path", False):  # before Python 3.11 there is no -P
        del sys.path[0]
    inside = load_script(here.parents[1] / "project" / "app_process.py")
    hosts = load_script(here.parents[1] / "aws_hosts.py")
    outgoing = load_script(here / "outgoing.py")
    descriptor: int | None = arguments.fd
    if arguments.forks:
        known = frozenset(sys.modules)
        forkserver = load_script(here / "forkserver.py")
        descriptor = forkserver.serve(
            socket.socket(fileno=descriptor), known, inside.reads.recorded_reads
        )
    if descriptor is not None:
        work(arguments, descriptor, inside, partial(outgoing.Outgoing, hosts))


def choose_debugger(arguments: argparse.Namespace, channel: Channel) -> Callable[[], None]:
    """Prepare for `breakpoint()`. Return the function that must be called after each event."""
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
    """Replace `breakpoint()` if there is no debugger. Raise RuntimeError with the remedy."""
    raise RuntimeError(
        "breakpoint() needs a debugger: start the gateway with decanter local --debug"
    )


def work(arguments: argparse.Namespace, descriptor: int, inside: Any, outgoing: Any) -> None:
    """Wait for the gateway's `load`, load the app, then handle events."""
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - Python's own signature
    channel = Channel(socket.socket(fileno=descriptor))
    out = LineStream(channel)
    sys.stdout = sys.stderr = out
    configure_logging(out)
    asked = channel.receive()
    if asked is None:
        return
    after = choose_debugger(arguments, channel)
    project = arguments.project
    inside.enter(project)
    outgoing(has_keys=asked["has_keys"]).keep_here()
    module, app, declared = None, None, None
    try:
        if asked["module"] == "app":
            module, app = inside.load(project)
            declared = inside.declaration(module, app) if asked["declare"] else None
        else:  # the module of a Blueprint; if its import fails, each event fails, like on Lambda
            with suppress(Exception):
                importlib.import_module(asked["module"])
    except inside.LoadError as error:
        channel.send({"type": "failed", "declaration": error.report()})
        return
    after()
    channel.send({"type": "ready", "declaration": declared})
    serve(Loaded(inside, module, app), channel, out, after)


if __name__ == "__main__":
    main()
