"""Recognize hosts of this machine and of AWS by their names, without a DNS lookup.

`local/functions/worker.py` loads this file by its path, even in older versions of Python, so this
file must not import other modules of Decanter.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

# The domains that contain every DNS suffix in botocore's partitions. The top-level domain `aws`
# belongs to Amazon.
AWS_DOMAINS = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "amazonwebservices.com.cn",
    "amazonwebservices.eu",
    "aws",
    "aws.ic.gov",
    "c2s.ic.gov",
    "hci.ic.gov",
    "aws.scloud",
    "sc2s.sgov.gov",
    "adc-e.uk",
)
INSTANCE_METADATA = tuple(map(ip_network, ("169.254.169.254/32", "fd00:ec2::254/128")))
CREDENTIALS = tuple(map(ip_network, ("169.254.170.0/24", "fd00:ec2::23/128")))


def normal(host: str | bytes | bytearray) -> str:
    """Return a host in lower case, without a dot at the end, and in ASCII if possible."""
    name = host if isinstance(host, str) else host.decode(errors="replace")
    if not name.isascii():
        with suppress(UnicodeError):
            name = name.encode("idna").decode()
    return name.rstrip(".").lower()


def is_local(host: str | bytes) -> bool:
    """True if a connection to this host stays on this machine."""
    name = normal(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def is_local_url(url: str) -> bool:
    """True if a request for this URL stays on this machine."""
    try:
        return is_local(urlsplit(url).hostname or "")
    except ValueError:
        return False


def is_aws(host: str | bytes | bytearray) -> bool:
    """True for a host name of AWS, and for the address of a service that provides credentials."""
    name = normal(host)
    return any(f".{name}".endswith(f".{domain}") for domain in AWS_DOMAINS) or gives_credentials(
        name
    )


def gives_credentials(host: str) -> bool:
    """True for an address from which a program on AWS gets its credentials."""
    return is_instance_metadata(host) or _within(host, CREDENTIALS)


def is_instance_metadata(host: str) -> bool:
    """True for an address of EC2's instance metadata service."""
    return _within(host, INSTANCE_METADATA)


def is_dynamodb(host: str) -> bool:
    """True if the host is AWS's own DynamoDB, in any region or account."""
    labels = normal(host).split(".")
    return is_aws(host) and any(each == "ddb" or each.startswith("dynamodb") for each in labels)


def reached(event: str, arguments: tuple[Any, ...]) -> Iterator[str]:
    """Yield the hosts that a call is about to reach, in the form that `normal` returns.

    `event` is one of Python's audit events in `REACHING`.
    """
    for host in REACHING[event](arguments):
        if isinstance(host, (str, bytes, bytearray)):
            yield normal(host)


def _looked_up(arguments: tuple[Any, ...]) -> list[Any]:
    return [arguments[0]]


def _connected(arguments: tuple[Any, ...]) -> list[Any]:
    address = arguments[1]
    return [*address[:1]] if isinstance(address, tuple) else []


def _requested(arguments: tuple[Any, ...]) -> list[Any]:
    """Return all hosts of a request, which can go through a proxy or over an open connection."""
    connection, data = arguments
    proxied = _PROXIED.match(data) if isinstance(data, bytes) else None
    hosts = [connection.host, getattr(connection, "_tunnel_host", None)]
    return [*hosts, proxied[1]] if proxied else hosts


_PROXIED = re.compile(rb"[A-Z]+ https?://(?:[^/@\s]*@)?(\[[^\]\s]*\]|[^:/?\s]+)")
REACHING: dict[str, Callable[[tuple[Any, ...]], list[Any]]] = {
    "socket.getaddrinfo": _looked_up,
    "socket.gethostbyname": _looked_up,
    "socket.connect": _connected,
    "socket.sendto": _connected,
    "socket.sendmsg": _connected,
    "http.client.send": _requested,
}


def _within(host: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    address = _address(host)
    return address is not None and any(address in network for network in networks)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address in a text, in any notation that the C library accepts."""
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(name))  # one number, hexadecimal, octal
        except OSError:
            return None
    return getattr(address, "ipv4_mapped", None) or address
