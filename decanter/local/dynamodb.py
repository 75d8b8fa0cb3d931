"""The embedded DynamoDB: moto's, in a process of its own that ends when its parent does.

This file is run by path, `python -P dynamodb.py REGION`. On standard output it writes its port as
soon as it listens, `ready` once it answers, and then the number of each fault that strikes. From
standard input it reads what faults there are, a JSON object a line, and ends when that ends: an
operating system closes a pipe however the other end died.
"""

import importlib.util
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

THROTTLED = {
    "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "message": "More than the provisioned throughput of the table: a fault that was asked for.",
}
_REGION = re.compile(r"(Credential=[^/]+/[^/]+)/[^/]+/")


class Server(ThreadingHTTPServer):
    """A thread a connection, on a free port of the loopback interface.

    Args:
        application: moto's DynamoDB, a WSGI application; None until it is loaded: who connects
            earlier waits.
        region: the one region whose tables there are.
    """

    request_queue_size = 128

    def __init__(self, application: Any, region: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.application = application
        self.region = region
        self.faults = load_faults().Faults()
        self.on_strike: Callable[[int], object] = lambda _: None
        self._striking = threading.Lock()

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
    """HTTP/1.1 with keep-alive in front of the application.

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
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.strike()
        if fault is not None and fault.action == "away":
            self.close_connection = True
            return
        if fault is not None and fault.action == "throttle":
            kind = {"Content-Type": "application/x-amz-json-1.0"}
            self._send(400, "Bad Request", kind, json.dumps(THROTTLED).encode())
            return
        if fault is not None:
            time.sleep(fault.milliseconds / 1000)
        self._apply(body)

    def _apply(self, body: bytes) -> None:
        from werkzeug.test import EnvironBuilder, run_wsgi_app  # with moto, after the port is told

        headers = [(name, self._signed_for_region(value)) for name, value in self.headers.items()]
        environ = EnvironBuilder(method="POST", path="/", headers=headers, data=body).get_environ()
        chunks, status, answered = run_wsgi_app(self.server.application, environ, buffered=True)
        code, _, reason = status.partition(" ")
        self._send(int(code), reason, dict(answered.items()), b"".join(chunks))

    def _send(self, code: int, reason: str, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(code, reason)
        for name, value in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _signed_for_region(self, header: str) -> str:
        """Rewrite a signature's region: moto keeps tables by it, here there is one for all."""
        return _REGION.sub(rf"\1/{self.server.region}/", header)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing of the calls."""


def load_faults() -> ModuleType:
    """Load `faults.py`, by its path: nothing of ours is on this process's `sys.path`."""
    spec = importlib.util.spec_from_file_location(
        "decanter_faults", Path(__file__).with_name("faults.py")
    )
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
    server = Server(None, region=sys.argv[1])
    threading.Thread(target=obey_parent, args=(server,), daemon=True).start()
    # What anybody else prints goes where errors go.
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    print(server.server_port, file=reports)
    from moto.moto_server.werkzeug_app import create_backend_app  # takes a second or two

    server.application = create_backend_app("dynamodb")
    server.on_strike = lambda number: print(number, file=reports)
    print("ready", file=reports)
    server.serve_forever()


if __name__ == "__main__":
    main()
