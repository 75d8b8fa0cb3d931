"""Which requests come from the developer."""

import pytest

from decanter.local.control import may_change, own_hosts
from decanter.local.request import Request


@pytest.mark.parametrize(
    ("name", "port", "host"),
    [
        ("127.0.0.1", 8000, "127.0.0.1:8000"),
        ("::1", 8000, "[::1]:8000"),
        ("My.Host", 9, "my.host:9"),
        ("localhost", 80, "localhost"),
        ("localhost", 80, "localhost:80"),
    ],
)
def test_the_host_of_a_name_or_an_address(name: str, port: int, host: str) -> None:
    assert host in own_hosts([name], port)


def test_no_name_is_no_host() -> None:
    assert own_hosts([""], 8000) == frozenset()


@pytest.mark.parametrize(
    ("name", "value", "may"),
    [
        ("Content-Type", "application/json", True),
        ("content-type", "Application/JSON; charset=utf-8", True),
        ("X-Decanter", "1", True),
        ("Content-Type", "text/plain", False),
        ("Content-Type", "application/jsonx", False),
        ("X-Other", "1", False),
    ],
)
def test_what_may_change_something(name: str, value: str, may: bool) -> None:
    assert may_change(Request("POST", "/_gateway/faults", ((name, value),))) is may
