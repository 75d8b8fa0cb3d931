"""Decanter: WebSocket applications on API Gateway, Lambda and DynamoDB, in Python.

    from decanter import ConnectionModel, Router, connection_table

The import reads no environment variable and makes no network call. Each name is imported at its
first use, so an application loads only the parts that it uses. The tool imports
`decanter.runtime` only in the commands `publish` and `connections`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from decanter.runtime.channels.codes import Disconnect, ReplyError
    from decanter.runtime.channels.declaration import Publication, Subscription
    from decanter.runtime.channels.memberships import SubscriptionModel, subscription_table
    from decanter.runtime.errors import (
        Flooding,
        Forbidden,
        InvalidPayload,
        MessageError,
        RateLimited,
    )
    from decanter.runtime.fanout.report import Report
    from decanter.runtime.hooks.origins import AllowedOrigins
    from decanter.runtime.hooks.rate_limit import RateLimit, RateLimitedModel
    from decanter.runtime.hooks.tokens import WebTokens
    from decanter.runtime.publishing.http import publish_route
    from decanter.runtime.publishing.queue import Queue
    from decanter.runtime.rights import uses
    from decanter.runtime.routing.connection_event import (
        ConnectionEvent,
        Disconnection,
        Handshake,
        Hello,
        Refused,
        TokenExpired,
    )
    from decanter.runtime.routing.request import Request
    from decanter.runtime.routing.response import Response
    from decanter.runtime.routing.router import Router
    from decanter.runtime.routing.routes import GetResponse, Routes
    from decanter.runtime.routing.scheduled_sweep import scheduled_sweep
    from decanter.runtime.store.connections import (
        ConnectionModel,
        IdentifiedModel,
        connection_table,
    )
    from decanter.runtime.store.jobs import JobModel, job_table
    from decanter.runtime.store.tables import table

_ROOMS = {
    "channels.codes": ("Disconnect", "ReplyError"),
    "channels.declaration": ("Publication", "Subscription"),
    "channels.memberships": ("SubscriptionModel", "subscription_table"),
    "errors": ("MessageError", "Flooding", "Forbidden", "InvalidPayload", "RateLimited"),
    "fanout.report": ("Report",),
    "hooks.origins": ("AllowedOrigins",),
    "hooks.rate_limit": ("RateLimitedModel", "RateLimit"),
    "hooks.tokens": ("WebTokens",),
    "publishing.http": ("publish_route",),
    "publishing.queue": ("Queue",),
    "rights": ("uses",),
    "routing.connection_event": (
        "ConnectionEvent",
        "Disconnection",
        "Handshake",
        "Hello",
        "Refused",
        "TokenExpired",
    ),
    "routing.request": ("Request",),
    "routing.router": ("Router",),
    "routing.response": ("Response",),
    "routing.routes": ("GetResponse", "Routes"),
    "routing.scheduled_sweep": ("scheduled_sweep",),
    "store.connections": ("ConnectionModel", "IdentifiedModel", "connection_table"),
    "store.jobs": ("JobModel", "job_table"),
    "store.tables": ("table",),
}
"""The public names, by the module of `decanter.runtime` that defines them."""

_MODULES = {name: module for module, names in _ROOMS.items() for name in names}

__all__ = [
    "AllowedOrigins",
    "ConnectionEvent",
    "ConnectionModel",
    "Disconnect",
    "Disconnection",
    "Flooding",
    "Forbidden",
    "GetResponse",
    "Handshake",
    "Hello",
    "IdentifiedModel",
    "InvalidPayload",
    "JobModel",
    "MessageError",
    "Publication",
    "Queue",
    "RateLimit",
    "RateLimited",
    "RateLimitedModel",
    "Refused",
    "ReplyError",
    "Report",
    "Request",
    "Response",
    "Router",
    "Routes",
    "Subscription",
    "SubscriptionModel",
    "TokenExpired",
    "WebTokens",
    "connection_table",
    "job_table",
    "publish_route",
    "scheduled_sweep",
    "subscription_table",
    "table",
    "uses",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from decanter.runtime.gc_paused import gc_paused

    with gc_paused():
        value = getattr(import_module(f"decanter.runtime.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
