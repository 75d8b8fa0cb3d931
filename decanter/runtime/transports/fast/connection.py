"""One connection to the endpoint, TCP or TLS, that never blocks."""

import errno
import os
import socket
import ssl
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from decanter.runtime.transports.fast.http1 import Answer, read_answer

RECEIVE_BYTES = 479
"""Twice a usual answer, and what Python's own allocator gives without asking the C library's."""

_WANTS_READ = (ssl.SSLWantReadError, BlockingIOError)
_WANTS_WRITE = (ssl.SSLWantWriteError, BlockingIOError)

Address = tuple[int, int, int, str, Any]
"""One of `socket.getaddrinfo`."""


class Connection:
    """Sends a request, receives its answer, then takes the next one.

    A request may be given before the connection is open: it is sent once it is.

    Args:
        address: where to connect.
        tls: verifies the peer; None: plain TCP.
        server_name: whom TLS verifies.

    Attributes:
        descriptor: the socket's; it stays the same.
        open: whether requests can be sent: TCP is connected, and TLS agreed upon.
        wants: the selector's events for which `proceed` has to be called.
        watched: those of which the selector has been told.
        answers: how many answers it has received.

    Raises:
        OSError: there is no socket left, or no way to the address.
    """

    __slots__ = (
        "_received",
        "_secured",
        "_server_name",
        "_socket",
        "_tls",
        "_unsent",
        "answers",
        "descriptor",
        "open",
        "wants",
        "watched",
    )

    def __init__(self, address: Address, tls: ssl.SSLContext | None, server_name: str) -> None:
        family, kind, protocol, _, where = address
        self._socket = socket.socket(family, kind, protocol)
        self._secured: ssl.SSLSocket | None = None
        self._tls = tls
        self._server_name = server_name
        self._unsent = b""
        self._received = b""
        self.descriptor = self._socket.fileno()
        self.open = False
        self.wants = self.watched = EVENT_WRITE
        self.answers = 0
        self._socket.settimeout(0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._socket.connect_ex(where)
        if code not in {0, errno.EINPROGRESS}:
            self._socket.close()
            raise OSError(code, os.strerror(code))

    @property
    def silent(self) -> bool:
        """Whether nothing of an answer has come since the request."""
        return not self._received

    def start(self, request: bytes) -> None:
        """Begin an exchange.

        Raises:
            OSError: the connection is dead.
        """
        self._unsent = request
        self._received = b""
        if self.open:
            self.wants = EVENT_READ
            self._flush()

    def proceed(self) -> Answer | None:
        """Go on as far as the socket allows; gives the answer once it is whole.

        Raises:
            OSError: the connection is dead, or its peer is not whom the certificate names.
            BadAnswerError: the answer is none.
        """
        if not self.open and not self._advance():
            return None
        self.wants = EVENT_READ
        if self._unsent:
            self._flush()
        while True:
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except _WANTS_READ:
                return None
            except ssl.SSLWantWriteError:
                self.wants |= EVENT_WRITE
                return None
            self._received += data
            answer = read_answer(self._received, ended=not data)
            if answer is not None:
                self.answers += 1
                return answer._replace(reusable=False) if self._unsent else answer

    def still_open(self) -> bool:
        """Whether an idle connection has not been closed; what TLS sends by itself is read."""
        try:
            self._socket.recv(RECEIVE_BYTES)
        except _WANTS_READ:
            return True
        except OSError:
            return False
        return False  # closed, or an answer that nobody asked for

    def close(self) -> None:
        """Close the socket, without a farewell that could block."""
        self._socket.close()

    def _advance(self) -> bool:
        """Open the connection further; say whether it is open."""
        if self._secured is None:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            if self._tls is None:
                self.open = True
                return True
            self._socket = self._secured = self._tls.wrap_socket(
                self._socket, server_hostname=self._server_name, do_handshake_on_connect=False
            )
        try:
            self._secured.do_handshake()
        except ssl.SSLWantReadError:
            self.wants = EVENT_READ
            return False
        except ssl.SSLWantWriteError:
            self.wants = EVENT_WRITE
            return False
        self.open = True
        return True

    def _flush(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except _WANTS_WRITE:
            sent = 0
        except ssl.SSLWantReadError:
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self.wants |= EVENT_WRITE
