"""Block calls to AWS in tests.

While the block is on, botocore's clients can reach only this machine and allowed hosts. The module
`redirect` checks this. Other libraries in this process can connect to any host outside AWS, because
tests may use their own database or queue. They can connect to a host of AWS only if it is allowed.

The block has no effect on other processes, or on code that opens its sockets outside Python
(pycurl, uvloop, AWS's Common Runtime).
"""

import os
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from decanter.aws_hosts import AWS_DOMAINS, REACHING, is_aws, normal, reached
from decanter.testing.environ import environment
from decanter.testing.errors import CallRefused

# With a proxy, the block may see only the proxy's host.
_NO_PROXY = ("localhost", "127.0.0.1", "::1", *(f".{domain}" for domain in AWS_DOMAINS))


class Block:
    """A block of calls to AWS, except for allowed hosts. The block is on within `on`.

    The block applies to the whole process, because it is not known which test started a thread of
    the app.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keepers: list[object] = []
        self._allowed: list[tuple[str, ...]] = []
        self._variables = ExitStack()

    @property
    def is_on(self) -> bool:
        """True if the block is active and not all hosts are allowed."""
        return bool(self._keepers) and ("*",) not in self._allowed

    @contextmanager
    def on(self) -> Iterator[None]:
        """Keep the block on until the end of the `with` block."""
        watch_sockets()
        with self._entered(self._keepers, object()):
            yield

    @contextmanager
    def allow(self, *hosts: str) -> Iterator[None]:
        """Within the `with` block, allow these hosts. A `*` in a host matches any text."""
        with self._entered(self._allowed, tuple(map(normal, hosts))):
            yield

    def allows(self, host: str | bytes | bytearray) -> bool:
        """True if calls to a host are allowed. This method is not for hosts of this machine."""
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
        """Disable proxies for AWS and this machine while calls are blocked."""
        self._variables.close()
        if self.is_on:
            self._variables.enter_context(environment(_without_proxy()))


BLOCK = Block()
"""The block of this process."""


@contextmanager
def aws_allowed(*hosts: str) -> Iterator[None]:
    """Allow calls to AWS in a test that needs them.

    An open `WebSocketClient` still answers calls to @connections, to DynamoDB if the app has
    tables, and to SQS if the app has queues. The environment still contains dummy credentials.

    Args:
        hosts: the hosts to allow, such as `localstack` or `*.localhost.localstack.cloud`. The
            default is all hosts.
    """
    with BLOCK.allow(*hosts or "*"):
        yield


def _without_proxy() -> dict[str, str]:
    before = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = before if before.strip() == "*" else ",".join([*filter(None, [before]), *_NO_PROXY])
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def check_event(
    event: str,
    arguments: tuple[Any, ...],
    block: Block = BLOCK,
    reaching: Collection[str] = REACHING,  # when Python ends, it sets a module's names to None
) -> None:
    """Raise CallRefused for a connection to a host of AWS that the active block does not allow."""
    if event not in reaching or not block.is_on:
        return
    for host in reached(event, arguments):
        if is_aws(host) and not block.allows(host):
            raise CallRefused("A connection", host)


@cache
def watch_sockets() -> None:
    """Check every connection of this process from now on. An audit hook cannot be removed."""
    sys.addaudithook(check_event)
