"""The other end of a connection, scripted byte by byte by a test."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
Play = Callable[[socket.socket, int], None]
"""Called with each accepted connection, and the number of earlier ones."""


class Peer:
    """Accepts connections, handles each in its own thread, and records the requests."""

    def __init__(self, make: "Callable[[Peer], Play]", tls: ssl.SSLContext | None) -> None:
        self.received: list[bytes] = []
        self.accepted = 0
        self.over = threading.Event()
        self._play = make(self)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def ids(self) -> list[str]:
        """Return the recipients of the received requests, in order."""
        return [each.split(b" ", 2)[1].rpartition(b"/")[2].decode() for each in self.received]

    def request(self, connection: socket.socket) -> bytes:
        """Receive one request; empty if the client has closed the connection."""
        data = b""
        while (head_end := data.find(b"\r\n\r\n")) < 0:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        length = int(data.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(data) < head_end + 4 + length:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        self.received.append(data)
        return data

    def close(self) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in [*self._open]:  # a transport may keep them
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                thread = threading.Thread(target=self._serve, args=(connection, self.accepted))
                self.accepted += 1
                self._open.add(connection)
                self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
                thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            if self._tls is None:
                self._play(connection, number)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secured:
                    self._play(secured, number)
        self._open.discard(connection)


@contextmanager
def run_peer(play: Callable[[Peer], Play], tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """Run a peer with a scripted behaviour."""
    peer = Peer(play, tls)
    try:
        yield peer
    finally:
        peer.close()
