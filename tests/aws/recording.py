"""A DynamoDB endpoint that forwards calls to another and records them."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Recording:
    """The recorded calls, as IAM actions by access key.

    Attributes:
        endpoint: the URL to call.
        actions: the calls so far.
    """

    endpoint: str = ""
    actions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


@contextmanager
def recorded(target: str) -> Iterator[Recording]:
    """Serve until the block ends.

    Args:
        target: the endpoint that answers.
    """
    recording = Recording()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            access_key = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
            action = self.headers["X-Amz-Target"].partition(".")[2]
            recording.actions[access_key].add(f"dynamodb:{action}")
            connection = HTTPConnection(urlsplit(target).netloc, timeout=20)
            headers = {name: self.headers[name] for name in ("X-Amz-Target", "Content-Type")}
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recording.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield recording
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
