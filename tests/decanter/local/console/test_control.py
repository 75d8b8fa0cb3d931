"""Which requests come from the developer."""

import json

import pytest

from decanter.local.console.control import may_change, without_tokens
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


def test_a_token_that_a_client_offered_is_masked_in_its_event() -> None:
    headers = {"Sec-WebSocket-Protocol": "v1, decanter.token, s3cret.t0ken"}
    many = {"Sec-WebSocket-Protocol": ["decanter.token, s3cret.t0ken"]}
    kept = {"event": {"headers": headers, "multiValueHeaders": many}, "response": None}
    event = without_tokens(kept)["event"]
    assert event["headers"] == {"Sec-WebSocket-Protocol": "v1, decanter.token, (the token)"}
    assert "s3cret" not in json.dumps(event)
