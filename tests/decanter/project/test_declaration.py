"""Reading the report of a process that imported an app."""

from typing import Any

import pytest

from decanter.errors import ProjectError
from decanter.project.declaration import (
    Declaration,
    LambdaFunction,
    RouteDeclaration,
    RouterDeclaration,
)
from tests.support.projects import TABLE

ROUTER = {
    "kind": "router",
    "expression": "$request.body.message",
    "routes": [{"route_key": "sendmessage", "operation_name": "SendRoute", "function": "send"}],
    "default": False,
}


WORK = {"name": "work", "kind": "sqs", "source": "jobs", "handler": "app.work"}


def report(*declarations: dict[str, Any]) -> dict[str, Any]:
    return {
        "app_name": "pour",
        "framework": None,
        "websocket": {"$default": {"name": "message", "function": "websocket_message"}},
        "http_routes": [],
        "schedules": {},
        "functions": [WORK],
        "warnings": ["careful"],
        "refusal": "no flag",
        "declarations": list(declarations),
    }


def test_reads_tables_and_routers() -> None:
    declaration = Declaration.from_json(report(ROUTER, TABLE))
    (table,) = declaration.tables
    assert (table.key, table.attributes) == (("connectionID",), {"connectionID": "S"})
    assert table.ttl_attribute == "expires_at"
    assert table.is_connections
    assert not table.has_indexes
    routes = (RouteDeclaration("sendmessage", "SendRoute", "send"),)
    assert declaration.routers == (RouterDeclaration("$request.body.message", routes, False),)
    assert declaration.warnings[0] == "careful"
    assert declaration.refusal == "no flag"
    assert declaration.lambdas == {"work": LambdaFunction("work", "sqs", "jobs", "app.work")}


def test_reads_the_rights_of_each_function() -> None:
    table = {**TABLE, "actions": {"websocket_message": ["dynamodb:Scan", "dynamodb:DeleteItem"]}}
    router = {**ROUTER, "posts": {"websocket_message": ["POST"]}}
    declaration = Declaration.from_json(report(router, table))
    actions = {"websocket_message": ("dynamodb:DeleteItem", "dynamodb:Scan")}
    assert declaration.tables[0].actions == actions
    assert declaration.routers[0].posts == {"websocket_message": ("POST",)}


def test_an_unknown_kind_is_ignored() -> None:
    assert Declaration.from_json(report({"kind": "queue"}, TABLE)).routers == ()


@pytest.mark.parametrize("key", sorted(set(TABLE) - {"kind", "ttl_attribute"}))
def test_a_missing_member_is_named(key: str) -> None:
    partial = {name: value for name, value in TABLE.items() if name != key}
    with pytest.raises(ProjectError, match=f"answered without '{key}'"):
        Declaration.from_json(report(partial))


def test_two_tables_need_two_logical_ids() -> None:
    with pytest.raises(ProjectError, match="declares 2 tables as ConnectionsTable"):
        Declaration.from_json(report(TABLE, {**TABLE, "read_capacity_units": 1}))


def test_functions_are_sorted_by_name() -> None:
    work, answer = {**WORK}, {**WORK, "name": "answer", "kind": "lambda"}
    declared = Declaration.from_json({**report(), "functions": [work, answer]})
    assert declared.functions == ("answer", "work")


def test_a_router_whose_routes_get_no_message_is_refused() -> None:
    connect = {"$connect": {"name": "connect", "function": "websocket_connect"}}
    own: dict[str, Any] = {"websocket": connect, "warnings": [], "refusal": None}
    found = Declaration.from_json(report(ROUTER) | own)
    assert found.refusal is not None
    assert "the app has no message handler" in found.refusal
    assert found.warnings[-1] == found.refusal
    assert "no disconnect handler" in found.warnings[0]
    found = Declaration.from_json(report({**ROUTER, "routes": []}) | own)
    assert found.refusal is None
