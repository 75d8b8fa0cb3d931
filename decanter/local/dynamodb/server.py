"""The embedded DynamoDB and SQS: moto in its own process, which ends when the parent ends.

This file is run by path, `python -P server.py REGION [HOST …]`. The process writes its port to
standard output when it listens, `ready` when it answers, and then one JSON object per line. Each
object reports an applied fault, a table that a call did not find, a right that a function used or
lacked, or a note for the developer. From standard input, the process reads faults and roles, one
JSON object per line. The process ends at the end of standard input. If the parent dies, the system
closes the pipe.

The process refuses requests from web pages. These requests always have `Origin`, or an unknown name
in `Host` if the page's own name points at this machine (DNS rebinding).
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
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.util import setup_testing_defaults

Answer = tuple[int, Mapping[str, str], bytes]
"""The status, the headers and the body of an answer."""

Refusal = Callable[[str, Mapping[str, Any]], str | None]
"""Takes an operation and its JSON. Returns AWS's message if the role does not allow the call."""

MAX_BODY_BYTES = 16 * 1024 * 1024
"""The largest request that DynamoDB accepts."""

BODY_SECONDS = 10.0
"""The longest wait for the next piece of a request's body."""

LINGER_SECONDS = 2.0
"""The time during which the server reads and drops the rest of a refused request."""

SHOWN_CHARACTERS = 500
SHOWN_FRAMES = 6
"""The number of stack frames that a traceback shows. Earlier frames belong to the server."""

INTERNAL = "com.amazonaws.dynamodb.v20120810#InternalServerError"
THROTTLED = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
DENIED = "com.amazon.coral.service#AccessDeniedException"
MALFORMED = "com.amazon.coral.service#SerializationException"
EXCEEDED = "The table's provisioned throughput was exceeded: an injected fault."
MISSING = "#ResourceNotFoundException"
UNKNOWN = "com.amazon.coral.service#UnknownOperationException"

REMEDY = "DynamoDB Local can: use it with --dynamodb-endpoint URL"
HINT = (
    "in the embedded DynamoDB: create it with `decanter table create --table NAME --key NAME "
    "--endpoint-url http://127.0.0.1:{port}`, or use another DynamoDB with --dynamodb-endpoint URL"
)
TARGET = re.compile(r"DynamoDB_20120810\.(\w+)")
# moto's error text for an operation that moto does not support.
NO_OPERATION = re.compile(r"The \w+ action has not been implemented")
KEPT_HEADERS = {"content-type", "x-amzn-requestid", "x-amz-crc32"}


def error(status: int, kind: str, message: str) -> Answer:
    """Return an error in DynamoDB's form."""
    body = json.dumps({"__type": kind, "message": message}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.0"}, body


class Moto:
    """moto's DynamoDB as a function.

    moto keeps separate tables for each region that a call's signature names. This class forwards
    each call with the same signature, so all callers see the same tables. This class runs one call
    at a time, because moto's writes are not atomic. A read during a deletion would leave an empty
    item, and all later scans would fail on this item.

    `application` is None until moto is loaded. `hint` follows "There is no table NAME" in the error
    about a missing table.
    """

    def __init__(self, application: Any, region: str, notes: Any, hint: str = "here") -> None:
        self.application = application
        self.notes = notes
        self.on_missing: Callable[[str, list[str]], object] = lambda *_: None
        self._hint = hint
        self._known_missing: set[str] = set()
        self._calling = threading.Lock()
        self._missing_tables = load("local/dynamodb/missing")
        scope = f"local/20000101/{region}/dynamodb/aws4_request"
        self._signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"

    def answer(self, target: str, body: bytes, refusal: Refusal | None = None) -> Answer:
        """Answer a call. `target` is its `X-Amz-Target`, such as `DynamoDB_20120810.PutItem`."""
        if (call := read_object(body)) is None:
            return error(400, MALFORMED, "the request's body is not a JSON object")
        match = TARGET.fullmatch(target)
        if match is None:
            return self._cannot(target, "it supports only DynamoDB_20120810")
        if refusal is not None and (text := refusal(match[1], call)) is not None:
            return error(400, DENIED, text)
        try:
            return self._answer(match[1], body)
        except Exception as failure:  # noqa: BLE001 - moto's; the client must get an answer
            if NO_OPERATION.fullmatch(str(failure)):
                return self._cannot(match[1], "moto does not have this operation")
            return self._failed(match[1], failure)

    def _answer(self, operation: str, body: bytes) -> Answer:
        status, headers, answer = self._call(operation, body)
        if MISSING.encode() in answer and (names := self._missing(operation, json.loads(body))):
            refusal = json.loads(answer)
            shown = " and ".join(map(repr, names))
            refusal["message"] += f". There is no table {shown} {self._hint}"
            answer = json.dumps(refusal).encode()
            headers = {name: value for name, value in headers.items() if name != "x-amz-crc32"}
        return status, headers, answer

    def _missing(self, operation: str, call: Mapping[str, Any]) -> list[str]:
        """Return a call's missing tables. Report each table once, if the call needs its rows."""
        named = self._missing_tables.table_names(call)
        names = [name for name in named if not self._has_table(name)]
        if operation in self._missing_tables.ON_ROWS:
            for name in {*names} - self._known_missing:
                self._known_missing.add(name)
                self.on_missing(name, self._missing_tables.key_of(call, name))
        return names

    def _has_table(self, name: str) -> bool:
        return self._call("DescribeTable", json.dumps({"TableName": name}).encode())[0] == 200

    def _call(self, operation: str, body: bytes) -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            # Without a query string, moto parses the body as a query string. Then a text in an item
            # could select another operation.
            "QUERY_STRING": f"Action={operation}",
            "HTTP_X_AMZ_TARGET": f"DynamoDB_20120810.{operation}",
            "HTTP_AUTHORIZATION": self._signature,
            "CONTENT_TYPE": "application/x-amz-json-1.0",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
        setup_testing_defaults(environ)
        started: list[Any] = []
        with self._calling:
            answered = b"".join(self.application(environ, lambda *head: started.append(head)))
        status, headers = started[0][:2]
        kept = {name: value for name, value in headers if name.lower() in KEPT_HEADERS}
        return int(status.partition(" ")[0]), kept, answered

    def _cannot(self, operation: str, cause: str) -> Answer:
        """Return an error that SDKs do not retry, for a call that moto does not support."""
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
    """A server with a thread for each connection, on a free port of the loopback interface.

    `moto.application` may be None until `serve_forever`. The server also accepts requests whose
    `Host` is one of `allow_hosts`.
    """

    request_queue_size = 128
    body_seconds = BODY_SECONDS

    def __init__(self, application: Any, region: str, allow_hosts: Iterable[str] = ()) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        hint = HINT.format(port=self.server_port)
        notes = load("local/dynamodb/notes").Notes(partial(print, sep="\n", file=sys.stderr))
        self.moto = Moto(application, region, notes, hint)
        self.sqs = load("local/sqs/service").Sqs(
            lambda: load("local/sqs/backend").Moto(region), f"127.0.0.1:{self.server_port}"
        )
        self.faults = load("local/fault_injection").Faults()
        self.on_strike: Callable[[int], object] = lambda _: None
        self.rights: Any = None  # None allows every call
        hosts = load("hosts")
        self._hosts = hosts.Hosts(hosts.LOOPBACK, self.server_port, allow_hosts)
        self._striking = threading.Lock()

    def refusal(self, headers: Any) -> Answer | None:
        """Return an error for a request that an SDK would not send; None for any other request."""
        host = ", ".join(headers.get_all("Host", []))
        if not self._hosts.serve(host):
            return self._denied(host, self._hosts.refusal(host))
        if origin := headers.get("Origin"):
            origin = origin[:SHOWN_CHARACTERS]
            return self._denied(origin, f"a page from {origin} is not allowed to call DynamoDB")
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
        """Report an error, unless the client has disconnected."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Handles HTTP/1.1 requests with keep-alive for moto. Only POST is supported.

    Werkzeug's own server closes the connection after each response. With open connections, a
    PutItem takes a fifth less time, and the calls of eight parallel clients take a third less
    (measured).
    """

    server: Server
    protocol_version = "HTTP/1.1"
    # Send the head and the body of a response together, and without waiting for the client's
    # acknowledgement of earlier data.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer one call."""
        try:
            body = self._read_body()
        except ValueError as malformed:
            self._end(error(400, MALFORMED, str(malformed)))
            return
        if (foreign := self.server.refusal(self.headers)) is not None:
            self._send(*foreign)
            return
        target, rights = self.headers["X-Amz-Target"], self.server.rights
        refusal = rights.rule_for(self.path, self.headers) if rights else None
        if target.startswith("AmazonSQS."):
            self._send(*self.server.sqs.answer(target, body, refusal))
            return
        if (fault := self.server.strike()) is not None and fault.action == "away":
            self.close_connection = True
            return
        if fault is not None and fault.action == "throttle":
            self._send(*error(400, THROTTLED, EXCEEDED))
            return
        if fault is not None:
            time.sleep(fault.milliseconds / 1000)
        self._send(*self.server.moto.answer(target, body, refusal))

    def _read_body(self) -> bytes:
        """Read the body.

        Raises:
            ValueError: the announced length is not acceptable, or the body is shorter.
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
        """Refuse a request that http.server cannot read, or whose method is not supported."""
        self._end(error(code, MALFORMED, message or self.responses[code][0]))

    def _end(self, answer: Answer) -> None:
        """Send the last answer of a connection, and close the connection."""
        self.close_connection = True
        self._send(*answer)
        self.wfile.flush()
        # A close with unread data would reset the connection, and the client would lose the answer.
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


def read_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a text; None if the text is not a JSON object."""
    with suppress(ValueError, RecursionError):
        if isinstance(call := json.loads(body), dict):
            return call
    return None


def load(name: str) -> ModuleType:
    """Load a file of `decanter` by its path, because `decanter` is not on a script's `sys.path`."""
    path = Path(__file__).parents[2] / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"decanter_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Serve until the parent has ended."""
    region, *allow_hosts = sys.argv[1:]
    server = Server(None, region, allow_hosts)
    server.rights = load("local/dynamodb/rights").Rights(load)
    parent = load("local/dynamodb/parent").Parent(sys.stdin.fileno(), server)
    threading.Thread(target=parent.follow, daemon=True).start()
    # The output of all other code goes to standard error.
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    print(server.server_port, file=reports)
    with load("gc_paused").gc_paused():
        module = load("local/dynamodb/application")
        server.moto.application = module.application(region, is_alone=True)
    reporting = threading.Lock()

    def report(**facts: Any) -> None:
        with reporting:
            reports.write(json.dumps(facts) + "\n")

    server.rights.report = lambda facts: report(right=facts)
    server.on_strike = lambda number: report(struck=number)
    server.moto.notes.tell = lambda line, detail: report(note=line, detail=detail)
    server.moto.on_missing = lambda table, key: report(missing=table, key=key)
    print("ready", file=reports)
    server.serve_forever()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # the parent has ended, and nobody reads the reports
        os._exit(0)
