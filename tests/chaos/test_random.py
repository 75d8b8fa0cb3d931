"""Random bytes cause no exception and no growth; 100,000 inputs in `make chaos`."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import random
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.frames import CTRL_OPCODES, Frame, Opcode

from decanter.local.sockets.websocket import WebSocket
from tests.chaos.conftest import FULL, NOTES
from tests.chaos.inside import Inside, Socket, errors_of, make_router
from tests.support.events import message_event
from tests.support.fakes import FakeClock, FakeTransport

MESSAGES, FRAMES, REQUESTS = (40_000, 30_000, 30_000) if FULL else (1000, 1000, 1000)
MOST_GROWTH_BYTES = 512 * 1024

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

    def text(self) -> str:
        mutated = self.mutated(self.chance.choice(TEXTS).encode())
        return mutated.decode(errors=self.chance.choice(["replace", "ignore"]))

    def head(self) -> bytes:
        """Return a handshake. Half of them are valid."""
        return self.mutated(GOOD if self.chance.random() < 0.5 else self.chance.choice(HEADS))

    def frame(self) -> bytes:
        """Return a frame. Half of them are messages."""
        opcode = Opcode.TEXT if self.chance.random() < 0.5 else self.chance.choice([*Opcode])
        data = self.text().encode()
        if opcode in CTRL_OPCODES:
            data = data[: self.chance.randrange(126)]  # a ping's maximum
        whole = opcode in CTRL_OPCODES or self.chance.random() < 0.8
        frame = Frame(opcode, data, whole).serialize(mask=self.chance.random() < 0.95)
        return self.mutated(frame) if self.chance.random() < 0.5 else frame


def repeat(what: str, times: int, once: Callable[[], object], settle: Callable[[], object]) -> None:
    """Repeat this many times; the last four fifths must leave little memory behind."""
    for _ in range(times // 5):
        once()
    settle()
    gc.collect()
    logging.disable()  # pytest keeps every log line
    tracemalloc.start()
    try:
        for _ in range(times - times // 5):
            once()
        settle()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
        NOTES.append(f"{what}: {times:,} random inputs left {grown:,} bytes behind")
        assert grown < MOST_GROWTH_BYTES
    finally:
        tracemalloc.stop()
        logging.disable(logging.NOTSET)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be moved forward to fire every timer."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead

    def settle(self) -> None:
        self.ahead += 3600
        self.run_until_complete(asyncio.sleep(0))


def repeat_in_a_loop(
    what: str, times: int, once: Callable[[], Awaitable[None]]
) -> list[dict[str, Any]]:
    """Repeat in an event loop; return the exceptions that only the loop got."""
    loop, failed = Loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: failed.append(context))
    try:
        repeat(what, times, lambda: loop.run_until_complete(once()), loop.settle)
    finally:
        loop.close()
    return failed


def test_the_router_answers_any_message(seed: int) -> None:
    dice, transport = Dice(seed), FakeTransport(FakeClock())
    router = make_router(transport)

    def once() -> None:
        text = dice.text()
        response = router.handle(message_event(text))
        assert response["statusCode"] in (200, 400, 404), text
        for _, frame in transport.posts:
            json.loads(frame)
        transport.posts.clear()

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        repeat("the router", MESSAGES, once, gc.collect)


def test_the_gateway_reads_any_frames(seed: int) -> None:
    dice = Dice(seed)

    async def once() -> None:
        socket = WebSocket(lambda _: None, lambda *_: None)
        socket.take_over(Socket(), b"")
        for _ in range(3):
            socket.data_received(dice.frame())
        socket.connection_lost(None)

    assert repeat_in_a_loop("the frames' reader, three at a time", FRAMES // 3, once) == []


def test_the_gateway_answers_any_bytes_of_a_connection(seed: int) -> None:
    """Handshakes, calls to @connections and to the app, and frames, up to the router."""
    dice, inside = Dice(seed), Inside()

    async def once() -> None:
        head = dice.head()
        answer = await inside.exchange(head, dice.frame(), dice.frame())
        assert not answer.startswith((b"HTTP/1.1 500", b"HTTP/1.1 502")), (head, answer)

    with (
        open(os.devnull, "w") as nowhere,  # noqa: PTH123
        contextlib.redirect_stdout(nowhere),
        errors_of("decanter") as errors,
    ):
        assert repeat_in_a_loop("the gateway", REQUESTS, once) == []
    assert errors == []
    assert inside.is_empty()
    assert inside.opened > REQUESTS / 20
    assert inside.handlers.broadcasts > REQUESTS / 1000
