"""The connections to one endpoint, both open connections and connections that are being opened."""

import os
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property
from selectors import BaseSelector, DefaultSelector, EpollSelector

from decanter.runtime.clock import Clock
from decanter.runtime.session import ca_bundle, tls_context
from decanter.runtime.transports.fast.connection import Address, Connection
from decanter.runtime.transports.fast.http1 import Endpoint

Resolve = Callable[[str, int], Iterable[Address]]

OPENING_AT_ONCE = 16
KEPT_MS = 30_000
RESOLVED_MS = 60_000


class Pool:
    """Opens connections on demand, and keeps them between broadcasts.

    If there are `most` connections and none is idle, `has_room` returns False.
    """

    def __init__(
        self, endpoint: Endpoint, most: int, clock: Clock, resolve: Resolve | None = None
    ) -> None:
        self._endpoint = endpoint
        self._most = most
        self._clock = clock
        self._resolve = resolve or _addresses
        self._selector = DefaultSelector()
        self._epoll = _epoll_of(self._selector)
        self._all: dict[int, Connection] = {}
        self._opening: list[Connection] = []
        self._idle: list[Connection] = []  # the last one was used most recently, and is taken first
        self._rested_ms = 0
        self._addresses: deque[Address] = deque()
        self._resolved_ms = 0

    def wake(self) -> None:
        """Drop connections that may have been closed since the last broadcast.

        Lambda freezes a process between events. After that, the state of a connection is unknown
        until it is used. If the last broadcast ended more than half a minute ago, the idle
        connections are therefore dropped without a check. This time is measured with the wall
        clock, because the monotonic clock of a frozen process may have stopped.
        """
        if self._clock.time_ms() - self._rested_ms > KEPT_MS:
            aged, self._idle = self._idle, []
            for connection in aged:
                self.drop(connection)
        for connection in self.poll(0):
            self.check_idle(connection)

    def rest(self, unfinished: Iterable[Connection]) -> None:
        """End a broadcast.

        Drop the unfinished connections, because a late answer would look like the answer to the
        next request.
        """
        self._rested_ms = self._clock.time_ms()
        for connection in unfinished:
            self.drop(connection)

    def has_room(self, *, may_open: bool) -> bool:
        """Return True if a request can use an idle connection or, if `may_open`, a new one."""
        if self._idle or not may_open:
            return bool(self._idle)
        self._opening = [each for each in self._opening if not each.open]
        return len(self._all) < self._most and len(self._opening) < OPENING_AT_ONCE

    def get(self, *, new: bool = False) -> Connection:
        """Return an idle connection, or a new one if none is idle or if `new` is True.

        Raises:
            OSError: no connection can be opened.
        """
        if self._idle and not new:
            return self._idle.pop()
        return self._open()

    def watch(self, connection: Connection) -> None:
        """Make the selector wait for the events that a connection now wants."""
        if connection.wants != connection.watched:
            connection.watched = connection.wants
            self._selector.modify(connection.descriptor, connection.wants)

    def keep(self, connection: Connection) -> None:
        """Keep a connection for the next request."""
        self.watch(connection)
        self._idle.append(connection)

    def drop(self, connection: Connection) -> None:
        """Close a connection."""
        del self._all[connection.descriptor]
        for some in (self._opening, self._idle):
            if connection in some:
                some.remove(connection)
        self._selector.unregister(connection.descriptor)
        connection.close()

    def check_idle(self, connection: Connection) -> None:
        """Drop a connection that was closed while it was idle."""
        if connection in self._idle and not connection.still_open():
            self.drop(connection)

    def poll(self, seconds: float) -> list[Connection]:
        """Wait at most for the given time, and return the connections that can proceed."""
        if self._epoll is None:
            return [self._all[key.fd] for key, _ in self._selector.select(seconds)]
        return [self._all[descriptor] for descriptor, _ in self._epoll.poll(seconds)]

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._all.values()):
            self.drop(connection)
        self._selector.close()
        if self._epoll is not None:
            self._epoll.close()

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        return tls_context(ca_bundle()) if self._endpoint.secure else None

    def _open(self) -> Connection:
        """Open a connection to the host's next address."""
        self._look_up()
        problem = OSError("the name has no address")
        for _ in range(len(self._addresses)):
            self._addresses.rotate(-1)
            try:
                connection = Connection(self._addresses[-1], self._tls, self._endpoint.host)
            except OSError as error:  # unreachable; another address may work
                problem = error
                continue
            self._selector.register(connection.descriptor, connection.wants)
            self._all[connection.descriptor] = connection
            self._opening.append(connection)
            return connection
        raise problem

    def _look_up(self) -> None:
        now_ms = self._clock.time_ms()
        if not self._addresses or now_ms - self._resolved_ms > RESOLVED_MS:
            self._addresses = deque(self._resolve(self._endpoint.host, self._endpoint.port))
            self._resolved_ms = now_ms


def _addresses(host: str, port: int) -> Iterable[Address]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


def _epoll_of(selector: BaseSelector) -> "select.epoll | None":
    """Return a second epoll object for the selector's epoll, or None without epoll.

    The caller closes this object. A direct poll takes half the time: the selector creates an object
    for each of the many ready descriptors.
    """
    if isinstance(selector, EpollSelector):
        return select.epoll.fromfd(os.dup(selector.fileno()))
    return None
