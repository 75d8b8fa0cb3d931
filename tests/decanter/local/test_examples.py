"""The example messages that the console and the client suggest."""

import pytest

from decanter.local.examples import examples, message
from tests.support.declarations import declaration


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


ROUTER = {
    "kind": "router",
    "expression": "$request.body.do",
    "routes": [{"route_key": "say", "function": "say", "example": {"text": "text"}}],
    "default": False,
}


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (["$default"], {"$default": '{"do":"say","text":"text"}'}),
        (
            ["$default", "say"],
            {"$default": '{"data":"hello world !"}', "say": '{"action":"say","text":"text"}'},
        ),
        (["$connect"], {"$connect": None}),
    ],
)
def test_without_a_template_the_default_route_suggests_a_routers_message(
    routes: list[str], expected: dict[str, str | None]
) -> None:
    """All messages reach `$default` then, and the router selects by its own expression."""
    assert examples(declaration(ROUTER), "$request.body.action", routes) == expected
