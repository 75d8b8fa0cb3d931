"""The local gateway and the framework, in one process for a long time."""

import asyncio
import gc
import re
import socket
import threading
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from decanter import Router
from decanter.local.sockets.websocket import WebSocket
from decanter.runtime.clock import Clock
from tests.soak.conftest import EACH_TRANSPORT, NOTES, size
from tests.support.dice import Dice
from tests.support.events import connect_event, disconnect_event, message_event
from tests.support.fakes import FakeConnections
from tests.support.inside import Inside, Socket, errors_of
from tests.support.peer import OK, Peer, Play, run_peer

FRAMES, REQUESTS = size(90_000, 450), size(110_000, 750)
DISPATCHES = {"fast": size(40_000, 75), "botocore": size(10_000, 40)}
MOST_GROWTH_BYTES = 512 * 1024
MOST_KEPT = 8
"""Connections of the transports, and the threads of the peer and the table for them."""


def repeat(what: str, times: int, once: Callable[[], object], settle: Callable[[], object]) -> None:
    """Repeat this many times; the last four fifths must leave nothing behind."""
    for _ in range(times // 5):
        once()
    settle()
    gc.collect()
    descriptors, threads = open_descriptors(), threading.active_count()
    tracemalloc.start()
    try:
        for _ in range(times - times // 5):
            once()
        settle()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    NOTES.append(f"{what}: {times:,} times, {grown:,} bytes left behind")
    assert grown < MOST_GROWTH_BYTES
    assert open_descriptors() <= descriptors + MOST_KEPT
    assert threading.active_count() <= threads + MOST_KEPT


def open_descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len([*folder.iterdir()]) if folder.exists() else 0


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


def test_the_gateway_reads_any_frames(seed: int) -> None:
    dice = Dice(seed)

    async def once() -> None:
        socket = WebSocket(lambda _: None, lambda *_: None)
        socket.take_over(Socket(), b"")
        for _ in range(3):
            socket.data_received(dice.frame())
        socket.connection_lost(None)

    assert repeat_in_a_loop("three frames", FRAMES // 3, once) == []


def test_the_gateway_answers_any_bytes_of_a_connection(seed: int) -> None:
    """Handshakes, commands, calls to @connections and to the app, and frames, up to the router."""
    dice, inside = Dice(seed), Inside()

    async def once() -> None:
        first = dice.command() if dice.chance.random() < 0.3 else dice.head()
        answer = await inside.exchange(first, dice.frame(), dice.frame())
        if not inside.faults.to_json():
            assert not re.search(rb"HTTP/1.1 50[02]", answer), (first, answer)
        inside.faults.clear()

    with errors_of("decanter") as errors:
        failed = repeat_in_a_loop("a handshake or a command, and two frames", REQUESTS // 3, once)
    assert failed == []
    assert errors == []
    assert inside.is_empty()
    assert inside.opened > REQUESTS / 60
    assert inside.handlers.broadcasts > REQUESTS / 3000


@pytest.mark.parametrize("transport", EACH_TRANSPORT)
def test_events_leave_nothing_behind(
    seed: int, transport: str, signed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connects, messages with a broadcast, and disconnects, with real sockets."""
    dice, connections = Dice(seed), FakeConnections()
    at = Clock().time_ms() - 60_000
    with run_peer(answering) as peer:
        monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", f"http://127.0.0.1:{peer.port}/v1")
        monkeypatch.setenv("DECANTER_TRANSPORT", transport)
        router = Router("$request.body.message", connections=connections)
        router.route("say")(lambda request: request.broadcast(request.raw("data")) and None)

        def once() -> None:
            peer.received.clear()
            name = f"c{dice.chance.randrange(5)}"
            connect = connect_event(connectionId=name, connectedAt=at)
            message = message_event(
                f'{{"message": "say", "data": {dice.value()}}}', connectionId=name
            )
            for event in (connect, message, disconnect_event(connectionId=name)):
                assert router.handle(event)["statusCode"] in (200, 400)

        repeat(f"three events with {transport}", DISPATCHES[transport] // 3, once, gc.collect)
        assert peer.accepted < 10 + DISPATCHES[transport] / 1000


def answering(peer: Peer) -> Play:
    def serve(connection: socket.socket, number: int) -> None:
        while peer.request(connection):
            connection.sendall(OK)

    return serve
