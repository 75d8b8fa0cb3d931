"""The rights and the sweep of an app with channels; an app without them has neither."""

from pathlib import Path
from typing import Any

import pytest

from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.describe import describe
from decanter.project.rights import has_disconnect_hooks, policy
from tests.support.apps import SmallProject
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
LOUNGE = (Path(__file__).parents[2] / "projects" / "lounge" / "app.py").read_text()
DECLARED, MINUTES = "sweep = scheduled_sweep(app, router)\n", "DECANTER_SWEEP_MINUTES"
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


@pytest.mark.parametrize(
    ("line", "variables", "refusal"),
    [
        ("", {}, "no sweep, so nothing"),
        ("", {MINUTES: "5"}, "no sweep, so nothing"),
        (DECLARED, {}, f"its sweep is off, because {MINUTES} is not set or is 0, so nothing"),
        (DECLARED, {MINUTES: "0"}, f"its sweep is off, because {MINUTES} is not set or is 0, "),
        (DECLARED, {MINUTES: "5"}, None),
    ],
)
def test_the_refusal_says_which_part_of_the_sweep_is_missing(
    line: str, variables: dict[str, str], refusal: str | None, tmp_path: Path
) -> None:
    small = SmallProject(tmp_path)
    small.configure(**variables)
    assert DECLARED in LOUNGE
    small.write(LOUNGE.replace(DECLARED, line))
    found = describe(Project.load(small.folder)).refusal
    if refusal is None:
        assert found is None
        return
    assert found is not None
    assert f"the app has channels and {refusal}" in found
    assert ("app.py needs" in found) is not bool(line)
    assert f"the stage needs the variable {MINUTES}" in found


def test_only_the_apps_own_functions_delete_the_rows_of_members() -> None:
    """Wherever a row is deleted, its subscriptions must be deleted too."""
    assert has_disconnect_hooks(of())
    assert not has_disconnect_hooks(declaration(NEEDY_TABLE, ROUTER))
    assert of().subscription_table is not None
