"""The values of the `Host` header that a server on this machine accepts.

The owner of a web page can point the page's name at this machine (DNS rebinding). The page can then
send requests to this machine and read the answers, but `Host` still contains the page's name.
Nobody can rebind an IP address.

`local/dynamodb/server.py` loads this file by its path, so this file must not import other modules
of Decanter.
"""

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Self

LOOPBACK = ("127.0.0.1", "::1", "localhost")
CONTAINERS = ("host.docker.internal", "host.containers.internal")
"""The names by which a container reaches its host machine."""

SHOWN_CHARACTERS = 100


class Hosts:
    """The values of the header `Host` that a server accepts.

    `names` are the server's names and addresses, each accepted with the server's port. `allowed`
    are additional hosts; a host without a port is accepted with any port. `any_address` accepts
    every IP address, with any port.
    """

    def __init__(
        self,
        names: Iterable[str],
        port: int,
        allowed: Iterable[str] = (),
        *,
        any_address: bool = False,
    ) -> None:
        self._own = own_hosts(names, port)
        self._allowed = frozenset(host.lower() for host in allowed)
        self._any_address = any_address

    @classmethod
    def listening(cls, host: str, address: tuple[str, int], allowed: Iterable[str] = ()) -> Self:
        """Return the hosts that a listening server accepts.

        If other machines can reach the server, it accepts every IP address and this machine's usual
        names, because a router or a container's published port can change the address. `host` is
        the name or address that the user gave; `address` has the IP address and the port of the
        server's socket.
        """
        ip, port = address
        if is_loopback(ip):
            return cls({*LOOPBACK, host, ip}, port, allowed)
        machine = socket.gethostname()
        names = {*LOOPBACK, *CONTAINERS, host, machine, f"{machine}.local"}
        return cls(names, port, allowed, any_address=True)

    def serve(self, host: str) -> bool:
        """True if a request with this `Host` is accepted."""
        host = host.lower()
        name = without_port(host)
        if host in self._own or not self._allowed.isdisjoint((host, name)):
            return True
        return self._any_address and is_address(name)

    def refusal(self, host: str) -> str:
        """Return one line with the reason why this `Host` is refused."""
        if not host:
            return "the request has no Host"
        shown, name = host[:SHOWN_CHARACTERS], without_port(host)[:SHOWN_CHARACTERS]
        return f"Host {shown} is not served: if the name is yours, add --allow-host {name}"


def own_hosts(names: Iterable[str], port: int) -> frozenset[str]:
    """Return the values of `Host` for a server with these names or addresses on this port."""
    hosts = {f"[{name}]" if ":" in name else name for name in names if name}
    with_port = {f"{host}:{port}".lower() for host in hosts}
    return frozenset(with_port | ({host.lower() for host in hosts} if port == 80 else set()))


def without_port(host: str) -> str:
    """Return the name or address in a `Host`. An IPv6 address keeps its brackets."""
    return re.sub(r":[0-9]*$", "", host)


def is_address(name: str) -> bool:
    """True for an IP address. An IPv6 address may have brackets."""
    try:
        ip_address(name[1:-1] if name.startswith("[") else name)
    except ValueError:
        return False
    return True


def is_loopback(ip: str) -> bool:
    """True if only this machine can reach the address."""
    return ip_address(ip.partition("%")[0]).is_loopback


def shown_host(host: str) -> str:
    """Return the host to use in the URL of a server that listens on `host` on this machine."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
