"""A non-blocking connection to the endpoint, over TCP or TLS."""

import errno
import os
import socket
import ssl
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from decanter.runtime.transports.fast.http1 import Answer, read_answer

RECEIVE_BYTES = 479
"""Twice the size of the usual answer, and small enough for Python's small-object allocator."""

_WANTS_READ = (ssl.SSLWantReadError, BlockingIOError)
_WANTS_WRITE = (ssl.SSLWantWriteError, BlockingIOError)

Address = tuple[int, int, int, str, Any]
"""An address in the form of `socket.getaddrinfo`."""


class Connection:
    """Sends a request, receives the answer, and then accepts the next request.

    A caller may start a request before the connection is open. The request is sent as soon as the
    connection is open. `tls` verifies that the peer is `server_name`; it is None for plain TCP.

    Attributes:
        descriptor: the socket's file descriptor, which never changes.
        open: True if requests can be sent, because TCP is connected and the TLS handshake is
            complete.
        wants: the selector's events after which `proceed` must be called.
        watched: the events that are registered with the selector.
        answers: the number of answers received.

    Raises:
        OSError: no socket can be created, or the address is unreachable.
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
        """True if no byte of an answer has arrived since the request."""
        return not self._received

    @property
    def sent(self) -> bool:
        """True if the whole request was written, so the peer may have read it."""
        return self.open and not self._unsent

    def start(self, request: bytes) -> None:
        """Send a request.

        Raises:
            OSError: the connection is dead.
        """
        self._unsent = request
        self._received = b""
        if self.open:
            self.wants = EVENT_READ
            self._flush()

    def proceed(self) -> Answer | None:
        """Read and write as much as the socket allows. Return the answer when it is complete.

        Raises:
            OSError: the connection is dead, or the peer's certificate is invalid.
            BadAnswerError: the answer is invalid.
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
            if not data and not self._received:
                raise ConnectionResetError("closed without an answer")
            self._received += data
            answer = read_answer(self._received, ended=not data)
            if answer is not None:
                self.answers += 1
                return answer._replace(reusable=False) if self._unsent else answer

    def still_open(self) -> bool:
        """Return True if an idle connection is still open. The check also reads TLS messages."""
        try:
            self._socket.recv(RECEIVE_BYTES)
        except _WANTS_READ:
            return True
        except OSError:
            return False
        return False  # closed, or an answer without a request

    def close(self) -> None:
        """Close the socket without TLS's `close_notify` alert, which could block."""
        self._socket.close()

    def _advance(self) -> bool:
        """Continue to open the connection. Return True if the connection is open."""
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
