"""Whatever bytes come in: no exception, no growth; 100,000 of them in `make chaos`."""

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

from chalicelib import Request, Router
from decanter.local.http import HttpConnection
from decanter.local.request import Request as HttpRequest
from decanter.local.responses import Response
from decanter.local.websocket import WebSocket
from tests.chalicelib.events import CONNECTED_AT, message_event
from tests.chalicelib.fakes import FakeClock, FakeConnections, FakeTransport
from tests.chaos.conftest import FULL
from tests.decanter.local.test_websocket import FakeTransport as FakeSocket

MESSAGES, FRAMES, REQUESTS = (40_000, 30_000, 30_000) if FULL else (1000, 1000, 1000)
MOST_GROWTH_BYTES = 512 * 1024

TEXTS = [
    '{"message": "say", "data": {"a": [1, 2.5e3, null, true, "\\ud83d\\ude00"]}}',
    '{"message": "say", "data": "\\u0000", "ref": "r", "message": "nope"}',
    '{"message": ["say"], "data": -0.0}',
    "[" * 500 + "]" * 500,
    '{"message": {"message": "say"}, "ref": ' + '"x"' * 50 + "}",
    '"é😀"',
]
HEADS = [
    b"GET /v1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"POST /v1/@connections/a%3D HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET http://[::1]:80/a?b=c HTTP/1.1\r\nHost: h\r\n\r\n",
    b"DELETE /_gateway/faults HTTP/1.0\r\n\r\n",
]


class Socket(FakeSocket):
    def is_closing(self) -> bool:
        return self.aborted


class Dice:
    """Random inputs near valid ones."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def mutated(self, data: bytes) -> bytes:
        """The bytes with some changed, cut out, doubled, or thrown in."""
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

    def frame(self) -> bytes:
        data = self.text().encode()[: self.chance.randrange(126)]  # a ping's most
        opcode = self.chance.choice([*Opcode])
        whole = opcode in CTRL_OPCODES or self.chance.random() < 0.8
        frame = Frame(opcode, data, whole).serialize(mask=self.chance.random() < 0.95)
        return self.mutated(frame) if self.chance.random() < 0.5 else frame


def repeat(times: int, once: Callable[[], object], settle: Callable[[], object]) -> None:
    """Do it so often; what the last four fifths leave behind, once it has settled, is little."""
    for _ in range(times // 5):
        once()
    settle()
    gc.collect()
    logging.disable()  # pytest keeps every line that is logged
    tracemalloc.start()
    try:
        for _ in range(times - times // 5):
            once()
        settle()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < MOST_GROWTH_BYTES
    finally:
        tracemalloc.stop()
        logging.disable(logging.NOTSET)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time can be put forward, so that every timer is due."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead

    def settle(self) -> None:
        self.ahead += 3600
        self.run_until_complete(asyncio.sleep(0))


def repeat_in_a_loop(times: int, once: Callable[[], Awaitable[None]]) -> list[dict[str, Any]]:
    """What the loop was told of exceptions that nobody else got."""
    loop, failed = Loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: failed.append(context))
    try:
        repeat(times, lambda: loop.run_until_complete(once()), loop.settle)
    finally:
        loop.close()
    return failed


def test_the_router_answers_whatever_a_client_sends(seed: int) -> None:
    dice, transport = Dice(seed), FakeTransport(FakeClock())
    router = Router(
        "$request.body.message",
        connections=FakeConnections({"a": CONNECTED_AT}),
        open_transport=lambda endpoint, settings: transport,
    )

    @router.route("say")
    def say(request: Request) -> None:
        request.broadcast(request.raw("data"))

    def once() -> None:
        text = dice.text()
        response = router.dispatch(message_event(text))
        assert response["statusCode"] in (200, 400, 404), text
        for _, frame in transport.posts:
            json.loads(frame)
        transport.posts.clear()

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        repeat(MESSAGES, once, gc.collect)


def test_the_gateway_reads_whatever_frames_come(seed: int) -> None:
    dice = Dice(seed)

    async def once() -> None:
        socket = WebSocket(lambda _: None, lambda *_: None)
        socket.take_over(Socket(), b"")
        for _ in range(3):
            socket.data_received(dice.frame())
        socket.connection_lost(None)

    assert repeat_in_a_loop(FRAMES // 3, once) == []


async def answer(request: HttpRequest, http: HttpConnection) -> Response:
    return Response(200, b"{}")


def test_the_gateway_reads_whatever_requests_come(seed: int) -> None:
    dice = Dice(seed)
    open_connections: set[HttpConnection] = set()

    async def once() -> None:
        http = HttpConnection(answer, open_connections)
        http.connection_made(Socket())
        http.data_received(dice.mutated(dice.chance.choice(HEADS)))
        await asyncio.sleep(0)
        http.connection_lost(None)

    assert repeat_in_a_loop(REQUESTS, once) == []
    assert not open_connections
