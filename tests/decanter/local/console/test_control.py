"""Which requests come from the developer."""

import pytest

from decanter.local.console.control import may_change
from decanter.local.sockets.http import Request


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
