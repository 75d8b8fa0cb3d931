"""The servers for @connections and DynamoDB on the loopback interface, for tests.

Each server starts at its first use, on a free port. A started server runs until the process ends,
because an app may keep AWS clients with the server's address between tests.
"""

import atexit
import threading
from collections.abc import Callable
from email.message import Message
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from decanter.gateway.management import FORBIDDEN, error, of_a_page
from decanter.gateway.responses import Response
from decanter.hosts import LOOPBACK, Hosts
from decanter.testing.dynamodb import application, moto
from decanter.testing.environ import REGION

Answer = Callable[[str, str, str, bytes], Response | None]
"""Takes the method, path, Authorization header and body of a call.

Returns None if another test client must answer.
"""


class ManagementServer(ThreadingHTTPServer):
    """The server of @connections for all open test clients."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Answer] = []
        self._hosts = Hosts(LOOPBACK, self.server_port)

    @property
    def netloc(self) -> str:
        """The server's host and port."""
        return f"127.0.0.1:{self.server_port}"

    def refusal(self, headers: Message) -> Response | None:
        """Return an error for a request that a web page may have sent, otherwise None."""
        host = ", ".join(headers.get_all("Host", []))
        if not self._hosts.serve(host):
            return error(403, "ForbiddenException", f"Host {host} is not served")
        if origin := headers.get("Origin"):
            return error(403, "ForbiddenException", of_a_page(origin))
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing, because the loss of a connection is not an error of the test."""


class _Handler(BaseHTTPRequestHandler):
    server: ManagementServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_DELETE(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        authorization = self.headers.get("Authorization", "")
        path = self.path.partition("?")[0]
        response = self.server.refusal(self.headers)
        if response is None:
            call = (self.command, path, authorization, body)
            answers = (answer(*call) for answer in reversed(self.server.answers))
            response = next((each for each in answers if each is not None), FORBIDDEN)
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Do not log calls."""


@cache
def management_server() -> ManagementServer:
    """Return the server of @connections in this process. Start it if necessary."""
    server = ManagementServer()
    _serve(server)
    return server


@cache
def dynamodb_server() -> Any:
    """Return the server of DynamoDB in this process. Start it if necessary."""
    from decanter.local.dynamodb.server import Server
    from decanter.testing.running import OfRunning

    server = Server(application(), REGION)
    server.moto = moto()
    server.rights = OfRunning()
    server.daemon_threads = True
    _serve(server)
    return server


def dynamodb_netloc() -> str:
    """Return the host and port of the DynamoDB server. Botocore's calls do not use the server."""
    return f"127.0.0.1:{dynamodb_server().server_port}"


def _serve(server: ThreadingHTTPServer) -> None:
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    ).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    atexit.register(stop)
