"""Test the WebSockets of a Chalice app in the test's process, with the local gateway's rules.

    from decanter.testing import WebSocketClient

    with WebSocketClient(app) as client:
        alice = client.connect(query={"nickname": "alice"})
        alice.send_json({"action": "echo", "text": "hi"})
        assert alice.receive_json() == "hi"

The test client works with any Chalice app, and together with `chalice.test.Client`. It starts no
process and does not wait. When `connect`, `send` or `close` returns, the handler has run and its
frames have arrived.

An open test client answers every call of a botocore client to @connections, for any endpoint. No
call to AWS leaves this machine, except to allowed hosts (`aws_allowed`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from decanter.extras import missing_extra
from decanter.gc_paused import gc_paused

if TYPE_CHECKING:
    from decanter.testing.block import aws_allowed
    from decanter.testing.channels import ChannelClient, ClientSubscription
    from decanter.testing.client import WebSocketClient
    from decanter.testing.errors import (
        CallRefused,
        CommandRefused,
        ConnectionClosed,
        ConnectRefused,
        NoFrame,
        UnreadFrames,
    )
    from decanter.testing.events import connect_event, disconnect_event, message_event
    from decanter.testing.websocket import WebSocket

__all__ = [
    "CallRefused",
    "ChannelClient",
    "ClientSubscription",
    "CommandRefused",
    "ConnectRefused",
    "ConnectionClosed",
    "NoFrame",
    "UnreadFrames",
    "WebSocket",
    "WebSocketClient",
    "aws_allowed",
    "connect_event",
    "disconnect_event",
    "message_event",
]

_MODULES = {
    "ChannelClient": "channels",
    "ClientSubscription": "channels",
    "WebSocket": "websocket",
    "WebSocketClient": "client",
    "aws_allowed": "block",
}


def __getattr__(name: str) -> Any:
    """Import a name at its first use. pytest loads this package in every project."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES.get(name) or ("events" if name.endswith("_event") else "errors")
    try:
        with gc_paused():
            return getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if (line := missing_extra(error)) is None:
            raise
        raise ModuleNotFoundError(line, name=error.name) from None
