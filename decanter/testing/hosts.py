"""Recognise the hosts of this machine and of AWS, by name alone, without a DNS lookup."""

import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# The suffixes in botocore's partitions; every name under the top-level domain `aws` is Amazon's.
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
    """Return a host as DNS sees it: in lower case, in ASCII, without the dot of the root."""
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


def is_aws(host: str | bytes | bytearray) -> bool:
    """True for an AWS name, and for the addresses that give a machine its credentials."""
    name = normal(host)
    return (
        any(f".{name}".endswith(f".{domain}") for domain in AWS_DOMAINS)
        or is_instance_metadata(name)
        or _within(name, CREDENTIALS)
    )


def is_instance_metadata(host: str) -> bool:
    """True for the addresses of EC2's metadata service."""
    return _within(host, INSTANCE_METADATA)


def _within(host: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    address = _address(host)
    return address is not None and any(address in network for network in networks)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a name contains, in any form that the C library reads."""
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(name))  # one number, hexadecimal, octal
        except OSError:
            return None
    return getattr(address, "ipv4_mapped", None) or address
