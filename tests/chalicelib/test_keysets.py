"""A key set, read over HTTP; what is made of it is in test_tokens."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from chalicelib.keysets import fetch_json


class _Issuer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"keys": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        return


def test_a_url_is_read_as_json() -> None:
    with HTTPServer(("127.0.0.1", 0), _Issuer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert fetch_json(f"http://127.0.0.1:{server.server_port}/jwks.json") == {"keys": []}
        thread.join()
