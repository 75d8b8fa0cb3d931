"""Peers of the command line client: a real WebSocket server, and a pseudo-terminal."""

import contextlib
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Thread

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.support.terminals import Terminal

Handler = Callable[[ServerConnection], None]
PATIENCE_SECONDS = 20
SUBPROTOCOL = Subprotocol("decanter.v1")


@dataclass
class Peer:
    """A server that follows the test's script and records what it receives."""

    handler: Handler
    refuse_with: str | None = None
    port: int = 0
    requests: queue.Queue[Request] = field(default_factory=queue.Queue)
    received: queue.Queue[str | bytes] = field(default_factory=queue.Queue)
    closed: queue.Queue[tuple[int | None, str | None]] = field(default_factory=queue.Queue)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1"

    def serve_one(self, connection: ServerConnection) -> None:
        self.handler(connection)
        self.closed.put((connection.close_code, connection.close_reason))

    def opening(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.put(request)
        if self.refuse_with is None:
            return None
        return connection.respond(HTTPStatus.FORBIDDEN, self.refuse_with)

    @contextlib.contextmanager
    def running(self) -> Iterator["Peer"]:
        with serve(
            self.serve_one,
            "127.0.0.1",
            0,
            process_request=self.opening,
            select_subprotocol=lambda _, offered: SUBPROTOCOL if SUBPROTOCOL in offered else None,
        ) as server:
            self.port = server.socket.getsockname()[1]
            thread = Thread(target=server.serve_forever)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def command(url: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "decanter", "client", url, *arguments]


def converse(url: str, *arguments: str, lines: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(url, *arguments),
        input=lines,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


class PseudoTerminal(Terminal):
    """The client on a pseudo-terminal, and the server's end of its connection."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(*command(peer.url))
        self.peer = peer
        self._connections: queue.Queue[ServerConnection] = queue.Queue()
        behaviour = peer.handler

        def remember(connection: ServerConnection) -> None:
            self._connections.put(connection)
            behaviour(connection)

        peer.handler = remember

    def connection(self) -> ServerConnection:
        return self._connections.get(timeout=PATIENCE_SECONDS)

    def say(self, text: str) -> None:
        self.connection().send(text)
