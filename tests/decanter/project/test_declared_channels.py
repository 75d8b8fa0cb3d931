"""The rights and the sweep of an app with channels; an app without them has neither."""

from typing import Any

import pytest

from decanter.project.declaration import Declaration
from decanter.project.rights import has_disconnect_hooks, policy
from tests.support.declarations import NEEDY_TABLE, ROUTER, declaration

SUBSCRIPTIONS: dict[str, Any] = {
    **NEEDY_TABLE,
    "environment": "SUBSCRIPTIONS_TABLE",
    "logical_id": "SubscriptionsTable",
    "is_connections": False,
    "is_subscriptions": True,
    "actions": {},
}
ALL = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
ALL += ["dynamodb:UpdateItem"]
CHANNELS: dict[str, Any] = {
    "patterns": ["chat:{room}"],
    "connections": {"websocket_message": ["dynamodb:GetItem", "dynamodb:UpdateItem"]},
    "subscriptions": {
        "websocket_message": ALL,
        "websocket_disconnect": ["dynamodb:DeleteItem"],
        "sweep": ["dynamodb:DeleteItem"],
    },
    "senders": {"connections": ["dynamodb:GetItem"], "subscriptions": ALL},
}


class Named:
    """Resources by plain names."""

    log_actions: tuple[str, ...] = ("logs:PutLogEvents",)

    def table(self, table: Any) -> Any:
        return table.environment

    def indexes(self, table: Any) -> Any:
        return f"{table.environment}/index"

    def connections(self, method: str) -> Any:
        return method

    def queue(self, queue: Any) -> Any:
        return queue.name

    def dead_letters(self, queue: Any) -> Any:
        return queue.dead_letters

    def log_group(self, function: str) -> Any:
        return function


def of(**channels: Any) -> Declaration:
    router = {**ROUTER, "channels": CHANNELS | channels}
    schedules = {"sweep": "rate(5 minutes)"}
    return declaration(NEEDY_TABLE, SUBSCRIPTIONS, router, schedules=schedules)


def allowed(found: Declaration, function: str) -> dict[str, list[str]]:
    """Return the actions of a function by its first resource."""
    statements = policy(None, found, function, Named())["Statement"]
    return {each["Resource"][0]: each["Action"] for each in statements}


@pytest.mark.parametrize(
    ("function", "actions"),
    [
        ("websocket_message", ALL),
        ("sweep", ["dynamodb:DeleteItem"]),
        ("websocket_connect", None),
    ],
)
def test_each_function_has_the_rights_that_its_channels_need(
    function: str, actions: list[str] | None
) -> None:
    assert allowed(of(), function).get("SUBSCRIPTIONS_TABLE") == actions


def test_a_frame_completes_the_row_of_its_connection() -> None:
    actions = allowed(of(), "websocket_message")[NEEDY_TABLE["environment"]]
    assert {"dynamodb:GetItem", "dynamodb:UpdateItem"} <= {*actions}
    raw = declaration(NEEDY_TABLE, ROUTER)
    assert allowed(raw, "websocket_message")[NEEDY_TABLE["environment"]] == [
        "dynamodb:DeleteItem",
        "dynamodb:Scan",
    ]


def test_an_app_with_channels_needs_a_sweep() -> None:
    assert of().refusal is None
    found = declaration(NEEDY_TABLE, SUBSCRIPTIONS, {**ROUTER, "channels": CHANNELS})
    assert found.refusal is not None
    assert "app.py needs sweep = scheduled_sweep(app, router)" in found.refusal
    assert "the stage needs the variable DECANTER_SWEEP_MINUTES" in found.refusal
    assert found.warnings[-1] == found.refusal


def test_only_the_apps_own_functions_delete_the_rows_of_members() -> None:
    """Wherever a row is deleted, its subscriptions must be deleted too."""
    assert has_disconnect_hooks(of())
    assert not has_disconnect_hooks(declaration(NEEDY_TABLE, ROUTER))
    assert of().subscription_table is not None
