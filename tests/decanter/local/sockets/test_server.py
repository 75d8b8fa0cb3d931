"""The server with real sockets and an API without handlers, so no process is started."""

import asyncio
import contextlib
import http.client
import io
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

from websockets.asyncio.client import connect

from decanter.gateway.events import EventMaker
from decanter.gateway.model import Api, Limits
from decanter.gateway.rules import Gateway
from decanter.gateway.selection import CHALICE_EXPRESSION
from decanter.hosts import Hosts
from decanter.local.console.control import Control
from decanter.local.fault_injection import Faults
from decanter.local.functions.functions import Functions
from decanter.local.functions.pool import Scaling
from decanter.local.invoker import Invoker
from decanter.local.journal import Journal
from decanter.local.schedules import Schedules
from decanter.local.sockets.server import Server
from decanter.local.sockets.websocket import MAX_UNSENT_BYTES
from decanter.project.stack import Stack
from tests.support.gateways import SECONDS

POST_BYTES = 100_000
KERNEL_BYTES = 16 * 1024 * 1024
"""More than a system buffers for one loopback socket."""

HANDSHAKE = (
    b"GET /api HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@dataclass
class Serving:
    """A server in this process."""

    gateway: Gateway
    port: int
    journal: io.StringIO

    async def post(self, connection_id: str, data: bytes) -> int:
        """Post to a connection and return the status."""
        return await asyncio.to_thread(self._post, connection_id, data)

    def _post(self, connection_id: str, data: bytes) -> int:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with contextlib.closing(client):
            path = f"/api/@connections/{quote(connection_id)}"
            client.request("POST", path, data, {"Authorization": "AWS4-HMAC-SHA256 x"})
            return client.getresponse().status

    def newest(self) -> str:
        """Return the id of the newest connection."""
        return [*self.gateway.connections][-1]

    def entries(self, kind: str) -> list[dict[str, object]]:
        """Return the journal's entries of a kind."""
        entries = map(json.loads, self.journal.getvalue().splitlines())
        return [entry for entry in entries if entry["kind"] == kind]


def drained(client: socket.socket) -> int:
    """Read to the end of the connection and return the number of bytes."""
    size = 0
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(1 << 20):
            size += len(data)
    return size


@contextlib.asynccontextmanager
async def serving(limits: Limits) -> AsyncIterator[Serving]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        out = io.StringIO()
        gateway = Gateway(
            Api("api", {}, CHALICE_EXPRESSION), EventMaker("api", f"127.0.0.1:{port}"), limits
        )
        journal = Journal(out, as_json=True, verbose=False)
        functions = Functions(scaling=Scaling(1), integration_seconds=1, observer=journal)
        stack = Stack("small", "dev", "us-east-1", "apiid", "api")
        control = Control(
            *(gateway, journal, Faults()),
            about=dict,
            schedules=Schedules(functions.scheduled, stack, journal),
            invoker=Invoker(functions, stack, gateway.events, journal),
        )
        hosts = Hosts(["127.0.0.1"], port, ["a"])
        server = Server(gateway, functions, journal, control, Faults(), hosts)
        listener = await server.listen(sock)
        try:
            async with asyncio.timeout(SECONDS):
                yield Serving(gateway, port, out)
        finally:
            listener.close()
            await server.stop(1)


def test_posts_to_a_stuck_client_get_429_then_410_and_others_are_served() -> None:
    async def run() -> None:
        async with serving(Limits(stalled_seconds=0.3)) as it:
            with socket.create_connection(("127.0.0.1", it.port), SECONDS) as stuck:
                stuck.sendall(HANDSHAKE)  # it reads nothing after this
                async with connect(f"ws://127.0.0.1:{it.port}/api") as other:
                    other_id, stuck_id = it.newest(), next(iter(it.gateway.connections))
                    accepted = 0
                    while (status := await it.post(stuck_id, b"x" * POST_BYTES)) == 200:
                        accepted += 1
                    assert status == 429
                    assert accepted * POST_BYTES < MAX_UNSENT_BYTES + KERNEL_BYTES
                    assert await it.post(other_id, b"untroubled") == 200
                    assert await other.recv() == "untroubled"
                    while await it.post(stuck_id, b"x" * POST_BYTES) == 429:
                        pass
                    assert await it.post(stuck_id, b"") == 410
                    assert await it.post(other_id, b"still") == 200
                    assert await other.recv() == "still"
                assert drained(stuck) < accepted * POST_BYTES  # then the connection ends
            codes = {entry["connection"]: entry["code"] for entry in it.entries("disconnect")}
            assert codes[stuck_id] == 1006

    asyncio.run(run())
