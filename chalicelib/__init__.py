"""The framework behind app.py: a table of connections, a router, a broadcast.

Importing it reads no environment and talks to nobody.
"""

from .broadcast import Report
from .connections import ConnectionModel, connection_table
from .errors import InvalidPayload, RateLimited
from .request import Request
from .routing import Router

__all__ = [
    "ConnectionModel",
    "InvalidPayload",
    "RateLimited",
    "Report",
    "Request",
    "Router",
    "connection_table",
]
