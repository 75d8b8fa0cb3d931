"""Random inputs, most of them similar to valid ones."""

import json
import random
from collections.abc import Iterable
from urllib.parse import quote

from websockets.frames import CTRL_OPCODES, Frame, Opcode

PIECES = [
    *("a", "ref", "message", "data", " ", "é", "😀", "{", "}", "[", "]", ",", ":", "\\\\", '\\"'),
    *(
        "\\/",
        "\\n",
        "\\u0000",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\uD83D\\uDE00",
        "\\\\ud800",
        "\x7f",
        "\u2028",
    ),
]
"""Parts of the content of a JSON string."""
SCALARS = [
    *("null", "true", "false", "0", "-0", "1.0", "-0.0", "1e5", "1E-7", "2.5e+3", "1e-999"),
    *("1.7e308", "9" * 30, f"-{'9' * 4300}", "0.1", "3" * 300 + ".5"),
]
TEXTS = [
    '{"message": "say", "data": "hello world !"}',
    '{"data": 1, "message": "say", "ref": null}',
    '{"message": "say", "data": {"a": [1, 2.5e3, null, true, "\\ud83d\\ude00"]}}',
    '{"message": "say", "data": "\\u0000", "ref": "r", "message": "nope"}',
    '{"message": ["say"], "data": -0.0}',
    "[" * 500 + "]" * 500,
    '{"message": {"message": "say"}, "ref": ' + '"x"' * 50 + "}",
    '"é😀"',
]
SHAKE = (
    b"Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
CHUNKED = b"Host: h\r\nTransfer-Encoding: chunked\r\n\r\n"
SIGNED = b"Host: h\r\nAuthorization: AWS4-HMAC-SHA256 \r\n"
GOOD = b"GET /v1?a=b HTTP/1.1\r\n" + SHAKE + b"Origin: https://example.com\r\n\r\n"
HEADS = [
    b"GET /v1 HTTP/1.1\r\n" + SHAKE + b"\r\n",
    b"GET /v1 HTTP/1.1\r\n" + SHAKE + b"Sec-WebSocket-Protocol: decanter.token, e30.e30.\r\n\r\n",
    b"GET /v1?token=eyJhbGciOiJub25lIn0.e30. HTTP/1.1\r\n" + SHAKE + b"\r\n",
    b"POST /v1/@connections/AAAAAAAAAAAAAAA%3D HTTP/1.1\r\n"
    + SIGNED
    + b"Content-Length: 3\r\n\r\nabc",
    b"GET /v1/%40connections/AAAAAAAAAAAAAAA= HTTP/1.1\r\n" + SIGNED + b"\r\n",
    b"DELETE /v1/@connections/AAAAAAAAAAAAAAA= HTTP/1.1\r\n" + SIGNED + b"\r\n",
    b"POST /v1/things HTTP/1.1\r\n" + CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
    b"GET http://[::1]:80/v1/a?b=c HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /_gateway/connections HTTP/1.1\r\nHost: h\r\n\r\n",
    b"DELETE /_gateway/faults HTTP/1.0\r\nHost: h\r\nX-Decanter: 1\r\n\r\n",
    b"GET /_gateway/events HTTP/1.1\r\nHost: h\r\n\r\n",
]

PATHS = [
    *("/", "/_gateway/info", "/_gateway/connections", "/_gateway/faults"),
    *("/_gateway/schedules", "/_gateway/schedules/sweep", "/_gateway/functions/message"),
    *("/_gateway/functions", "/_gateway/invocations/1", "/_gateway/connections/AAAAAAAAAAAAAAA="),
    *("/v1/@connections/AAAAAAAAAAAAAAA%3D", "/v1/@connections/%00", "/v1/@connections/", "/v1"),
    *("/v1/things", "/v1/things/%2e%2e?a=%ff&a", "//v1", "/_gateway/../v1", "/_gateway/\u00e9"),
]
LINES = [
    *(
        "Content-Type: application/json",
        "Content-Type: application/json; charset=x",
        "X-Decanter: 1",
    ),
    *(
        "Origin: http://h",
        "Origin: null",
        "Authorization: AWS4-HMAC-SHA256 ",
        "Expect: 100-continue",
    ),
    *("Accept: */*", "Connection: close", "Sec-Fetch-Site: cross-site", "X-Amzn-Trace-Id: Root=1"),
]
ACTIONS = ["403", "410", "429", "500", "reset", "hang", "late", "throttle", "away"]
MEMBERS_OF_FAULTS = [
    "target",
    "action",
    "connection",
    "calls",
    "share",
    "seed",
    "milliseconds",
    "x",
]


class Dice:
    """Random inputs, similar to valid ones."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def mutated(self, data: bytes) -> bytes:
        """Return the bytes with some changed, removed, duplicated or inserted."""
        changed = bytearray(data)
        for _ in range(self.chance.randrange(4)):
            place = self.chance.randrange(len(changed) + 1)
            end = place + self.chance.randrange(8)
            changed[place:end] = self.chance.choice(
                [b"", changed[place:end] * 2, self.chance.randbytes(2), b'"', b"[", b"{", b"\r\n"]
            )
        return bytes(changed)

    def space(self) -> str:
        return "".join(self.chance.choices(" \t\r\n", k=self.chance.choice([0, 0, 0, 1, 3])))

    def string(self) -> str:
        """Return a JSON string with any characters and escapes."""
        return f'"{"".join(self.chance.choices(PIECES, k=self.chance.randrange(5)))}"'

    def value(self, depth: int = 3) -> str:
        """Return the text of a JSON value, nested at most this deep."""
        kind = self.chance.randrange(6 if depth else 4)
        if kind == 0:
            return self.string()
        if kind < 4:
            return self.chance.choice(SCALARS)
        items = [self.value(depth - 1) for _ in range(self.chance.randrange(4))]
        if kind == 4:
            return f"[{self._joined(items)}]"
        return self.object(dict.fromkeys(items))

    def object(self, members: Iterable[str] | None = None, depth: int = 3) -> str:
        """Return the text of a JSON object with these values, or any; names may occur twice."""
        if members is None:
            members = [self.value(depth) for _ in range(self.chance.randrange(6))]
        pairs = [f"{self.string()}{self.space()}:{self.space()}{each}" for each in members]
        return f"{{{self._joined(pairs)}}}"

    def _joined(self, texts: list[str]) -> str:
        return ",".join(f"{self.space()}{each}{self.space()}" for each in texts) or self.space()

    def text(self) -> str:
        mutated = self.mutated(self.chance.choice(TEXTS).encode())
        return mutated.decode(errors=self.chance.choice(["replace", "ignore"]))

    def head(self) -> bytes:
        """Return a handshake. Half of them are valid."""
        return self.mutated(GOOD if self.chance.random() < 0.5 else self.chance.choice(HEADS))

    def command(self) -> bytes:
        """Return a request to the console or to @connections. Three quarters are well-formed."""
        method = self.chance.choice(["GET", "POST", "DELETE", "PUT", "HEAD"])
        path = self.chance.choice([*PATHS, *["/_gateway/faults"] * 5]) + quote(self.string()) * (
            self.chance.random() < 0.1
        )
        body = self.chance.choice([self.fault(), self.fault(), self.object(), self.value(), ""])
        lines = [f"{method} {path} HTTP/1.1", "Host: h", *self.chance.sample(LINES, 2)]
        lines += ["X-Decanter: 1"] * (self.chance.random() < 0.7)
        head = "\r\n".join([*lines, f"Content-Length: {len(body.encode())}", "", ""])
        command = (head + body).encode()
        return command if self.chance.random() < 0.75 else self.mutated(command)

    def fault(self) -> str:
        """Return the text of a fault for the console; about half of them are valid."""
        members = {
            "target": self.chance.choice(['"connections"', '"functions"', '"dynamodb"']),
            "action": f'"{self.chance.choice(ACTIONS)}"',
        }
        if "late" in members["action"]:
            members["milliseconds"] = "20"
        for _ in range(self.chance.randrange(2)):
            members[self.chance.choice(MEMBERS_OF_FAULTS)] = self.value(1)
        return (
            f"{{{self._joined([f'{json.dumps(name)}: {each}' for name, each in members.items()])}}}"
        )

    def frame(self) -> bytes:
        """Return a frame. Half of them are messages."""
        opcode = Opcode.TEXT if self.chance.random() < 0.5 else self.chance.choice([*Opcode])
        data = self.text().encode()
        if opcode in CTRL_OPCODES:
            data = data[: self.chance.randrange(126)]  # a ping's maximum
        whole = opcode in CTRL_OPCODES or self.chance.random() < 0.8
        frame = Frame(opcode, data, whole).serialize(mask=self.chance.random() < 0.95)
        return self.mutated(frame) if self.chance.random() < 0.5 else frame
