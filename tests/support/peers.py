"""Peers of the command line client: a real WebSocket server, and a pseudo-terminal."""

import contextlib
import os
import pty
import queue
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Thread

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

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


# A session's leader gets the first terminal that it opens. Then Ctrl-C reaches the client.
OWN_THE_TERMINAL = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.argv[1], sys.argv[1:])
"""


class PseudoTerminal:
    """The client on a pseudo-terminal, and the server's end of its connection."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._connections: queue.Queue[ServerConnection] = queue.Queue()
        self._shown = ""
        behaviour = peer.handler

        def remember(connection: ServerConnection) -> None:
            self._connections.put(connection)
            behaviour(connection)

        peer.handler = remember

    @contextlib.contextmanager
    def open(self) -> Iterator["PseudoTerminal"]:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_THE_TERMINAL, *command(self.peer.url)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        try:
            yield self
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self._master)

    def connection(self) -> ServerConnection:
        return self._connections.get(timeout=PATIENCE_SECONDS)

    def say(self, text: str) -> None:
        self.connection().send(text)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def expect(self, pattern: str) -> None:
        """Read until the pattern is shown, and discard the output up to its end."""
        while (found := re.search(pattern, self._shown)) is None:
            self._shown += self._read().decode()
        self._shown = self._shown[found.end() :]

    def rest(self) -> str:
        """Return the remaining output until the client ends."""
        with contextlib.suppress(OSError):  # Linux reports the closed other side this way
            while shown := self._read():
                self._shown += shown.decode()
        return self._shown

    def _read(self) -> bytes:
        poll = select.poll()  # select() does not support descriptors above 1023
        poll.register(self._master, select.POLLIN)
        ready = poll.poll(1000 * PATIENCE_SECONDS)
        assert ready, f"the client shows nothing more; so far: {self._shown!r}"
        return os.read(self._master, 4096)
