"""The service's bytes on the wire: plays with raw sockets, and returns a transcript.

`python -m tests.support.wire PORT` plays against a running gateway and prints the transcript.
"""

import json
import re
import socket
import sys
from dataclasses import dataclass

from websockets.frames import Close, Frame, Opcode

SECONDS = 15.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, section 1.3

MESSAGES = (
    '{"message":"sendmessage","data":"hello world !"}',
    '{"message":"sendmessage","data":1.0}',
    '{"message":"sendmessage","data":1e5}',
    '{"message":"sendmessage","data":null}',
    '{"message":"sendmessage","data":{"b" :1,  "a":[null, "\\u00e9é"]}}',
    '{"data":"last wins","message":"x","message":"sendmessage"}',
    ' {"message" : "sendmessage" , "data" : "spaces" } ',
    '{"message":"sendmessage","data":"' + "x" * 4_000 + '"}',
)
"""Each reaches both clients."""

MISTAKES = (
    "",
    "hello",
    "{",
    "[]",
    "3",
    '"text"',
    "{}",
    '{"data":1}',
    '{"message":"SENDMESSAGE","data":1}',
    '{"message":"$connect","data":1}',
    '{"message":"sendmessage"}',
    '{"message":"sendmessage","ref":7}',
    '{"message":"unknown","ref":"a b"}',
    '{"message":null,"data":1}',
    '{"message":"sendmessage","data":NaN}',
    "[" * 1000,
)
"""Only the sender gets the answer."""

REQUESTS = (
    "GET /v1 HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    (
        "GET /v2 HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    ),
    (
        "GET /v1 HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    ),
    "GET /v1 HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
)
"""Each is refused."""

VARYING = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"[A-Za-z0-9_-]{11,15}={1,2}(?![A-Za-z0-9=])"), "ID="),
    (re.compile(r"(?i)(date: )[^\r\n]+"), r"\1DATE"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
)
"""The parts that differ between runs."""


@dataclass
class Peer:
    """One raw client, and everything that it received."""

    name: str
    port: int

    def __post_init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        self._rest = b""

    def upgrade(self) -> str:
        """Connect; return the response."""
        self.write(
            "GET /v1 HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        )
        return self.response()

    def write(self, text: str) -> None:
        self._socket.sendall(text.replace("HOST", f"127.0.0.1:{self.port}").encode())

    def response(self) -> str:
        """Return an HTTP response: its head, and its body if it has one."""
        while b"\r\n\r\n" not in self._rest:
            assert self._more(), self._rest
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = self._take(int(length[1])) if length else b""
        return (head + b"\r\n\r\n" + body).decode()

    def close(self) -> None:
        self._socket.close()

    def send(self, payload: bytes, opcode: Opcode = Opcode.TEXT) -> None:
        self._socket.sendall(Frame(opcode, payload).serialize(mask=True))

    def frame(self) -> str:
        """Return the next frame: its header's bytes, and its payload."""
        head = self._take(2)
        if head[1] == 126:
            head += self._take(2)
        elif head[1] == 127:
            head += self._take(8)
        size = head[1] if len(head) == 2 else int.from_bytes(head[2:], "big")
        return f"{head.hex()} {self._take(size).decode('latin-1')}"

    def rest(self) -> str:
        """Return the rest until the other side closes."""
        while self._more():
            pass
        self._socket.close()
        return self._rest.decode("latin-1")

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            if not self._more():
                raise EOFError(f"{self.name}: {self._rest!r} and then the end")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _more(self) -> bytes:
        more = self._socket.recv(65_536)
        self._rest += more
        return more


def play(port: int) -> list[str]:
    """Play the session against a gateway with this repository's app; return the transcript."""
    lines: list[str] = []

    def note(who: str, text: str) -> None:
        for pattern, name in VARYING:
            text = pattern.sub(name, text)
        lines.append(f"{who} < {text}")

    for request in REQUESTS:
        peer = Peer("request", port)
        peer.write(request)
        note("request", peer.response())
        peer.close()
    first, second = Peer("first", port), Peer("second", port)
    note("first", first.upgrade())
    note("second", second.upgrade())
    for message in MESSAGES:
        first.send(message.encode())
        note("first", first.frame())
        note("second", second.frame())
    for mistake in MISTAKES:
        first.send(mistake.encode())
        note("first", first.frame())
    first.send(b"still there?", Opcode.PING)
    note("first", first.frame())
    second.send(MESSAGES[0].encode())
    note("second", second.frame())
    note("first", first.frame())
    second.send(Close(1000, "bye").serialize(), Opcode.CLOSE)
    note("second", second.rest())
    first.send(b"x" * 32_769)
    note("first", first.rest())
    third = Peer("third", port)
    note("third", third.upgrade())
    third.send(b"\xff\xfe", Opcode.BINARY)
    note("third", third.rest())
    return lines


if __name__ == "__main__":
    json.dump(play(int(sys.argv[1])), sys.stdout, indent=1)
    print(file=sys.stdout)
