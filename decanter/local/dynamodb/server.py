"""The embedded DynamoDB: moto's, in a process of its own that ends when its parent does.

This file is run by path, `python -P server.py REGION [HOST …]`. On standard output it writes its
port as soon as it listens, `ready` once it answers, and then a JSON object a line: a fault that has
struck, or a note for the developer. From standard input it reads what faults there are, a JSON
object a line, and ends when that ends: an operating system closes a pipe however the other end
died.

Only programs are answered. A web page can send requests here too, but not without `Origin` or, if
it has rebound its own name to this machine, without that name in `Host`.
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
"""How long a client may take to send the body that it has announced."""

LINGER_SECONDS = 2.0
"""How long a client may go on sending after its request was refused."""

MOST_NOTES = 100
SHOWN_CHARACTERS = 500
SHOWN_FRAMES = 6
"""Of a traceback; those before are Flask's."""

INTERNAL = "com.amazonaws.dynamodb.v20120810#InternalServerError"
THROTTLED = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
DENIED = "com.amazon.coral.service#AccessDeniedException"
MALFORMED = "com.amazon.coral.service#SerializationException"
MISSING = "#ResourceNotFoundException"
UNKNOWN = "com.amazon.coral.service#UnknownOperationException"

REMEDY = "a DynamoDB Local can: name it with --dynamodb-endpoint URL"
HINT = (
    "in the embedded DynamoDB: create it at http://127.0.0.1:{port}, with your own script and "
    "AWS_ENDPOINT_URL_DYNAMODB, or name another DynamoDB with --dynamodb-endpoint URL"
)
TARGET = re.compile(r"DynamoDB_20120810\.(\w+)")
# moto's own words for an operation that it does not have.
NO_OPERATION = re.compile(r"The \w+ action has not been implemented")
KEPT_HEADERS = {"content-type", "x-amzn-requestid", "x-amz-crc32"}


def error(status: int, kind: str, message: str) -> Answer:
    """An error as DynamoDB answers it."""
    body = json.dumps({"__type": kind, "message": message}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.0"}, body


class Notes:
    """Passes notes on, each once: a client may repeat its mistake without end.

    Args:
        tell: called with a line, and with what is shown below it, such as a traceback.
    """

    def __init__(self, tell: Callable[[str, str], object]) -> None:
        self.tell = tell
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def once(self, key: str, line: str, detail: str = "") -> None:
        """Pass a note on, unless one with this key was."""
        with self._lock:
            if key not in self._seen and len(self._seen) < MOST_NOTES:
                self._seen.add(key)
                self.tell(line, detail)


class Moto:
    """moto's DynamoDB as a function.

    By itself moto keeps tables by the region that a call is signed for. Here each call is passed
    on with one and the same signature, so there is one set of tables for all.

    Args:
        application: moto's DynamoDB, a WSGI application; None until it is loaded.
        region: the region in the tables' ARNs.
        notes: told which operations moto cannot do.
        hint: what the answer to a call on a missing table adds, after "There is no table NAME".
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
            return self._cannot(target, "only calls of DynamoDB_20120810 are answered")
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
        """Name the tables of a call that are not there."""
        names = [name for name in table_names(call) if not self._has_table(name)]
        return " and ".join(map(repr, names))

    def _has_table(self, name: str) -> bool:
        return self._call("DescribeTable", json.dumps({"TableName": name}).encode())[0] == 200

    def _call(self, operation: str, body: bytes) -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            # Without a query moto reads the body as one: text in an item could name an operation.
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
        """Answer at once: an SDK does not try this error again."""
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
    """A thread a connection, on a free port of the loopback interface.

    Args:
        application: moto's DynamoDB; None until it is loaded: who connects earlier waits.
        region: the one region whose tables there are.
        allow_hosts: the values of `Host` that it answers besides its own.
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
        """Refuse what no SDK sends; None for an SDK's request."""
        host = ", ".join(headers.get_all("Host", []))
        if not self._hosts.serve(host):
            return self._denied(host, self._hosts.refusal(host))
        if origin := headers.get("Origin"):
            origin = origin[:SHOWN_CHARACTERS]
            return self._denied(origin, f"a page of {origin} may not call DynamoDB")
        if not headers.get("X-Amz-Target"):
            return error(400, UNKNOWN, "the request has no X-Amz-Target: only SDKs are answered")
        return None

    def _denied(self, who: str, why: str) -> Answer:
        self.moto.notes.once(who, f"the embedded DynamoDB refuses a request: {why}")
        return error(403, DENIED, why)

    def strike(self) -> Any:
        """The fault that strikes one call, or None."""
        with self._striking:
            active = self.faults.take("dynamodb")
            if active is None:
                return None
            self.on_strike(active.id)
            return active.fault

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what went wrong, unless it is only that a client has gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive in front of moto; of its methods there is POST alone.

    Werkzeug's own server closes the connection after each response. Keeping it open was measured
    to answer a PutItem in about a fifth less time, and eight clients at once in a third less.
    """

    server: Server
    protocol_version = "HTTP/1.1"
    # Head and body of a response leave in one segment, without waiting for an acknowledgement.
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
            text = "More than the provisioned throughput of the table: a fault that was asked for."
            self._send(*error(400, THROTTLED, text))
            return
        if fault is not None:
            time.sleep(fault.milliseconds / 1000)
        self._send(*self.server.moto.answer(self.headers["X-Amz-Target"], body))

    def _read_body(self) -> bytes:
        """Read the body.

        Raises:
            ValueError: it is not as the headers say, or as DynamoDB takes it.
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
        """Refuse what http.server cannot read, or has no method for."""
        self._end(error(code, MALFORMED, message or self.responses[code][0]))

    def _end(self, answer: Answer) -> None:
        """Send the last answer of a connection."""
        self.close_connection = True
        self._send(*answer)
        self.wfile.flush()
        # Closing while data is unread would reset the connection, and the answer be lost.
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
        """Say nothing of the calls."""


def is_object(body: bytes) -> bool:
    """True for the JSON of an object."""
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def table_names(call: Mapping[str, Any]) -> list[str]:
    """Return the tables that a call names, those of its batch or transaction too."""
    actions = [action for each in call.get("TransactItems", ()) for action in each.values()]
    named = [each["TableName"] for each in [call, *actions] if "TableName" in each]
    return sorted({*named, *call.get("RequestItems", ())})


def to_standard_error(line: str, detail: str) -> None:
    """Print a note."""
    print(f"{line}\n{detail}".rstrip(), file=sys.stderr)


def load(name: str) -> ModuleType:
    """Load a file of `decanter` by its path: nothing of ours is on a script's `sys.path`."""
    path = Path(__file__).parents[2] / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"decanter_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def obey_parent(server: Server) -> None:
    """Take faults as they are told; end, whatever this process is doing, when nobody can tell."""
    for line in sys.stdin.buffer:
        server.faults.obey(json.loads(line))
    os._exit(0)


def main() -> None:
    """Serve until the parent has gone."""
    region, *allow_hosts = sys.argv[1:]
    server = Server(None, region, allow_hosts)
    threading.Thread(target=obey_parent, args=(server,), daemon=True).start()
    # What anybody else prints goes where errors go.
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
