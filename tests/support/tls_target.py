"""A stand-in for @connections over TLS, in its own process. It notes when each post arrives."""

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import unquote

from tests.support.certificates import make_certificate
from tests.support.peer import OK

Arrival = tuple[float, str]
"""Monotonic seconds, and the connection id."""


@dataclass
class Target:
    """A running target, as its clients see it."""

    endpoint: str
    authorities: Path
    _control: "Connection[str, list[Arrival]]"

    def arrivals(self) -> list[Arrival]:
        """Return the posts so far."""
        self._control.send("arrivals")
        return self._control.recv()


class _Posts(asyncio.Protocol):
    """Answers one request after the other."""

    def __init__(self, arrivals: list[Arrival]) -> None:
        self._arrivals = arrivals
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if end and len(body) == length:
            path = head.split(b" ", 2)[1]
            self._arrivals.append((time.monotonic(), unquote(path.rpartition(b"/")[2].decode())))
            self._data = b""
            self._transport.write(OK)


def _serve(control: "Connection[int | list[Arrival], str]", public: Path, private: Path) -> None:
    async def serve() -> None:
        arrivals: list[Arrival] = []
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(public, private)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: _Posts(arrivals), "127.0.0.1", 0, ssl=tls, backlog=1024
        )
        control.send(server.sockets[0].getsockname()[1])
        over = asyncio.Event()

        def answer() -> None:
            try:
                control.recv()
            except EOFError:
                over.set()
            else:
                control.send(arrivals)

        loop.add_reader(control.fileno(), answer)
        await over.wait()
        loop.remove_reader(control.fileno())

    asyncio.run(serve())


@contextmanager
def run_target(folder: Path) -> Iterator[Target]:
    """Run a target until the block ends."""
    public, private = make_certificate(folder, "localhost")
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(theirs, public, private))
    process.start()
    theirs.close()
    try:
        yield Target(f"https://localhost:{ours.recv()}/v1", public, ours)
    finally:
        ours.close()
        process.join()
