"""The framework behind app.py: a table of connections, a router, a broadcast.

Importing it reads no environment and talks to nobody.
"""

from .broadcast import Report
from .connections import ConnectionModel, connection_table
from .faults import Fault, Flooding, Forbidden, InvalidPayload, RateLimited
from .handshake import Handshake, Refused
from .identity import IdentifiedModel
from .multicast import Multicast
from .origins import AllowedOrigins
from .pacing import PacedModel, Pacing
from .request import Disconnection, Occasion, Request
from .route import GetResponse, Response
from .routes import Routes
from .routing import Router
from .settings import sweep_minutes
from .tables import table
from .tokens import WebTokens

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
