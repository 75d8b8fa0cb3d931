"""The client's side of a connection, with the frames that the app sends."""

import json
from typing import Any, Protocol

from decanter.gateway.model import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, Connection
from decanter.testing.errors import ConnectionClosed, NoFrame
from decanter.testing.inbox import Inbox

NOT_TEXT = 1003
TOO_LARGE = 1009


class Runner(Protocol):
    """Runs the handlers for the events of a client. `WebSocketClient` is the only runner."""

    @property
    def last_error(self) -> BaseException | None:
        """The last exception since the last WebSocket event began, or None."""

    @property
    def raised(self) -> str:
        """The type and the text of `last_error`, or ""."""

    def message(self, websocket: "Peer", text: str) -> None:
        """Run the handler of a message."""

    def ended(self, websocket: "Peer", code: int, reason: str) -> None:
        """Record that a connection is closed."""

    def vanished(self, websocket: "Peer") -> None:
        """End a connection without a disconnect event."""

    def run_pending(self) -> None:
        """Run the disconnect handlers of closed connections."""


class Peer:
    """The client's side of a connection.

    Attributes:
        connection_id: API Gateway's id of the connection.
        subprotocol: the subprotocol that the connect handler selected, or None.
        name: the client's name in errors.
    """

    def __init__(self, client: Runner, connection: Connection, name: str) -> None:
        self.connection_id = connection.id
        self.subprotocol: str | None = None
        self.name = name
        self.connection = connection
        self.inbox = Inbox(lambda code, reason: client.ended(self, code, reason))
        self._client = client

    @property
    def closed(self) -> tuple[int, str] | None:
        """The close code and the close reason; None while the connection is open."""
        return self.inbox.closed

    @property
    def unread(self) -> list[str]:
        """The frames that have arrived, but that the test has not yet read with `receive()`."""
        self._client.run_pending()
        return [*self.inbox.frames]

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection. When this method returns, the disconnect handler has run."""
        self.inbox.close(code, reason)
        self._client.run_pending()

    def vanish(self) -> None:
        """End the connection without a disconnect event. On AWS, this event may get lost."""
        self._client.vanished(self)

    def _transmit(self, message: str | bytes) -> None:
        __tracebackhide__ = True
        self._client.run_pending()
        self._check_open()
        if isinstance(message, bytes):
            self.inbox.close(NOT_TEXT, "")
        elif len(message.encode()) > min(MAX_FRAME_BYTES, MAX_MESSAGE_BYTES):
            self.inbox.close(TOO_LARGE, "")
        else:
            self._client.message(self, message)
        self._client.run_pending()

    def _check_open(self) -> None:
        __tracebackhide__ = True
        if self.closed is not None:
            raise ConnectionClosed(self.name, *self.closed)


class WebSocket(Peer):
    """A client that sends and receives frames."""

    def send(self, message: str | bytes) -> None:
        """Send a message in one frame. When this method returns, the handler has run.

        As in API Gateway, an invalid message closes the connection. The code is 1003 for bytes
        and 1009 for a frame above 32 KB.

        Raises:
            ConnectionClosed: the connection is already closed.
        """
        __tracebackhide__ = True
        self._transmit(message)

    def send_json(self, value: Any) -> None:
        """Send a value as JSON."""
        self.send(json.dumps(value))

    def receive(self) -> str:
        """Return the next frame.

        Raises:
            NoFrame: no frame is left. Waiting does not help, because every handler has run.
            ConnectionClosed: no frame is left, and the connection is closed.
        """
        __tracebackhide__ = True
        self._client.run_pending()
        if self.inbox.frames:
            return self.inbox.frames.popleft()
        self._check_open()
        raise NoFrame(self.name, self._client.raised) from self._client.last_error

    def receive_json(self) -> Any:
        """Return the JSON value of the next frame.

        Raises:
            NoFrame, ConnectionClosed: as in `receive`.
        """
        return json.loads(self.receive())
