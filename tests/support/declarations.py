"""Declarations of an app, without an app."""

from collections.abc import Mapping
from typing import Any

from decanter.project.declaration import Declaration
from tests.support.projects import TABLE

ROUTES = {"$connect": "websocket_connect", "$default": "websocket_message"}

NEEDY_TABLE: dict[str, Any] = {
    **TABLE,
    "actions": {
        "websocket_connect": ["dynamodb:PutItem"],
        "websocket_message": ["dynamodb:Scan", "dynamodb:DeleteItem"],
        "sweep": ["dynamodb:Scan"],
    },
}

ROUTER: dict[str, Any] = {
    "kind": "router",
    "expression": "$request.body.message",
    "routes": [{"route_key": "sendmessage", "operation_name": "SendRoute", "function": "send"}],
    "default": False,
    "posts": {"websocket_message": ["POST"], "sweep": ["GET"]},
}

_EVERYTHING = [f"dynamodb:{call}" for call in ("DeleteItem", "GetItem", "PutItem", "Query")]
_OF_ROW = ["dynamodb:GetItem", "dynamodb:UpdateItem"]

CHANNELS: dict[str, Any] = {
    "posts": {
        "websocket_message": ["DELETE", "POST"],
        "websocket_disconnect": ["POST"],
        "sweep": ["DELETE", "GET", "POST"],
    },
    "channels": {
        "patterns": ["room:{room}"],
        "connections": {"websocket_message": _OF_ROW},
        "subscriptions": {"websocket_message": _EVERYTHING, "sweep": ["dynamodb:Query"]},
        "senders": {"connections": _OF_ROW, "subscriptions": _EVERYTHING},
    },
}
"""The members that channels add to a router."""

SUBSCRIPTIONS: dict[str, Any] = {
    **TABLE,
    "environment": "SUBSCRIPTIONS_TABLE",
    "logical_id": "SubscriptionsTable",
    "model": "decanter.runtime.channels.memberships.default_table.<locals>.Subscriptions",
    "is_connections": False,
    "is_subscriptions": True,
}
"""The table of a router with channels, if the app declares none."""


def declaration(
    *declared: dict[str, Any],
    http_routes: tuple[str, ...] = (),
    schedules: Mapping[str, str] | None = None,
    others: Mapping[str, str] | None = None,
) -> Declaration:
    """Return the parsed declaration of an app that handles connections and messages.

    Args:
        declared: the answers to `__decanter__`.
        http_routes: the paths of its HTTP routes.
        schedules: each scheduled function's expression, by its name.
        others: the kinds of its other functions, by their names.
    """
    kinds = dict.fromkeys(ROUTES.values(), "websocket") | dict.fromkeys(schedules or {}, "schedule")
    kinds |= {"api_handler": "http"} if http_routes else {}
    functions = [
        {"name": name, "kind": kind, "source": name, "handler": f"app.{name}"}
        for name, kind in (kinds | {**(others or {})}).items()
    ]
    report = {
        "app_name": "pour",
        "framework": None,
        "websocket": {key: {"name": key, "function": name} for key, name in ROUTES.items()},
        "http_routes": list(http_routes),
        "schedules": schedules or {},
        "functions": functions,
        "warnings": [],
        "refusal": None,
        "declarations": list(declared),
    }
    return Declaration.from_json(report)
