"""Clients of channels on sockets, without an SDK: they choose ids and order of their commands."""

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.gateways import SECONDS

SHAPES: list[Any] = [
    {"push": {"channel": "feed:x", "pub": {"data": "forged"}}},
    {"push": {"channel": "chat:foreign", "pub": {"data": "forged"}}},
    {"push": {"channel": "feed:x", "unsubscribe": {"code": 2000}}},
    {"push": {"channel": "feed:x", "join": {"info": {"client": "x", "user": "root"}}}},
    {"push": {"channel": "chat:foreign", "subscribe": {}}},
    {"push": {"message": {"data": "forged"}}},
    {"push": {"disconnect": {"code": 3503, "reason": "go"}}},
    {"push": {"refresh": {"expires": True, "ttl": 1}}},
    {"id": 1, "connect": {"client": "x"}},
    {"id": 4, "error": {"code": 109, "message": "token expired"}},
    {"id": 0},
    {},
    [],
    "",
    "\n",
    '\n{"push":{"disconnect":{"code":3503}}}\n',
    "hello world !",
    None,
    False,
    0,
    -0.0,
    1e300,
]
"""Values that a client must never take for what they look like."""


class ChannelSocket:
    """One client. `publications` counts the data, as JSON texts, by channel."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.id = ""
        self.publications: Counter[tuple[str, str]] = Counter()
        self.pushes: list[dict[str, Any]] = []
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()

    async def read(self) -> None:
        """Sort what arrives, until the connection ends."""
        with contextlib.suppress(ConnectionClosed):
            async for frame in self.socket:
                for line in str(frame).split("\n"):
                    self._take(json.loads(line))
                self._changed.set()

    def _take(self, value: dict[str, Any]) -> None:
        if "id" in value:
            self._waiting[value["id"]].set_result(value)
        elif "pub" in value["push"]:
            push = value["push"]
            self.publications[push["channel"], json.dumps(push["pub"]["data"])] += 1
        else:
            self.pushes.append(value["push"])

    async def begin(
        self, method: str, number: int | None = None, **fields: Any
    ) -> "asyncio.Future[dict[str, Any]]":
        """Send a command; the future is its reply."""
        number = next(self._ids) if number is None else number
        self._waiting[number] = future = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": number, method: fields}))
        return future

    async def do(self, method: str, number: int | None = None, **fields: Any) -> Any:
        """Send a command and return its reply, which must not be an error."""
        future = await self.begin(method, number, **fields)
        reply = await asyncio.wait_for(future, SECONDS)
        assert "error" not in reply, (method, fields, reply)
        return reply[method]

    async def wait_for(self, count: int) -> None:
        """Wait until this many publications have arrived."""
        while self.publications.total() < count:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), SECONDS)


@contextlib.asynccontextmanager
async def channel_socket(url: str, **hello: Any) -> AsyncIterator[ChannelSocket]:
    """Connect a client, with these members of its connect command, and close it at the end."""
    async with connect(url, compression=None, open_timeout=SECONDS) as socket:
        client = ChannelSocket(socket)
        reader = asyncio.create_task(client.read())
        client.id = (await client.do("connect", **hello))["client"]
        yield client
        await socket.close()
        await reader
