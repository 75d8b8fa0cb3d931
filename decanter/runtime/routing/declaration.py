"""The declaration of a router, for the tool. On AWS, no code imports this file."""

import os
from collections.abc import Mapping
from typing import Any

from decanter.runtime.errors import ConfigurationError, SettingError
from decanter.runtime.payload_example import payload_example
from decanter.runtime.publishing.queue import Queue
from decanter.runtime.publishing.queue import declaration_of as queue_declaration
from decanter.runtime.recipients import SWEEP
from decanter.runtime.rights import contributions
from decanter.runtime.routing.routes import DEFAULT, Route, Routes
from decanter.runtime.routing.sending import Sending
from decanter.runtime.settings import Settings
from decanter.runtime.transports import transport_of

MESSAGE = "websocket_message"


def declaration(router: Sending, expression: str, authenticator: object) -> dict[str, Any]:
    """Return the declaration that the tool reads."""
    queue: Queue | None = router.queue
    authenticating = [*filter(None, [authenticator])]
    connecting = [*router.connect_hooks, *(() if router.wire else authenticating)]
    receiving = [*router.message_hooks, *(authenticating if router.wire else ())]
    hooks = {"websocket_connect": connecting, MESSAGE: receiving}
    routes = [
        {
            "route_key": route.route_key,
            "operation_name": route.operation_name,
            "function": route.function.__name__,
            **_example(route),
        }
        for route in router.declared.values()
        if route.route_key != DEFAULT
    ]
    found: dict[str, Any] = {
        "kind": "router",
        "expression": expression,
        "routes": routes,
        "default": DEFAULT in router.declared,
        "posts": {MESSAGE: _methods(router), SWEEP: ["DELETE", "GET"]},
        "settings": _settings(hooks),
        "invalid_settings": _invalid_settings(hooks),
        **_uses(router, connecting),
        **({"queue": queue_declaration(queue)} if queue else {}),
    }
    if router.wire:
        from decanter.runtime.routing.channel_declaration import with_channels

        return with_channels(found, router.wire, authenticating)
    return found


def _uses(router: Routes, connecting: list[Any]) -> dict[str, Any]:
    """Return the rights that the routes and hooks of each function add.

    Every function that deletes rows runs the disconnect hooks. The argument of these hooks has a
    method to broadcast, so a disconnect hook without `@uses` may send.
    """
    ended = contributions(router.disconnect_hooks, sends=True)
    messages = [*router.message_hooks, *router.around, *router.error_handlers.values()]
    for route in router.declared.values():
        messages += [route.function, *filter(None, [route.allow]), *route.middleware]
    return {
        "uses": {
            "websocket_connect": contributions(connecting),
            MESSAGE: contributions(messages) + ended,
            "websocket_disconnect": ended,
            SWEEP: ended,
        },
        "where_rows_are_deleted": ended,
    }


def _settings(hooks: Mapping[str, list[Any]]) -> dict[str, list[list[str]]]:
    """Return the groups of variables for each function's hooks.

    A stage must set one variable of each group.
    """
    groups = {
        function: [[*group] for hook in each for group in getattr(hook, "settings", ())]
        for function, each in hooks.items()
    }
    return {function: each for function, each in groups.items() if each}


def _invalid_settings(hooks: Mapping[str, list[Any]]) -> dict[str, list[str]]:
    """Return the errors in the settings of each function's hooks and of the router.

    A missing variable does not count, because the tool has a warning for it.
    """
    checks = {
        function: [
            it.__decanter_settings__
            for it in each
            if hasattr(it, "__decanter_settings__") and _set(it)
        ]
        for function, each in hooks.items()
    }
    checks[MESSAGE].append(lambda: transport_of(Settings.from_env(os.environ)))
    found: dict[str, list[str]] = {}
    for function, each in checks.items():
        for check in each:
            try:
                check()
            except ConfigurationError as error:
                if not isinstance(error, SettingError) or error.value is not None:
                    found.setdefault(function, []).append(str(error))
    return found


def _set(hook: Any) -> bool:
    """Return True if the environment sets a variable of each group that a hook needs."""
    return all(any(map(os.environ.get, group)) for group in getattr(hook, "settings", ()))


def _methods(router: Routes) -> list[str]:
    """Return the HTTP methods that the message function calls on connections.

    A message hook whose attribute `closes` is True needs DELETE.
    """
    closes = any(getattr(hook, "closes", False) for hook in router.message_hooks)
    return ["DELETE", "POST"] if closes else ["POST"]


def _example(route: Route) -> dict[str, Any]:
    """Return the member `example`, if the route declares a payload."""
    if route.read_payload is None:
        return {}
    return {"example": payload_example(route.function, route.read_payload)}
