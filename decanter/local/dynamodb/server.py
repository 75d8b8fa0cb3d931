"""The embedded DynamoDB: moto's, in a process of its own that ends when its parent ends.

This file is run by path, `python -P server.py REGION [HOST …]`. To standard output it writes its
port as soon as it listens, `ready` once it answers, and then a JSON object a line: a fault that was
applied, or a note for the developer. From standard input it reads the faults, a JSON object a line.
It ends at the end of standard input: the system closes the pipe however the parent ended.

Only programs are answered. A web page can send requests here too, but always with `Origin` or, if
it has rebound its own name to this machine, with that name in `Host`.
"""

import importlib.util
import json
import os
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.util import setup_testing_defaults

Answer = tuple[int, Mapping[str, str], bytes]
"""An answer's status, headers and body."""

MAX_BODY_BYTES = 16 * 1024 * 1024
"""The largest request that DynamoDB takes."""

BODY_SECONDS = 10.0
"""The limit for a client to send the body that it has announced, in seconds."""

LINGER_SECONDS = 2.0
"""The limit for a client to continue sending after its request was refused, in seconds."""

MOST_NOTES = 100
SHOWN_CHARACTERS = 500
SHOWN_FRAMES = 6
"""The frames of a traceback that are shown; earlier ones are Flask's."""

INTERNAL = "com.amazonaws.dynamodb.v20120810#InternalServerError"
THROTTLED = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
DENIED = "com.amazon.coral.service#AccessDeniedException"
MALFORMED = "com.amazon.coral.service#SerializationException"
MISSING = "#ResourceNotFoundException"
UNKNOWN = "com.amazon.coral.service#UnknownOperationException"

REMEDY = "DynamoDB Local can: use it with --dynamodb-endpoint URL"
HINT = (
    "in the embedded DynamoDB: create it at http://127.0.0.1:{port}, with your own script and "
    "AWS_ENDPOINT_URL_DYNAMODB, or use another DynamoDB with --dynamodb-endpoint URL"
)
TARGET = re.compile(r"DynamoDB_20120810\.(\w+)")
# moto's error text for an operation that it does not have.
NO_OPERATION = re.compile(r"The \w+ action has not been implemented")
KEPT_HEADERS = {"content-type", "x-amzn-requestid", "x-amz-crc32"}


def error(status: int, kind: str, message: str) -> Answer:
    """Return an error in DynamoDB's form."""
    body = json.dumps({"__type": kind, "message": message}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.0"}, body


class Notes:
    """Forwards notes, each once: a client may repeat its mistake many times.

    Args:
        tell: called with a line, and with details below it, such as a traceback.
    """

    def __init__(self, tell: Callable[[str, str], object]) -> None:
        self.tell = tell
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def once(self, key: str, line: str, detail: str = "") -> None:
        """Forward a note, unless one with this key was forwarded before."""
        with self._lock:
            if key not in self._seen and len(self._seen) < MOST_NOTES:
                self._seen.add(key)
                self.tell(line, detail)


class Moto:
    """moto's DynamoDB as a function.

    moto keeps tables by the region that a call is signed for. Here each call is forwarded with the
    same signature, so that there is one set of tables for all.

    Args:
        application: moto's DynamoDB, a WSGI application; None until it is loaded.
        region: the region in the tables' ARNs.
        notes: called with the operations that moto does not support.
        hint: the end of the error about a missing table, after "There is no table NAME".
    """

    def __init__(self, application: Any, region: str, notes: Notes, hint: str = "here") -> None:
        self.application = application
        self.notes = notes
        self._hint = hint
        scope = f"local/20000101/{region}/dynamodb/aws4_request"
        self._signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"

    def answer(self, target: str, body: bytes) -> Answer:
        """Answer a call.

        Args:
            target: its `X-Amz-Target`, as `DynamoDB_20120810.PutItem`.
            body: its JSON.
        """
        if not is_object(body):
            return error(400, MALFORMED, "the request's body is not a JSON object")
        match = TARGET.fullmatch(target)
        if match is None:
            return self._cannot(target, "it supports only DynamoDB_20120810")
        try:
            return self._answer(match[1], body)
        except Exception as failure:  # noqa: BLE001 - moto's; the client must get an answer
            if NO_OPERATION.fullmatch(str(failure)):
                return self._cannot(match[1], "moto does not have this operation")
            return self._failed(match[1], failure)

    def _answer(self, operation: str, body: bytes) -> Answer:
        status, headers, answer = self._call(operation, body)
        if MISSING.encode() in answer and (names := self._missing(json.loads(body))):
            refusal = json.loads(answer)
            refusal["message"] += f". There is no table {names} {self._hint}"
            answer = json.dumps(refusal).encode()
            headers = {name: value for name, value in headers.items() if name != "x-amz-crc32"}
        return status, headers, answer

    def _missing(self, call: Mapping[str, Any]) -> str:
        """Return the missing tables of a call."""
        names = [name for name in table_names(call) if not self._has_table(name)]
        return " and ".join(map(repr, names))

    def _has_table(self, name: str) -> bool:
        return self._call("DescribeTable", json.dumps({"TableName": name}).encode())[0] == 200

    def _call(self, operation: str, body: bytes) -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            # Without a query string, moto reads the body as one: text in an item could name an
            # operation.
            "QUERY_STRING": f"Action={operation}",
            "HTTP_X_AMZ_TARGET": f"DynamoDB_20120810.{operation}",
            "HTTP_AUTHORIZATION": self._signature,
            "CONTENT_TYPE": "application/x-amz-json-1.0",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
        setup_testing_defaults(environ)
        started: list[tuple[str, list[tuple[str, str]]]] = []
        chunks = self.application(
            environ, lambda status, headers, *_: started.append((status, headers))
        )
        answered = b"".join(chunks)
        status, headers = started[0]
        kept = {name: value for name, value in headers if name.lower() in KEPT_HEADERS}
        return int(status.partition(" ")[0]), kept, answered

    def _cannot(self, operation: str, cause: str) -> Answer:
        """Answer at once, with an error that SDKs do not retry."""
        line = f"the embedded DynamoDB cannot do {operation[:SHOWN_CHARACTERS]}: {cause}; {REMEDY}"
        self.notes.once(operation, line)
        return error(400, UNKNOWN, line)

    def _failed(self, operation: str, failure: Exception) -> Answer:
        cause = " ".join(f"{type(failure).__name__}: {failure}".split())[:SHOWN_CHARACTERS]
        line = f"the embedded DynamoDB cannot do {operation}: {cause}; {REMEDY}"
        self.notes.once(
            operation, line, "".join(traceback.format_exception(failure, limit=-SHOWN_FRAMES))
        )
        return error(500, INTERNAL, line)


class Server(ThreadingHTTPServer):
    """A thread for each connection, on a free port of the loopback interface.

    Args:
        application: moto's DynamoDB; None until it is loaded: earlier callers wait.
        region: the region of the tables.
        allow_hosts: the values of `Host` that it accepts besides its own.
    """

    request_queue_size = 128
    body_seconds = BODY_SECONDS

    def __init__(self, application: Any, region: str, allow_hosts: Iterable[str] = ()) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        hint = HINT.format(port=self.server_port)
        self.moto = Moto(application, region, Notes(to_standard_error), hint)
        self.faults = load("local/fault_injection").Faults()
        self.on_strike: Callable[[int], object] = lambda _: None
        hosts = load("hosts")
        self._hosts = hosts.Hosts(hosts.LOOPBACK, self.server_port, allow_hosts)
        self._striking = threading.Lock()

    def refusal(self, headers: Any) -> Answer | None:
        """Refuse a request that no SDK sends; None for an SDK's request."""
        host = ", ".join(headers.get_all("Host", []))
        if not self._hosts.serve(host):
            return self._denied(host, self._hosts.refusal(host))
        if origin := headers.get("Origin"):
            origin = origin[:SHOWN_CHARACTERS]
            return self._denied(origin, f"a page from {origin} may not call DynamoDB")
        if not headers.get("X-Amz-Target"):
            return error(
                400, UNKNOWN, "the request has no X-Amz-Target: only requests of SDKs are accepted"
            )
        return None

    def _denied(self, who: str, why: str) -> Answer:
        self.moto.notes.once(who, f"the embedded DynamoDB refused a request: {why}")
        return error(403, DENIED, why)

    def strike(self) -> Any:
        """Return the fault that applies to one call, or None."""
        with self._striking:
            active = self.faults.take("dynamodb")
            if active is None:
                return None
            self.on_strike(active.id)
            return active.fault

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error, unless the client has just disconnected."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive in front of moto, only for POST.

    Werkzeug's own server closes the connection after each response. With open connections, a
    PutItem took about a fifth less time, and eight clients at once a third less, as measured.
    """

    server: Server
    protocol_version = "HTTP/1.1"
    # Send head and body of a response in one segment, without waiting for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer one call."""
        try:
            body = self._read_body()
        except ValueError as malformed:
            self._end(error(400, MALFORMED, str(malformed)))
            return
        refusal = self.server.refusal(self.headers)
        if refusal is not None:
            self._send(*refusal)
            return
        fault = self.server.strike()
        if fault is not None and fault.action == "away":
            self.close_connection = True
            return
        if fault is not None and fault.action == "throttle":
            text = "The table's provisioned throughput was exceeded: an injected fault."
            self._send(*error(400, THROTTLED, text))
            return
        if fault is not None:
            time.sleep(fault.milliseconds / 1000)
        self._send(*self.server.moto.answer(self.headers["X-Amz-Target"], body))

    def _read_body(self) -> bytes:
        """Read the body.

        Raises:
            ValueError: it does not match the headers, or DynamoDB does not accept it.
        """
        if "Transfer-Encoding" in self.headers:
            raise ValueError("a request needs a Content-Length, not a Transfer-Encoding")
        announced = ", ".join(self.headers.get_all("Content-Length", ["0"]))
        if not re.fullmatch(r"[0-9]{1,15}", announced):
            raise ValueError("Content-Length is not one number")
        length = int(announced)
        if length > MAX_BODY_BYTES:
            raise ValueError(f"the request's body is larger than {MAX_BODY_BYTES} bytes")
        self.connection.settimeout(self.server.body_seconds)
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            body = b""
        self.connection.settimeout(None)
        if len(body) < length:
            raise ValueError("the request's body is shorter than its Content-Length")
        return body

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that http.server cannot read, or whose method it does not have."""
        self._end(error(code, MALFORMED, message or self.responses[code][0]))

    def _end(self, answer: Answer) -> None:
        """Send the last answer of a connection."""
        self.close_connection = True
        self._send(*answer)
        self.wfile.flush()
        # Closing with unread data would reset the connection, and the answer would be lost.
        until = time.monotonic() + LINGER_SECONDS
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            while self.connection.recv(1 << 20) and time.monotonic() < until:
                pass

    def _send(self, code: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response_only(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Print nothing about calls."""


def is_object(body: bytes) -> bool:
    """True for the JSON of an object."""
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def table_names(call: Mapping[str, Any]) -> list[str]:
    """Return the tables that a call names, including its batch or transaction."""
    actions = [action for each in call.get("TransactItems", ()) for action in each.values()]
    named = [each["TableName"] for each in [call, *actions] if "TableName" in each]
    return sorted({*named, *call.get("RequestItems", ())})


def to_standard_error(line: str, detail: str) -> None:
    """Print a note."""
    print(f"{line}\n{detail}".rstrip(), file=sys.stderr)


def load(name: str) -> ModuleType:
    """Load a file of `decanter` by its path: it is not on a script's `sys.path`."""
    path = Path(__file__).parents[2] / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"decanter_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def obey_parent(server: Server) -> None:
    """Read faults from the parent. End the process at once when the parent has gone."""
    for line in sys.stdin.buffer:
        server.faults.obey(json.loads(line))
    os._exit(0)


def main() -> None:
    """Serve until the parent has gone."""
    region, *allow_hosts = sys.argv[1:]
    server = Server(None, region, allow_hosts)
    threading.Thread(target=obey_parent, args=(server,), daemon=True).start()
    # Other code's output goes to standard error.
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    print(server.server_port, file=reports)
    from moto.moto_server.werkzeug_app import create_backend_app  # takes a second or two

    server.moto.application = create_backend_app("dynamodb")
    reporting = threading.Lock()

    def report(**facts: Any) -> None:
        with reporting:
            reports.write(json.dumps(facts) + "\n")

    server.on_strike = lambda number: report(struck=number)
    server.moto.notes.tell = lambda line, detail: report(note=line, detail=detail)
    print("ready", file=reports)
    server.serve_forever()


if __name__ == "__main__":
    main()
