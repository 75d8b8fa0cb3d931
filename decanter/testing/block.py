"""Block calls to AWS while a test runs.

While the block is on, botocore's clients can reach only this machine (`redirect` checks it here),
and no library in this process can connect to a host of AWS. Connections to other hosts are not
checked: tests may use their own database or queue.

The block does not see other processes, or code that opens its sockets outside of Python (pycurl,
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

# With a proxy, the block would not see the hosts of the calls.
_NO_PROXY = ("localhost", "127.0.0.1", "::1", *(f".{domain}" for domain in AWS_DOMAINS))
_PROXIED = re.compile(rb"[A-Z]+ https?://(?:[^/@\s]*@)?(\[[^\]\s]*\]|[^:/?\s]+)")


class Block:
    """A block that is on while at least one caller keeps it on, except for allowed hosts.

    It applies to the whole process, because an app's threads do not know their caller.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keepers: list[object] = []
        self._allowed: list[tuple[str, ...]] = []
        self._variables = ExitStack()

    @property
    def is_on(self) -> bool:
        """True if it refuses some hosts."""
        return bool(self._keepers) and ("*",) not in self._allowed

    @contextmanager
    def on(self) -> Iterator[None]:
        """Keep the block on."""
        watch_sockets()
        with self._entered(self._keepers, object()):
            yield

    @contextmanager
    def allow(self, *hosts: str) -> Iterator[None]:
        """Allow hosts. `*` in a host matches any text."""
        with self._entered(self._allowed, tuple(map(normal, hosts))):
            yield

    def allows(self, host: str | bytes | bytearray) -> bool:
        """True if calls to this host are allowed. The host is not this machine."""
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
        """Disable proxies for AWS and this machine while the block is on."""
        self._variables.close()
        if self.is_on:
            self._variables.enter_context(environment(_without_proxy()))


BLOCK = Block()
"""The block of this process."""


@contextmanager
def aws_allowed(*hosts: str) -> Iterator[None]:
    """Allow calls to leave this machine, for a test that calls AWS intentionally.

    An open `WebSocketClient` still answers calls to @connections and the app's tables, and the
    credentials in the environment are still dummies.

    Args:
        hosts: the hosts to allow, such as `localstack` or `*.localhost.localstack.cloud`. By
            default, all hosts.
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
    """Return a request's hosts: it can use an open connection or a proxy."""
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
"""Python's audit events → the hosts that the audited call would reach."""


def check_event(event: str, arguments: tuple[Any, ...], block: Block = BLOCK) -> None:
    """Refuse a connection to AWS.

    Raises:
        CallRefused: the block is on and does not allow the host.
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
    """Check every connection of this process. An audit hook cannot be removed."""
    sys.addaudithook(check_event)
