"""@connections on a real loopback socket, with a test's answers for each connection."""

import json
import re
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote

ERRORS = {
    400: "BadRequestException",
    403: "ForbiddenException",
    410: "GoneException",
    413: "PayloadTooLargeException",
    429: "LimitExceededException",
    500: "InternalServerErrorException",
    503: "ServiceUnavailableException",
}
RESET = -1
HANG = -2


class Reply(NamedTuple):
    """An answer of some server, byte for byte."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


Answer = int | Reply


class Management:
    """Records requests, and gives scripted answers.

    A script is the list of answers to one connection, the last one repeated: HTTP statuses,
    answered as API Gateway does, replies of another server, `RESET` (the connection is reset) or
    `HANG` (no answer until the test ends). Nothing is answered until `together` requests have
    arrived.
    """

    def __init__(self) -> None:
        self.scripts: dict[str, list[Answer]] = {}
        self.everyone: list[Answer] = [200]
        self.received: dict[str, list[bytes]] = defaultdict(list)
        self.methods: Counter[str] = Counter()
        self.unsigned = 0
        self.at_once: list[int] = []
        self.together = 1
        self.enough = threading.Event()
        self.over = threading.Event()
        self.endpoint = ""
        self._lock = threading.Lock()
        self._now = 0

    def script(self, connection_id: str, *answers: Answer) -> None:
        self.scripts[connection_id] = list(answers)

    def attempts(self, connection_id: str) -> int:
        return len(self.received[connection_id])

    @contextmanager
    def request(
        self, method: str, connection_id: str, body: bytes, *, signed: bool
    ) -> Iterator[Answer]:
        """Record a request; yield its answer."""
        with self._lock:
            self.received[connection_id].append(body)
            self.methods[method] += 1
            self.unsigned += not signed
            self._now += 1
            self.at_once.append(self._now)
            if self._now >= self.together:
                self.enough.set()
            script = self.scripts.get(connection_id, self.everyone)
            answer = script.pop(0) if len(script) > 1 else script[0]
        try:
            yield answer
        finally:
            with self._lock:
                self._now -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    management: Management

    def do_POST(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        moment = "2023-11-14T22:13:20Z"
        identity = {"sourceIp": "127.0.0.1", "userAgent": "test"}
        info = {"connectedAt": moment, "identity": identity, "lastActiveAt": moment}
        self._answer(json.dumps(info).encode())

    def do_DELETE(self) -> None:
        self._answer(b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        return

    def _answer(self, success: bytes) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match = re.fullmatch("/v1/@connections/(.+)", unquote(self.path))
        signed = "Signature=" in self.headers.get("Authorization", "")
        connection_id = match[1] if match else f"unexpected path {self.path}"
        request = self.management.request(self.command, connection_id, body, signed=signed)
        with request as answer:
            self.management.enough.wait(timeout=30)
            if answer == HANG:
                self.management.over.wait(timeout=30)
        if answer not in (RESET, HANG):
            self._send(answer if isinstance(answer, Reply) else _reply(answer, success))
            return
        if answer == RESET:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for header in reply.headers:
            self.send_header(*header)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)


def _reply(status: int, success: bytes) -> Reply:
    """Return API Gateway's answer with this status."""
    name = ERRORS.get(status)
    if name is None:
        return Reply(status, success)
    return Reply(status, json.dumps({"message": name}).encode(), (("x-amzn-ErrorType", name),))


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors: in some tests a client stops waiting."""


@contextmanager
def run_management() -> Iterator[Management]:
    management = Management()
    handler = type("Handler", (_Handler,), {"management": management})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        management.endpoint = f"http://127.0.0.1:{server.server_address[1]}/v1"
        try:
            yield management
        finally:
            management.over.set()
            server.shutdown()
            thread.join()
