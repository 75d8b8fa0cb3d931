"""The console's access rules, and the masking of tokens."""

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
def test_a_change_needs_json_or_the_header(name: str, value: str, may: bool) -> None:
    assert may_change(Request("POST", "/_gateway/faults", ((name, value),))) is may


@pytest.mark.parametrize(
    ("values", "parameters"),
    [
        ({"Sec-WebSocket-Protocol": ["v1, decanter.token, s3cret.t0ken"]}, None),
        ({"sec-websocket-protocol": ["decanter.token", "s3cret.t0ken"]}, None),
        ({"Authorization": ["Bearer s3cret.t0ken"]}, None),
        ({}, {"token": "s3cret.t0ken"}),
    ],
)
def test_a_clients_token_is_masked_wherever_it_is_in_its_event(
    values: dict[str, list[str]], parameters: dict[str, str] | None
) -> None:
    event = {
        "headers": {name: each[-1] for name, each in values.items()},
        "multiValueHeaders": values,
        "queryStringParameters": parameters,
    }
    masked = without_tokens({"event": event, "response": {"body": "not s3cret.t0ken"}})
    assert "s3cret" not in json.dumps(masked)
    assert masked["response"] == {"body": "not (the token)"}


@pytest.mark.parametrize("token", ["e", "tru", '"', "\\"])
def test_a_token_that_is_part_of_the_json_is_masked_in_texts_only(token: str) -> None:
    event = {"queryStringParameters": {"token": token}, "isBase64Encoded": True, "body": None}
    masked = without_tokens({"event": event, "response": None})["event"]
    assert masked == {**event, "queryStringParameters": {"token": "(the token)"}}


def test_an_event_without_a_token_is_shown_as_it_is() -> None:
    kept = {"event": {"body": "decanter.token, x"}, "response": None}
    assert without_tokens(kept) == kept
