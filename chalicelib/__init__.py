"""The framework behind app.py: a table of connections, a router, a broadcast.

Importing it reads no environment and talks to nobody. What not every application uses is imported
when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .collector import collector_paused

with collector_paused():
    from .broadcast import Report
    from .connections import ConnectionModel, connection_table
    from .faults import Fault, Flooding, Forbidden, InvalidPayload, RateLimited
    from .handshake import Handshake, Refused
    from .origins import AllowedOrigins
    from .request import Disconnection, Occasion, Request
    from .route import GetResponse, Response
    from .routes import Routes
    from .routing import Router
    from .settings import sweep_minutes

_LATER = {
    "IdentifiedModel": "identity",
    "Multicast": "multicast",
    "PacedModel": "pacing",
    "Pacing": "pacing",
    "WebTokens": "tokens",
    "table": "tables",
}
"""The modules of the names that are imported when they are asked for."""

if TYPE_CHECKING:
    from .identity import IdentifiedModel
    from .multicast import Multicast
    from .pacing import PacedModel, Pacing
    from .tables import table
    from .tokens import WebTokens
else:

    def __getattr__(name: str) -> Any:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_LATER[name]}", __name__), name)


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
