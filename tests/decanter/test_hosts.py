"""The accepted values of `Host`."""

import socket

import pytest

from decanter.hosts import Hosts, own_hosts

LOCAL = Hosts.listening("127.0.0.1", ("127.0.0.1", 8000))
OPEN = Hosts.listening("0.0.0.0", ("0.0.0.0", 8000))
MACHINE = socket.gethostname()


@pytest.mark.parametrize(
    ("name", "port", "host"),
    [
        ("127.0.0.1", 8000, "127.0.0.1:8000"),
        ("::1", 8000, "[::1]:8000"),
        ("My.Host", 9, "my.host:9"),
        ("My.Host", 80, "my.host"),
        ("localhost", 80, "localhost:80"),
    ],
)
def test_a_name_or_an_address_is_parsed(name: str, port: int, host: str) -> None:
    assert host in own_hosts([name], port)


def test_an_invalid_name_is_not_a_host() -> None:
    assert own_hosts([""], 8000) == frozenset()


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "LocalHost:8000", "[::1]:8000"]
)
def test_a_server_on_loopback_has_three_names(host: str) -> None:
    assert LOCAL.serve(host)
    assert OPEN.serve(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "evil.example:8000", "localhost.evil.example:8000", "localhost."),
        *("127.0.0.1.evil.example:8000", "127.0.0.1:8000.evil.example", "evil.example:127.0.0.1"),
        *("127.0.0.1:8000, evil.example", "evil.example@127.0.0.1:8000", "127.0.0.1:8000/"),
        *(
            ":8000",
            "[::1",
            "::1]:8000",
            "[evil.example]:8000",
            "0x7f.1:8000",
            "localhost:8000:8000",
        ),
    ],
)
def test_any_other_name_is_refused_everywhere(host: str) -> None:
    assert not LOCAL.serve(host)
    assert not OPEN.serve(host)


@pytest.mark.parametrize(
    "host",
    [
        *("192.168.1.5:8000", "203.0.113.9", "203.0.113.9:80", "127.0.0.1:9000"),
        *("[fd00::1]:8000", "[2001:db8::1]", "0.0.0.0:8000"),
        *(f"{MACHINE}:8000", f"{MACHINE.upper()}.local:8000", "host.docker.internal:8000"),
    ],
)
def test_a_public_server_accepts_addresses_and_the_machines_names(host: str) -> None:
    """A router or a published port may change the address or the port."""
    assert OPEN.serve(host)
    assert not LOCAL.serve(host)


@pytest.mark.parametrize("port", ["", ":9000"])
def test_a_name_without_the_port_is_refused(port: str) -> None:
    assert not LOCAL.serve(f"localhost{port}")
    assert not OPEN.serve(f"localhost{port}")
    assert not OPEN.serve(f"host.docker.internal{port}")


@pytest.mark.parametrize(
    ("address", "is_open"),
    [("127.0.0.1", False), ("127.0.0.2", False), ("::1", False), ("::", True), ("fe80::1%2", True)],
)
def test_the_sockets_address_decides_if_it_is_public(address: str, is_open: bool) -> None:
    """A name in /etc/hosts may be of either kind."""
    hosts = Hosts.listening("dev.test", (address, 8000))
    assert hosts.serve("dev.test:8000")
    assert hosts.serve("10.0.0.9:8000") is is_open


@pytest.mark.parametrize(
    ("allowed", "served", "refused"),
    [
        ("my.tunnel.example", ["My.Tunnel.example", "my.tunnel.example:443"], ["tunnel.example"]),
        ("localhost:9000", ["localhost:9000"], ["localhost:9001", "localhost"]),
        ("[fd00::1]", ["[fd00::1]:80"], ["[fd00::2]:80"]),
        ("[fd00::1]:80", ["[fd00::1]:80"], ["[fd00::1]"]),
    ],
)
def test_an_allowed_host_without_a_port_is_accepted_on_any(
    allowed: str, served: list[str], refused: list[str]
) -> None:
    hosts = Hosts.listening("127.0.0.1", ("127.0.0.1", 8000), [allowed])
    assert all(map(hosts.serve, [*served, "127.0.0.1:8000"]))
    assert not any(map(hosts.serve, refused))


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("", "the request has no Host"),
        (
            "a.example:80",
            "Host a.example:80 is not accepted: if the name is yours, add --allow-host a.example",
        ),
        ("x" * 5000, "Host " + "x" * 100 + " is not accepted: if the name is yours, add --allow-"),
    ],
)
def test_a_refusal_is_one_short_line_that_names_host_and_option(host: str, line: str) -> None:
    refusal = LOCAL.refusal(host)
    assert refusal.startswith(line)
    assert len(refusal) < 300
