"""Clients of a running gateway: WebSocket, single frames and plain HTTP."""

import http.client
import json
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.support.gateways import SECONDS, Running

NEVER = "AAAAAAAAAAAAAAA="
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}
JSON = {"Content-Type": "application/json"}


def receive(client: ClientConnection) -> str:
    """Return the next text message."""
    message = client.recv(timeout=SECONDS)
    assert isinstance(message, str)
    return message


def ask(client: ClientConnection, **order: Any) -> str:
    """Send the probe a command; return the next message."""
    client.send(json.dumps(order))
    return receive(client)


def own_event(client: ClientConnection) -> dict[str, Any]:
    """Return the event of a message from this client."""
    event: dict[str, Any] = json.loads(ask(client, show="event"))
    return event


def connection_id(client: ClientConnection) -> str:
    """Return the client's connection id."""
    return str(own_event(client)["requestContext"]["connectionId"])


def seen_by(client: ClientConnection) -> tuple[int | None, str | None]:
    """Return the code and the reason of the gateway's close frame."""
    with pytest.raises(ConnectionClosed):
        client.recv(timeout=SECONDS)
    return client.close_code, client.close_reason


def handshake(probe: Running, target: str, *headers: str) -> bytes:
    """Return the bytes of a handshake request."""
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {urlsplit(probe.url).netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def raw_client(probe: Running) -> socket.socket:
    """Return a socket after the handshake, for frames that no library sends."""
    parts = urlsplit(probe.url)
    raw = socket.create_connection((parts.hostname, parts.port), SECONDS)
    raw.sendall(handshake(probe, parts.path))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += raw.recv(1)
    return raw


def read_frame(raw: socket.socket) -> tuple[int, bytes]:
    """Return the opcode and the payload of the next frame."""
    stream = raw.makefile("rb")
    first, length = stream.read(2)
    if length == 126:
        length = int.from_bytes(stream.read(2))
    return first & 0x0F, stream.read(length)


def call(
    probe: Running,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, Any, bytes]:
    """Send one plain HTTP request; return status, headers, body."""
    client = http.client.HTTPConnection(urlsplit(probe.url).netloc, timeout=SECONDS)
    try:
        client.request(method, path, body, {**SIGNED, **headers})
        response = client.getresponse()
        return response.status, response.headers, response.read()
    finally:
        client.close()


def sweep(running: Running) -> dict[str, Any]:
    """Run the app's sweep once, and return the members of its log line."""
    status, _, body = call(running, "POST", "/_gateway/schedules/sweep", headers=JSON)
    answer = json.loads(body)
    assert (status, answer["outcome"]) == (200, "returned"), answer
    result: dict[str, Any] = answer["result"]
    return result


def port(probe: Running) -> int:
    found = urlsplit(probe.url).port
    assert found is not None
    return found
