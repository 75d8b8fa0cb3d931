"""The server in front of the embedded DynamoDB, in this process and before another application."""

import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Thread
from typing import Any

import pytest

from decanter.local.dynamodb import Server

# Closing then resets the connection, as the death of its process does with data on the way.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
SIGNATURE = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/dynamodb/aws4_request, Signature=0"


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the signature that the application saw, and the body."""
    start_response("200 OK", [("Content-Length", "0"), ("X-Seen", environ["HTTP_AUTHORIZATION"])])
    return [b"one ", b"two ", environ["wsgi.input"].read()]


def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    raise ValueError("broken")


@contextmanager
def serving(application: Any) -> Iterator[Server]:
    """A server that has finished with every connection when the block ends."""
    server = Server(application, region="us-east-1")
    server.daemon_threads = False
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_region_becomes_one_and_the_body_is_whole() -> None:
    with serving(echo) as server:
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("POST", "/", b"three", {"Authorization": SIGNATURE})
        response = connection.getresponse()
        assert response.read() == b"one two three"
        assert response.headers["X-Seen"] == SIGNATURE.replace("eu-west-1", "us-east-1")
        connection.close()


def test_a_client_that_dies_is_not_reported(capfd: pytest.CaptureFixture[str]) -> None:
    """It dies while its connection is kept open for the next request."""
    with serving(echo) as server:
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("POST", "/", b"", {"Authorization": SIGNATURE})
        connection.getresponse().read()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        connection.close()
    assert capfd.readouterr() == ("", "")


def test_a_fault_of_the_application_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        serving(broken) as server,
        socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert connection.recv(1) == b""
    assert "ValueError: broken" in capfd.readouterr().err
