"""A connection's events: it asks to connect, it sends, it has ended; and what an event may send."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from decanter.runtime.errors import DecanterError
from decanter.runtime.fanout.outbox import Outbox
from decanter.runtime.fanout.report import Report
from decanter.runtime.recipients import BEGINNING, Removed

_SUBPROTOCOL = "Sec-WebSocket-Protocol"


class Refused(DecanterError):
    """Raised by a connect hook: the client gets this HTTP status and is not connected.

    Attributes:
        status: 400 to 599.
        reason: for the log; API Gateway sends it to nobody.
    """

    def __init__(self, status: int = 403, reason: str = "") -> None:
        super().__init__(status, reason)
        if not 400 <= status <= 599:
            raise ValueError(f"a connection is refused with a status of 400 to 599, not {status}")
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return self.reason or f"status {self.status}"


class Handshake:
    """What a client says when it connects.

    It cannot be sent to yet: until the handler has returned, API Gateway answers posts with 410.

    Attributes:
        event: of `$connect`, as API Gateway sent it.
        connection_id: the id that it will have.
        headers: the last value of each, by its name in small letters.
        query: the last value of each parameter.
        source_ip: the client's address.
        subprotocols: those it offers, its favourite first.
        attributes: the application's own, for the connection's row.
    """

    def __init__(
        self, event: Mapping[str, Any], attributes: Mapping[str, Any] | None = None
    ) -> None:
        context = event["requestContext"]
        headers: Mapping[str, str] = event.get("headers") or {}
        self.event = event
        self.connection_id: str = context["connectionId"]
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.query: Mapping[str, str] = event.get("queryStringParameters") or {}
        self.source_ip: str = context.get("identity", {}).get("sourceIp", "")
        self.subprotocols = self._offered()
        self.attributes: dict[str, Any] = dict(attributes or {})
        self._subprotocol: str | None = None

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the connection will speak; None for none."""
        return self._subprotocol

    @subprotocol.setter
    def subprotocol(self, chosen: str | None) -> None:
        """Choose one.

        Raises:
            ValueError: the client did not offer it, and would close the connection.
        """
        if chosen is not None and chosen not in self.subprotocols:
            raise ValueError(f"subprotocol {chosen!r} is none of those offered")
        self._subprotocol = chosen

    @property
    def response(self) -> dict[str, Any]:
        """The handler's response, which lets the client in."""
        if self._subprotocol is None:
            return {"statusCode": 200}
        return {"statusCode": 200, "headers": {_SUBPROTOCOL: self._subprotocol}}

    def _offered(self) -> list[str]:
        """From every header of that name: a client may send one a subprotocol."""
        several: Mapping[str, list[str]] = self.event.get("multiValueHeaders") or {}
        lines = [
            line
            for name, values in several.items()
            if name.lower() == _SUBPROTOCOL.lower()
            for line in values
        ] or [self.headers.get(_SUBPROTOCOL.lower(), "")]
        return [word.strip() for line in lines for word in line.split(",") if word.strip()]


class Hello:
    """A client that says who it is, for the hook that authenticates it.

    Attributes:
        handshake: how it connects: headers, query, address.
        identity: who it is; None for a client that stays unknown.
        expires_at: until when that is known, epoch seconds; None for no end.
    """

    def __init__(self, handshake: Handshake) -> None:
        self.handshake = handshake
        self.identity: str | None = None
        self.expires_at: int | None = None


Frame = str | Mapping[str, Any] | Sequence[Any]
"""What can be sent: a string as it is, anything else as its JSON text."""


class ConnectionEvent:
    """An event of a connection, and the means to send while it is handled.

    Attributes:
        event: as API Gateway sent it.
        context: Lambda's; None where there is none.
        outbox: what it may send.
        connection_id: whose event it is.
        request_id: this event's, as in the log and in API Gateway's own frames.
        connected_at: when the client connected, epoch milliseconds.
    """

    def __init__(self, event: Mapping[str, Any], context: object, outbox: Outbox) -> None:
        request_context = event["requestContext"]
        self.event = event
        self.context = context
        self.outbox = outbox
        self.connection_id: str = request_context.get("connectionId", "")
        self.request_id: str = request_context.get("requestId", "")
        self.connected_at: int = request_context.get("connectedAt", 0)

    @cached_property
    def identity(self) -> str | None:
        """Whose connection it is, as the authenticate hook recorded it; one read of the table.

        Raises:
            StoreError, ConfigurationError: the table cannot be read.
        """
        return self.outbox.connections.identify(self.connection_id)

    def send(self, connection_ids: str | Iterable[str], frame: Frame) -> Report:
        """Send a frame to one connection, or to several at once.

        Args:
            connection_ids: one connection id, or several.
            frame: a string as it is, anything else as its JSON text.

        Raises:
            TooLarge: it has more than 131,072 bytes; nothing is sent.
            PostingRefusedError: this function may not post.
        """
        return self.outbox.send(connection_ids, _text(frame))

    def broadcast(
        self, frame: Frame, after: str = BEGINNING, exclude: str | Collection[str] = ()
    ) -> Report:
        """Send a frame to every connection, the sender's own included.

        Args:
            frame: a string as it is, anything else as its JSON text.
            after: the cursor of a report with connections left over, to go on there.
            exclude: the connection, or those, that do not get it.

        Raises:
            TooLarge: it has more than 131,072 bytes; nothing is sent.
        """
        excluded = {exclude} if isinstance(exclude, str) else {*exclude}
        return self.outbox.broadcast(_text(frame), after, excluded)


class Disconnection(ConnectionEvent):
    """A recorded connection that has ended; its row is deleted.

    It is found gone by a broadcast, a send or a sweep, or `$disconnect` tells. API Gateway
    delivers that event best effort.

    Attributes:
        event: `$disconnect`, or the event in which the connection is found gone.
        connection_id: whose end it is.
        connected_at: when the client connected, epoch milliseconds; 0 if the row did not say.
        code: of the WebSocket's close, 1006 if there was none; None for a connection found gone.
        reason: the close's, or API Gateway's own; empty for a connection found gone.
        attributes: what the application has put on the row, by the model's names.
    """

    def __init__(
        self,
        event: Mapping[str, Any],
        context: object,
        outbox: Outbox,
        removed: Removed,
    ) -> None:
        super().__init__(event, context, outbox)
        told = event["requestContext"] if self._is_told(event, removed) else None
        self.connection_id = removed.connection_id
        self.connected_at = removed.connected_at
        self.code: int | None = told.get("disconnectStatusCode", 1006) if told else None
        self.reason: str = told.get("disconnectReason", "") if told else ""
        self.attributes = removed.attributes

    @cached_property
    def identity(self) -> str | None:
        """Whose connection it was, as its row had it."""
        return self.attributes.get("identity")

    @staticmethod
    def _is_told(event: Mapping[str, Any], removed: Removed) -> bool:
        context = event["requestContext"]
        return (context.get("eventType"), context.get("connectionId")) == (
            "DISCONNECT",
            removed.connection_id,
        )

    def broadcast(
        self, frame: Frame, after: str = BEGINNING, exclude: str | Collection[str] = ()
    ) -> Report:
        """Send a frame to every other connection."""
        excluded = {exclude} if isinstance(exclude, str) else {*exclude}
        return super().broadcast(frame, after, excluded | {self.connection_id})


def _text(frame: Frame) -> str:
    """Non-ASCII is escaped: a lone surrogate, which clients may send so, has no UTF-8."""
    return frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"))
