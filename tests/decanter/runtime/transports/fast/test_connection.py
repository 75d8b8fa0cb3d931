"""One connection, with a scripted socket or TLS layer."""

import errno
import select
import socket
import ssl
from collections.abc import Iterator
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

import pytest

from decanter.runtime.transports.fast.connection import Address, Connection
from decanter.runtime.transports.fast.http1 import PLAIN
from tests.support.peer import OK

WANT_READ = ssl.SSLWantReadError()
WANT_WRITE = ssl.SSLWantWriteError()


class ScriptedTls:
    """A TLS context whose sockets end each call as the script's next step says."""

    def __init__(self, *steps: object) -> None:
        self.steps = list(steps)
        self.sent: list[bytes] = []
        self.name = ""

    def wrap_socket(self, plain: socket.socket, **options: Any) -> "ScriptedTls":
        plain.close()
        self.name = options["server_hostname"]
        return self

    def do_handshake(self) -> object:
        return self._step()

    def send(self, data: bytes) -> object:
        self.sent.append(data)
        return self._step()

    def recv(self, size: int) -> object:
        return self._step()

    def close(self) -> None:
        return

    def _step(self) -> object:
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


@pytest.fixture(name="address")
def _address() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield (socket.AF_INET, socket.SOCK_STREAM, 0, "", listener.getsockname())


def connected(address: Address, tls: ScriptedTls | None = None) -> Connection:
    connection = Connection(address, tls, "host")  # type: ignore[arg-type]  # a stand-in
    assert (connection.open, connection.wants) == (False, EVENT_WRITE)
    poll = select.poll()  # select() takes no descriptor above 1023
    poll.register(connection.descriptor, select.POLLOUT)
    assert poll.poll(5_000)
    return connection


def test_the_wanted_events_follow_tls_at_every_step(address: Address) -> None:
    tls = ScriptedTls(
        *[WANT_READ, WANT_WRITE, None],  # the handshake
        *[WANT_READ, WANT_READ],  # sending must first read a record of the peer
        *[WANT_WRITE, WANT_READ],  # the socket's buffer is full
        *[4, WANT_READ],  # a part is sent
        *[3, WANT_WRITE],  # the rest; receiving must first send something
        *[OK[:10], OK[10:]],  # TLS's buffer held more than it returned at first
    )
    connection = connected(address, tls)
    connection.start(b"request")
    seen = []
    while (answer := connection.proceed()) is None:
        seen.append((connection.open, connection.wants))
    assert seen == [
        (False, EVENT_READ),
        (False, EVENT_WRITE),
        (True, EVENT_READ),
        (True, EVENT_READ | EVENT_WRITE),
        (True, EVENT_READ | EVENT_WRITE),
        (True, EVENT_READ | EVENT_WRITE),
    ]
    assert answer == PLAIN
    assert (tls.name, tls.sent) == ("host", [b"request"] * 3 + [b"est"])


def test_a_request_on_an_open_connection_is_sent_immediately(address: Address) -> None:
    tls = ScriptedTls(None, 7, OK, 7, WANT_READ)
    connection = connected(address, tls)
    connection.start(b"request")
    assert connection.proceed() == PLAIN
    assert (connection.silent, connection.answers) == (False, 1)
    connection.start(b"another")
    assert (tls.sent[-1], connection.silent) == (b"another", True)
    assert connection.still_open()


@pytest.mark.parametrize("ending", [b"", b"something", ConnectionResetError()])
def test_a_closed_idle_connection_is_not_open(address: Address, ending: object) -> None:
    connection = connected(address, ScriptedTls(None, 1, OK, ending))
    connection.start(b"x")
    connection.proceed()
    assert not connection.still_open()


def test_a_port_without_a_listener_fails(address: Address) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()
    connection = connected((*address[:4], closed))
    with pytest.raises(ConnectionRefusedError):
        connection.proceed()
    connection.close()


def test_an_unreachable_address_fails(address: Address) -> None:
    with pytest.raises(OSError, match=r"unreachable|denied") as caught:
        Connection((*address[:4], ("255.255.255.255", 1)), None, "host")
    assert caught.value.errno in {errno.ENETUNREACH, errno.EACCES}
