"""The events of a connection: $connect, message and $disconnect."""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

from decanter.runtime.errors import DecanterError
from decanter.runtime.fanout.frame import Frame, ids
from decanter.runtime.fanout.outbox import Outbox
from decanter.runtime.fanout.report import Report
from decanter.runtime.recipients import BEGINNING, Removed

_SUBPROTOCOL = "Sec-WebSocket-Protocol"


class Refused(DecanterError):
    """A connect or authenticate hook raises this error to refuse a client.

    At `$connect`, the client gets the HTTP status.

    Attributes:
        status: 400 to 599.
        reason: the reason, for the log; the client does not get it.
    """

    def __init__(self, status: int = 403, reason: str = "") -> None:
        super().__init__(status, reason)
        if status not in range(400, 600):
            raise ValueError(f"a connection is refused with a status of 400 to 599, not {status!r}")
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return self.reason or f"status {self.status}"


class TokenExpired(Refused):
    """An authenticate hook raises this error for an expired token.

    In an app with channels, the client then requests a new token from its application.
    """

    def __init__(self, reason: str = "token: expired") -> None:
        super().__init__(401, reason)


class Handshake:
    """A client's request to connect.

    A connect hook cannot send messages to the client, because API Gateway answers posts with 410
    until the handler of `$connect` returns.

    Attributes:
        event: the `$connect` event, as API Gateway sent it. In an app with channels, the
            authenticate hook gets only the headers and the query of the `$connect` event, with the
            `requestContext` of the message.
        headers: the last value of each header, by the header's name in lower case.
        query: the last value of each query parameter.
        source_ip: the client's IP address.
        subprotocols: the subprotocols that the client offers, in the client's order of preference.
        attributes: the application's own attributes for the connection's row.
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
        """The subprotocol that the server selects, if any."""
        return self._subprotocol

    @subprotocol.setter
    def subprotocol(self, chosen: str | None) -> None:
        """Select a subprotocol.

        Raises:
            ValueError: the client did not offer this subprotocol, and would close the connection.
        """
        if chosen is not None and chosen not in self.subprotocols:
            raise ValueError(f"the client did not offer subprotocol {chosen!r}")
        self._subprotocol = chosen

    @property
    def response(self) -> dict[str, Any]:
        """The handler's response, which accepts the client."""
        if self._subprotocol is None:
            return {"statusCode": 200}
        return {"statusCode": 200, "headers": {_SUBPROTOCOL: self._subprotocol}}

    def _offered(self) -> list[str]:
        """Return the offered subprotocols. A client may send one header for each subprotocol."""
        several: Mapping[str, list[str]] = self.event.get("multiValueHeaders") or {}
        lines = [
            line
            for name, values in several.items()
            if name.lower() == _SUBPROTOCOL.lower()
            for line in values
        ] or [self.headers.get(_SUBPROTOCOL.lower(), "")]
        return [word.strip() for line in lines for word in line.split(",") if word.strip()]


class Hello:
    """A connecting client, for the authenticate hook.

    Without channels, the hook runs at `$connect`. With channels, it runs at the client's connect
    command, and again when the client refreshes its token.

    Attributes:
        handshake: the client's request, with headers, query and address. At a refresh, the headers
            and the query are empty.
        token: the token in the client's command, or an empty string; None in an app without
            channels.
        data: the JSON value in the client's connect command; None without a value.
        identity: the client's identity; None for an anonymous client.
        info: the JSON value that describes the client to the other members of a channel.
        expires_at: the time when the identity expires, in epoch seconds; None if it never expires.
        reply: the JSON value in the reply to the client's connect command.
        subscriptions: the channels that the server subscribes the client to, as names or patterns,
            each with the values of the pattern.
    """

    def __init__(self, handshake: Handshake, token: str | None = None, data: Any = None) -> None:
        self.handshake = handshake
        self.token = token
        self.data = data
        self.identity: str | None = None
        self.info: Any = None
        self.expires_at: int | None = None
        self.reply: Any = None
        self.subscriptions: list[tuple[str, Mapping[str, str]]] = []

    def subscribe(self, channel: str, **values: str) -> None:
        """Subscribe the client to a channel, without a call of the channel's function.

        `channel` is a name, or a pattern such as `user:{identity}`. `values` are the values of the
        pattern's variables, except `identity`, which is added automatically.
        """
        self.subscriptions.append((channel, values))


class ConnectionEvent:
    """An event of a connection, with methods to send messages.

    Attributes:
        event: the event, as API Gateway sent it.
        context: Lambda's context, if any.
        outbox: sends the event's messages.
        request_id: the event's id, as in the log and in API Gateway's own frames.
        connected_at: the time when the client connected, in epoch milliseconds.
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
        """The client's identity from the authenticate hook. The first access reads the table.

        Raises:
            StoreError, ConfigurationError: the table cannot be read.
        """
        return self.outbox.connections.identify(self.connection_id)

    def send(self, connection_ids: str | Iterable[str], frame: Frame) -> Report:
        """Send a frame to one connection, or to several.

        Without channels, a string is sent unchanged, and any other frame is sent as its JSON text.
        With channels, the frame becomes the JSON `data` of a `message` push.

        Raises:
            TooLarge: the frame is larger than 131,072 bytes or, for several connections, than
                `DECANTER_MAX_BROADCAST_BYTES`; nothing is sent.
            PostingRefusedError: the Lambda function is not allowed to post.
        """
        return self.outbox.wire.send(self.outbox, connection_ids, frame)

    def broadcast(
        self,
        frame: Frame,
        after: str = BEGINNING,
        exclude: str | Collection[str] = (),
        *,
        durable: bool = False,
    ) -> Report:
        """Send a frame to every connection, including the sender's.

        Args:
            frame: the frame, as for `send`.
            after: the cursor of an incomplete report; the broadcast continues there.
            exclude: one connection id or several to exclude.
            durable: True to give the whole broadcast to the router's queue, and post nothing here.

        Raises:
            TooLarge: the frame is larger than `DECANTER_MAX_BROADCAST_BYTES`; nothing is sent.
            PostingRefusedError: the Lambda function is not allowed to post.
            StoreError: the table cannot be read.
            ConfigurationError: `durable` is True, but the router has no queue.
            QueueError: `durable` is True, but SQS does not accept the message.
        """
        text = self.outbox.wire.text_of(frame)
        return self.outbox.broadcast(text, after, ids(exclude), durable=durable)

    def close(self, connection_ids: str | Iterable[str]) -> Report:
        """Close one connection, or several. The report counts closed connections as `sent`.

        Their `$disconnect` events follow. The Lambda function needs the right to close connections,
        which `@uses(sends=True)` on a route grants.

        Raises:
            PostingRefusedError: the Lambda function is not allowed to close connections.
        """
        return self.outbox.close_all(connection_ids)


class Disconnection(ConnectionEvent):
    """A connection that has ended and whose row is already deleted.

    The end is known from `$disconnect`, or because a broadcast, a send, a close or a sweep finds
    that the connection is gone.

    Attributes:
        event: the `$disconnect` event, or the event whose broadcast, send or close found that the
            connection is gone. In other cases, such as a sweep, its `requestContext` is empty.
        connection_id: the id of the ended connection, which may differ from the id in the event.
        connected_at: the time when the client connected, in epoch milliseconds; 0 if the row does
            not have this time.
        code: the WebSocket close code, 1006 without a close frame; None if there was no
            `$disconnect` event.
        reason: the close reason of the client or of API Gateway; empty if there was no
            `$disconnect` event.
        attributes: the application's own attributes in the row, by the names in the model.
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
        """The client's identity, from the deleted row."""
        return self.attributes.get("identity")

    @staticmethod
    def _is_told(event: Mapping[str, Any], removed: Removed) -> bool:
        context = event["requestContext"]
        return (context.get("eventType"), context.get("connectionId")) == (
            "DISCONNECT",
            removed.connection_id,
        )

    def broadcast(
        self,
        frame: Frame,
        after: str = BEGINNING,
        exclude: str | Collection[str] = (),
        *,
        durable: bool = False,
    ) -> Report:
        """Send a frame to every other connection."""
        others = {*ids(exclude), self.connection_id}
        return super().broadcast(frame, after, others, durable=durable)
