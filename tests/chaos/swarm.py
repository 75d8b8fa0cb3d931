"""Hundreds of clients, each with a ledger of expected and received messages."""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.gateways import SECONDS

T = TypeVar("T")
WAVE = 4
"""Clients that connect or leave at the same time, where the load does not matter."""

ERROR_FRAME = '{"error"'


@dataclass(frozen=True)
class Tally:
    """The ledgers of many clients, added up."""

    clients: int = 0
    expected: int = 0
    received: int = 0
    lost: int = 0
    twice: int = 0
    unexpected: int = 0
    out_of_order: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        mine, theirs = vars(self).values(), vars(other).values()
        return Tally(*(one + two for one, two in zip(mine, theirs, strict=True)))


@dataclass(eq=False)
class Client:
    """One connection and its ledger. Error frames are kept separately, as only this client gets
    them.
    """

    connection: ClientConnection
    expected: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    id: str = ""

    async def read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                frame = str(await self.connection.recv())
                (self.errors if frame.startswith(ERROR_FRAME) else self.received).append(frame)

    @property
    def lost(self) -> list[str]:
        return [*(Counter(self.expected) - Counter(self.received)).elements()]

    def clear(self) -> None:
        """Start an empty ledger."""
        for entries in (self.expected, self.received, self.errors):
            entries.clear()

    def tally(self) -> Tally:
        surplus = Counter(self.received) - Counter(self.expected)
        twice = sum(count for frame, count in surplus.items() if frame in self.expected)
        ranks = [self.expected.index(frame) for frame in self.received if frame in self.expected]
        return Tally(
            clients=1,
            expected=len(self.expected),
            received=len(self.received),
            lost=len(self.lost),
            twice=twice,
            unexpected=surplus.total() - twice,
            out_of_order=sum(earlier > later for earlier, later in pairwise(ranks)),
        )


def total(clients: Iterable[Client]) -> Tally:
    return sum((client.tally() for client in clients), Tally())


class Swarm:
    """Opens and closes clients of one URL, whose sockets run in a separate thread."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clients: list[Client] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._reading: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave(self.clients)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def join(self, count: int, query: str = "", **options: Any) -> list[Client]:
        """Connect this many clients at the same time."""
        target = f"{self.url}?{query}" if query else self.url
        joined = self._all(self._join(target, options) for _ in range(count))
        self.clients += joined
        return joined

    def gather(self, count: int) -> None:
        """Connect this many clients, a few at a time, so the gateway needs only a few processes."""
        for start in range(0, count, WAVE):
            self.join(min(WAVE, count - start))

    def leave(self, clients: Sequence[Client], *, abruptly: bool = False) -> None:
        """Close them, or end their TCP connections without a close frame."""
        self.clients = [client for client in self.clients if client not in clients]
        self._all(self._leave(client, abruptly) for client in clients)

    def send(self, client: Client, message: str | bytes) -> None:
        """Send a message unchanged."""
        self._all([client.connection.send(message)])

    def flood(self, client: Client, message: str, times: int) -> None:
        """Send a message many times, as fast as possible, without waiting."""
        asyncio.run_coroutine_threadsafe(self._flood(client, message, times), self._loop)

    def send_parts(self, client: Client, message: str, size: int) -> None:
        """Send a message in frames of this many characters."""
        parts = [message[start : start + size] for start in range(0, len(message), size)]
        self._all([client.connection.send(parts)])

    def settle(self) -> None:
        """Wait until every client has read everything that the gateway has sent so far.

        A pong arrives after the frames that were sent before it.
        """
        self._all(self._ping(client) for client in self.clients)

    def close_code(self, client: Client) -> int | None:
        """Wait until the gateway closes a connection, and return the close code."""
        self._all([client.connection.wait_closed()])
        self.clients.remove(client)
        return client.connection.close_code

    def _all(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        async def together() -> list[T]:
            return await asyncio.gather(*work)

        return asyncio.run_coroutine_threadsafe(together(), self._loop).result(6 * SECONDS)

    async def _join(self, target: str, options: dict[str, Any]) -> Client:
        connection = await connect(
            target, compression=None, open_timeout=5 * SECONDS, ping_interval=None, **options
        )
        client = Client(connection)
        task = asyncio.create_task(client.read())
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)
        return client

    async def _flood(self, client: Client, message: str, times: int) -> None:
        for _ in range(times):
            await client.connection.send(message)

    async def _leave(self, client: Client, abruptly: bool) -> None:
        if abruptly:
            client.connection.transport.abort()
        await client.connection.close()

    async def _ping(self, client: Client) -> None:
        with suppress(ConnectionClosed):
            await (await client.connection.ping())
