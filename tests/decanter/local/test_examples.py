"""The example messages that the console and the client suggest."""

import pytest

from decanter.local.examples import message


@pytest.mark.parametrize(
    ("expression", "route", "payload", "expected"),
    [
        ("$request.body.action", "bid", {"amount": 1}, '{"action":"bid","amount":1}'),
        ("${request.body.action}", "bid", None, '{"action":"bid","data":"hello world !"}'),
        ("$request.body.a.b", "bid", {"a": {"c": 1, "b": 2}}, '{"a":{"b":"bid","c":1}}'),
        ("$request.body.action", "bid", {"action": "x", "n": 1}, '{"action":"bid","n":1}'),
        ("$request.body.action", "$default", None, '{"data":"hello world !"}'),
        ("$request.body.action", "$connect", None, None),
        ("$request.body.a-${request.body.b}", "x-y", None, None),
    ],
)
def test_a_message_selects_its_route(
    expression: str, route: str, payload: object, expected: str | None
) -> None:
    assert message(expression, route, payload) == expected
