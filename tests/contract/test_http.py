"""HTTP as peers send it: in pieces, pipelined, malformed, slowly, without reading."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.clients import SIGNED, call, connection_id, handshake, receive
from tests.support.gateways import SECONDS, Running

INFO = "GET /_gateway/info HTTP/1.1\r\nHost: {host}\r\n\r\n"


class Raw:
    """A TCP connection, and the responses read from it."""

    def __init__(self, probe: Running) -> None:
        parts = urlsplit(probe.url)
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port), SECONDS)
        self.stream = self.socket.makefile("rb")

    def send(self, text: str) -> None:
        self.socket.sendall(text.format(host=self.host).encode("latin-1"))

    def status(self) -> int:
        """Return the next response's status; its body is read too."""
        status = int(self.stream.readline().split()[1])
        length = 0
        while (line := self.stream.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.body = self.stream.read(length)
        return status

    def has_ended(self) -> bool:
        return self.stream.read(1) == b""


@pytest.fixture(name="raw")
def _raw(probe: Running) -> Iterator[Raw]:
    raw = Raw(probe)
    yield raw
    raw.stream.close()
    raw.socket.close()


def test_pipelined_requests_are_answered_in_order(raw: Raw) -> None:
    missing = "GET /_gateway/none HTTP/1.1\r\nHost: {host}\r\n\r\n"
    raw.send(INFO + missing + INFO)
    assert [raw.status(), raw.status(), raw.status()] == [200, 404, 200]


def test_a_request_may_come_byte_by_byte(raw: Raw) -> None:
    for byte in INFO.format(host=raw.host):
        raw.socket.sendall(byte.encode())
    assert raw.status() == 200


def test_head_has_no_body_and_the_connection_stays_open(raw: Raw) -> None:
    raw.send(INFO.replace("GET", "HEAD"))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += raw.stream.read(1)
    raw.send(INFO)
    assert raw.status() == 200


def test_a_chunked_post_reaches_the_client(probe: Running, raw: Raw) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        raw.send(
            f"POST /api/@connections/{mine} HTTP/1.1\r\nHost: {{host}}\r\n"
            f"Authorization: {SIGNED['Authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
        )
        assert raw.status() == 200
        assert receive(client) == "abcdefg"


def test_expect_100_continue_is_answered(raw: Raw) -> None:
    raw.send(
        "POST /_gateway/faults HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert raw.status() == 100
    raw.send("[]")
    assert (raw.status(), json.loads(raw.body)["message"]) == (400, "a fault is an object, not []")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET http://[ HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: x\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999\r\n\r\nx", 413),
        ("PUT / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999\r\nExpect: x\r\n\r\n", 413),
        ("GET http://evil.example/_gateway/info HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("GET /\x00 HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("NONSENSE\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),  # TLS
        ("GET /" + "x" * 5000 + " HTTP/1.1\r\nHost: {host}\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nX: " + "x" * 20000 + "\r\n\r\n", 431),
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_ended(
    probe: Running, raw: Raw, request_text: str, status: int
) -> None:
    raw.send(request_text)
    assert raw.status() == status
    assert raw.has_ended()
    assert call(probe, "GET", "/_gateway/info")[0] == 200


@pytest.mark.parametrize(
    "path", ["/api/%zz", "/%", "/api/@connections/%", "/api/@connections/%ff%00", "/..%2f", "*"]
)
def test_malformed_percent_encoding_gets_a_normal_answer(raw: Raw, path: str) -> None:
    raw.send(f"GET {path} HTTP/1.1\r\nHost: {{host}}\r\n\r\n")
    assert raw.status() in (400, 403, 426)
    raw.send(INFO)
    assert raw.status() == 200


@pytest.mark.parametrize(
    "line",
    ["CONNECT evil.example:443", "OPTIONS *", "GET /api/../_gateway/info", "GET //_gateway/info"],
)
def test_a_path_outside_the_app_is_forbidden(raw: Raw, line: str) -> None:
    raw.send(f"{line} HTTP/1.1\r\nHost: {{host}}\r\n\r\n")
    assert raw.status() == 403


def test_a_client_that_closes_its_side_still_gets_its_answer(raw: Raw) -> None:
    raw.send(INFO)
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.status() == 200
    assert raw.has_ended()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="], 400),  # a second one
        (["Sec-WebSocket-Version: 13"], 400),
        (["Host: other"], 400),
        (["X-Port: 99999999"], 101),
        (["Origin: null"], 101),  # its check is the app's business, as on AWS
    ],
)
def test_a_hostile_handshake(probe: Running, raw: Raw, headers: list[str], status: int) -> None:
    raw.socket.sendall(handshake(probe, "/api", *headers))
    assert raw.stream.readline().split()[1] == str(status).encode()


def test_http_1_0_has_no_websockets(probe: Running, raw: Raw) -> None:
    raw.socket.sendall(handshake(probe, "/other").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert raw.status() == 403


def test_an_upgrade_to_something_else_is_a_plain_request(raw: Raw) -> None:
    raw.send(INFO.replace("\r\n\r\n", "\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"))
    assert raw.status() == 200


def test_the_apps_own_routes_are_served_below_the_stage(probe: Running) -> None:
    status, headers, body = call(probe, "GET", "/api/?a=1")
    assert (status, json.loads(body)) == (200, {"hello": {"a": "1"}})
    assert headers["Content-Type"] == "application/json"
    kind = {"Content-Type": "application/json"}
    assert call(probe, "PUT", "/api/items/x", b"[1]", kind)[::2] == (201, b'{"x":[1]}')
    assert call(probe, "GET", "/api/none")[0] == 403
    assert call(probe, "DELETE", "/api/items/x")[0] == 405
