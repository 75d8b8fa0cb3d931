"""Keep calls to AWS on this machine while a test runs.

While the block is on, botocore's clients reach only this machine (`redirect` asks here), and no
code of this process, with any library, opens a connection to an AWS host. Other hosts are not
checked: tests may use a database or a queue of their own.

The block does not cover other processes, or code that opens its sockets outside Python (pycurl,
uvloop, AWS's Common Runtime).
"""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from decanter.testing.environ import environment
from decanter.testing.errors import CallRefused
from decanter.testing.hosts import AWS_DOMAINS, is_aws, normal

# The block must see host names, which a proxy would hide.
_NO_PROXY = ("localhost", "127.0.0.1", "::1", *(f".{domain}" for domain in AWS_DOMAINS))
_PROXIED = re.compile(rb"[A-Z]+ https?://(?:[^/@\s]*@)?(\[[^\]\s]*\]|[^:/?\s]+)")


class Block:
    """On while at least one user keeps it on; hosts may be allowed.

    It applies to the whole process, as an app's threads do not know which test started them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keepers: list[object] = []
        self._allowed: list[tuple[str, ...]] = []
        self._variables = ExitStack()

    @property
    def is_on(self) -> bool:
        """True if some hosts are refused."""
        return bool(self._keepers) and ("*",) not in self._allowed

    @contextmanager
    def on(self) -> Iterator[None]:
        """Keep it on."""
        watch_sockets()
        with self._entered(self._keepers, object()):
            yield

    @contextmanager
    def allow(self, *hosts: str) -> Iterator[None]:
        """Allow hosts; `*` in a name stands for any text."""
        with self._entered(self._allowed, tuple(map(normal, hosts))):
            yield

    def allows(self, host: str | bytes | bytearray) -> bool:
        """True if calls may go to this host, which is not this machine."""
        name = normal(host)
        patterns = [pattern for hosts in self._allowed for pattern in hosts]
        return not self.is_on or any(fnmatchcase(name, pattern) for pattern in patterns)

    @contextmanager
    def _entered(self, entries: list[Any], entry: object) -> Iterator[None]:
        with self._lock:
            entries.append(entry)
            self._set_variables()
        try:
            yield
        finally:
            with self._lock:
                entries.remove(entry)
                self._set_variables()

    def _set_variables(self) -> None:
        """While the block is on, call AWS and this machine without a proxy."""
        self._variables.close()
        if self.is_on:
            self._variables.enter_context(environment(_without_proxy()))


BLOCK = Block()
"""The process's block."""


@contextmanager
def aws_allowed(*hosts: str) -> Iterator[None]:
    """Let calls leave this machine, for a test that calls AWS on purpose.

    In an open `WebSocketClient`, @connections and the app's tables stay local, and the credentials
    in the environment stay fake.

    Args:
        hosts: the allowed hosts, such as `localstack` or `*.localhost.localstack.cloud`; all if
            none is given.
    """
    with BLOCK.allow(*hosts or "*"):
        yield


def _without_proxy() -> dict[str, str]:
    before = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = before if before.strip() == "*" else ",".join([*filter(None, [before]), *_NO_PROXY])
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def _looked_up(arguments: tuple[Any, ...]) -> list[Any]:
    return [arguments[0]]


def _connected(arguments: tuple[Any, ...]) -> list[Any]:
    address = arguments[1]
    return [*address[:1]] if isinstance(address, tuple) else []


def _requested(arguments: tuple[Any, ...]) -> list[Any]:
    """Return the hosts of a request: it may use a kept connection, or a proxy."""
    connection, data = arguments
    proxied = _PROXIED.match(data) if isinstance(data, bytes) else None
    hosts = [connection.host, getattr(connection, "_tunnel_host", None)]
    return [*hosts, proxied[1]] if proxied else hosts


_HOSTS: dict[str, Callable[[tuple[Any, ...]], list[Any]]] = {
    "socket.getaddrinfo": _looked_up,
    "socket.gethostbyname": _looked_up,
    "socket.connect": _connected,
    "socket.sendto": _connected,
    "socket.sendmsg": _connected,
    "http.client.send": _requested,
}
"""Python's audit events → the hosts that the event is about to reach."""


def check_event(event: str, arguments: tuple[Any, ...], block: Block = BLOCK) -> None:
    """Refuse a connection to AWS.

    Raises:
        CallRefused: the block is on, and does not allow the host.
    """
    hosts_of = _HOSTS.get(event)
    if hosts_of is None or not block.is_on:
        return
    for host in hosts_of(arguments):
        named = isinstance(host, str | bytes | bytearray)
        if named and is_aws(host) and not block.allows(host):
            raise CallRefused("A connection", normal(host))


@cache
def watch_sockets() -> None:
    """Check every connection of this process; an audit hook stays until the process ends."""
    sys.addaudithook(check_event)
