"""Decanter: WebSocket applications on API Gateway, Lambda and DynamoDB, in Python.

    from decanter import ConnectionModel, Router, connection_table

Importing it reads no environment and talks to nobody. Each name is imported when it is first asked
for, so that an application pays for what it uses, and the command line for none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from decanter.runtime.errors import Fault, Flooding, Forbidden, InvalidPayload, RateLimited
    from decanter.runtime.fanout.broadcast import Report
    from decanter.runtime.fanout.multicast import Multicast
    from decanter.runtime.hooks.origins import AllowedOrigins
    from decanter.runtime.hooks.rate_limit import PacedModel, Pacing
    from decanter.runtime.hooks.tokens import WebTokens
    from decanter.runtime.routing.connection_event import Handshake, Refused
    from decanter.runtime.routing.request import Disconnection, Occasion, Request
    from decanter.runtime.routing.router import Router
    from decanter.runtime.routing.routes import GetResponse, Response, Routes
    from decanter.runtime.settings import sweep_minutes
    from decanter.runtime.store.connections import (
        ConnectionModel,
        IdentifiedModel,
        connection_table,
    )
    from decanter.runtime.store.tables import table

_ROOMS = {
    "errors": ("Fault", "Flooding", "Forbidden", "InvalidPayload", "RateLimited"),
    "fanout.broadcast": ("Report",),
    "fanout.multicast": ("Multicast",),
    "hooks.origins": ("AllowedOrigins",),
    "hooks.rate_limit": ("PacedModel", "Pacing"),
    "hooks.tokens": ("WebTokens",),
    "routing.connection_event": ("Handshake", "Refused"),
    "routing.request": ("Disconnection", "Occasion", "Request"),
    "routing.router": ("Router",),
    "routing.routes": ("GetResponse", "Response", "Routes"),
    "settings": ("sweep_minutes",),
    "store.connections": ("ConnectionModel", "IdentifiedModel", "connection_table"),
    "store.tables": ("table",),
}
"""The names of the framework, by the module of `decanter.runtime` that defines them."""

_MODULES = {name: module for module, names in _ROOMS.items() for name in names}

__all__ = [
    "AllowedOrigins",
    "ConnectionModel",
    "Disconnection",
    "Fault",
    "Flooding",
    "Forbidden",
    "GetResponse",
    "Handshake",
    "IdentifiedModel",
    "InvalidPayload",
    "Multicast",
    "Occasion",
    "PacedModel",
    "Pacing",
    "RateLimited",
    "Refused",
    "Report",
    "Request",
    "Response",
    "Router",
    "Routes",
    "WebTokens",
    "connection_table",
    "sweep_minutes",
    "table",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from decanter.runtime.gc_paused import collector_paused

    with collector_paused():
        value = getattr(import_module(f"decanter.runtime.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
