"""WebSocket tests of a Chalice app, in the test's own process, on the local gateway's rules.

    from decanter.testing import WebSocketClient

    with WebSocketClient(app) as client:
        alice = client.connect(query={"nickname": "alice"})
        alice.send_json({"action": "echo", "text": "hi"})
        assert alice.receive_json() == "hi"

For any Chalice app, beside `chalice.test.Client`. No process is started and nothing is waited for:
a handler has run when `connect`, `send` or `close` returns, and what it sent is there.

Importing this makes botocore's later clients ask whether a test client is open; while one is, every
call to @connections ends in it, whatever endpoint the caller names.
"""

from decanter.testing.collector import collector_paused

with collector_paused():
    from decanter.testing.client import WebSocketClient
    from decanter.testing.errors import (
        ConnectionClosed,
        ConnectRefused,
        NoFrame,
        UnreadFrames,
    )
    from decanter.testing.events import connect_event, disconnect_event, message_event
    from decanter.testing.redirect import install
    from decanter.testing.websocket import WebSocket

__all__ = [
    "ConnectRefused",
    "ConnectionClosed",
    "NoFrame",
    "UnreadFrames",
    "WebSocket",
    "WebSocketClient",
    "connect_event",
    "disconnect_event",
    "message_event",
]

install()
