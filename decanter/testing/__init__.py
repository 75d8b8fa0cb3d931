"""WebSocket tests of a Chalice app, in the test's own process, on the local gateway's rules.

    from decanter.testing import WebSocketClient

    with WebSocketClient(app) as client:
        alice = client.connect(query={"nickname": "alice"})
        alice.send_json({"action": "echo", "text": "hi"})
        assert alice.receive_json() == "hi"

For any Chalice app, beside `chalice.test.Client`. No process is started and nothing is waited for:
a handler has run when `connect`, `send` or `close` returns, and what it sent is there.

While a client is open, every call to @connections ends in it, whatever endpoint the caller names,
and no call to AWS leaves this machine; `aws_allowed` is the way out.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from decanter.extras import missing_extra
from decanter.testing.gc_paused import gc_paused

if TYPE_CHECKING:
    from decanter.testing.block import aws_allowed
    from decanter.testing.client import WebSocket, WebSocketClient
    from decanter.testing.errors import (
        CallRefused,
        ConnectionClosed,
        ConnectRefused,
        NoFrame,
        UnreadFrames,
    )
    from decanter.testing.events import connect_event, disconnect_event, message_event

__all__ = [
    "CallRefused",
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

_MODULES = {"WebSocket": "client", "WebSocketClient": "client", "aws_allowed": "block"}


def __getattr__(name: str) -> Any:
    """Load what is asked for: pytest's plugin is loaded in projects that never ask."""
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
