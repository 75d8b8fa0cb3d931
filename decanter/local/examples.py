"""Create the example messages that the console and the client suggest for each route."""

import json
import re
from typing import Any

from decanter.project.declaration import Declaration

ONE_MEMBER = re.compile(r"\$request\.body\.([\w\-.]+)|\$\{request\.body\.([^{}]+)\}")
"""A selection expression that names one member of the message."""

UNTYPED = {"data": "hello world !"}
"""The payload of a route that declares no type."""


def examples(declared: Declaration, expression: str, routes: list[str]) -> dict[str, str | None]:
    """Return an example message for each route; None if no example selects the route."""
    payloads = {
        route.route_key: route.example for router in declared.routers for route in router.routes
    }
    found = {key: message(expression, key, payloads.get(key)) for key in routes}
    if "$default" in found and (of_router := _only_in_a_router(declared, routes)):
        found["$default"] = of_router
    return found


def _only_in_a_router(declared: Declaration, routes: list[str]) -> str | None:
    """Return a message for which API Gateway selects `$default`, and a router selects a route."""
    for router in declared.routers:
        for route in router.routes:
            if route.route_key not in routes:
                return message(router.expression, route.route_key, route.example)
    return None


def message(expression: str, route_key: str, payload: Any = None) -> str | None:
    """Return an example message for one route; None if no example selects the route."""
    body = payload if isinstance(payload, dict) else UNTYPED
    if route_key in ("$connect", "$disconnect"):
        return None
    if route_key == "$default":
        return compact(body)
    match = ONE_MEMBER.fullmatch(expression)
    if match is None:
        return None
    return compact(with_member(body, (match[1] or match[2]).split("."), route_key))


def with_member(body: Any, path: list[str], value: str) -> dict[str, Any]:
    """Return the object with this value at the path, as the object's first member."""
    name, *rest = path
    members = body if isinstance(body, dict) else {}
    inner = with_member(members.get(name), rest, value) if rest else value
    return {name: inner} | {key: each for key, each in members.items() if key != name}


def compact(body: Any) -> str:
    """Return JSON without spaces between its members."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
