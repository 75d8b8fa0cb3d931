"""A client's end of a connection, in a test."""

import json
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from decanter.gateway.model import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, Connection
from decanter.testing.errors import ConnectionClosed, NoFrame

NOT_TEXT = 1003
TOO_LARGE = 1009


class Gateway(Protocol):
    """What the client's end asks of the gateway's."""

    @property
    def raised(self) -> str:
        """What the last handler raised, empty if it did not."""

    def message(self, websocket: "WebSocket", text: str) -> None:
        """Have a message handled."""

    def ended(self, websocket: "WebSocket", code: int, reason: str) -> None:
        """The connection is closed: have it forgotten and the disconnect handler run."""

    def run_pending(self) -> None:
        """Run the handlers of what has happened since."""


class WebSocket:
    """An open connection, as its client sees it.

    Attributes:
        connection_id: API Gateway's name for it.
        subprotocol: the one that the connect handler chose.
        name: what errors call it.
    """

    def __init__(self, gateway: Gateway, connection: Connection, name: str) -> None:
        self.connection_id = connection.id
        self.subprotocol: str | None = None
        self.name = name
        self.connection = connection
        self.inbox = Inbox(lambda code, reason: gateway.ended(self, code, reason))
        self._gateway = gateway

    @property
    def closed(self) -> tuple[int, str] | None:
        """The code and the reason with which it ended; None while it is open."""
        return self.inbox.closed

    @property
    def unread(self) -> list[str]:
        """The frames that have arrived and are not received yet."""
        self._gateway.run_pending()
        return [*self.inbox.frames]

    def send(self, message: str | bytes) -> None:
        """Send a message in one frame; its handler has run when this returns.

        What API Gateway does not take closes the connection: bytes with 1003, more than 32 KB in a
        frame with 1009.

        Raises:
            ConnectionClosed: it is closed already.
        """
        self._gateway.run_pending()
        self._check_open()
        if isinstance(message, bytes):
            self.inbox.close(NOT_TEXT, "")
        elif len(message.encode()) > min(MAX_FRAME_BYTES, MAX_MESSAGE_BYTES):
            self.inbox.close(TOO_LARGE, "")
        else:
            self._gateway.message(self, message)
        self._gateway.run_pending()

    def send_json(self, value: Any) -> None:
        """Send a value as its JSON text."""
        self.send(json.dumps(value))

    def receive(self) -> str:
        """The next frame.

        Raises:
            NoFrame: there is none, and none will come: every handler has run.
            ConnectionClosed: there is none, and the connection is closed.
        """
        self._gateway.run_pending()
        if self.inbox.frames:
            return self.inbox.frames.popleft()
        self._check_open()
        raise NoFrame(self.name, self._gateway.raised)

    def receive_json(self) -> Any:
        """The next frame's value.

        Raises:
            NoFrame, ConnectionClosed: as `receive`.
        """
        return json.loads(self.receive())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection; its disconnect handler has run when this returns."""
        self.inbox.close(code, reason)
        self._gateway.run_pending()

    def _check_open(self) -> None:
        if self.closed is not None:
            raise ConnectionClosed(self.name, *self.closed)


class Inbox:
    """What the gateway sends to a client: its `Outlet`.

    Args:
        on_close: told once, when either side has closed.
    """

    is_clogged = False

    def __init__(self, on_close: Callable[[int, str], None]) -> None:
        self.frames: deque[str] = deque()
        self.closed: tuple[int, str] | None = None
        self._on_close = on_close

    def send(self, data: bytes) -> bool:
        """Take a frame, unless the connection is closed."""
        if self.closed is None:
            self.frames.append(data.decode())
        return self.closed is None

    def close(self, code: int, reason: str) -> None:
        """End the connection; it has but one end."""
        if self.closed is None:
            self.closed = (code, reason)
            self._on_close(code, reason)

    def abort(self) -> None:
        """End it without a word."""
        self.close(1006, "")
