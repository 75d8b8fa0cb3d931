"""What a route's function gets, and the error frame that answers a mistake in a request.

    {"error": {"code": "unknown_route", "message": "…", "temporary": false, "known_routes": […],
     "ref": …}, "connectionId": "…", "requestId": "…"}

The codes are stable and listed in `errors`; the message is for people and may change. `ref` is
there if the client's message had one of at most `MAX_REF_BYTES`: the same JSON text.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from decanter.runtime.errors import Fault, MissingData, NotAnObject
from decanter.runtime.fanout.broadcast import Report
from decanter.runtime.fanout.outbox import Outbox
from decanter.runtime.recipients import BEGINNING
from decanter.runtime.routing import jsontext
from decanter.runtime.transports.base import Outcome

if TYPE_CHECKING:
    from decanter.runtime.fanout.multicast import Multicast

Frame = str | Mapping[str, Any] | Sequence[Any]
"""What can be sent: a string as it is, anything else as its JSON text."""


class Occasion:
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
        self.connection_id: str = request_context["connectionId"]
        self.request_id: str = request_context.get("requestId", "")
        self.connected_at: int = request_context.get("connectedAt", 0)

    @cached_property
    def identity(self) -> str | None:
        """Whose connection it is, as a connect hook recorded it; one read of the table.

        Raises:
            StoreError, ConfigurationError: the table cannot be read.
        """
        return self.outbox.connections.identify(self.connection_id)

    def send(self, connection_id: str, frame: Frame) -> Outcome:
        """Send a frame to one connection.

        Raises:
            TooLarge: it has more than 131,072 bytes.
        """
        return self.outbox.post(connection_id, _text(frame))

    def multicast(self, connection_ids: Iterable[str], frame: Frame) -> "Multicast":
        """Send a frame to these connections, several at once.

        Raises:
            TooLarge: it has more than 131,072 bytes; nothing is sent.
        """
        return self.outbox.multicast(connection_ids, _text(frame))

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


class Request(Occasion):
    """One message from a client, and the means to answer it.

    Attributes:
        route_key: the key of the route that handles it; None until one is found.
        message_id: this message's.
        body: the message's text; empty when there is none.
    """

    def __init__(self, event: Mapping[str, Any], context: object, outbox: Outbox) -> None:
        super().__init__(event, context, outbox)
        self.route_key: str | None = None
        self.message_id: str = event["requestContext"].get("messageId") or uuid4().hex
        self.body: str = event.get("body") or ""

    @cached_property
    def json(self) -> Any:
        """The message's value, of any JSON type.

        Raises:
            BadJson: it is no JSON.
        """
        return jsontext.parse(self.body)

    @cached_property
    def texts(self) -> dict[str, str]:
        """The exact JSON text of each member, as the client wrote it.

        Raises:
            BadJson: the message is no JSON.
            NotAnObject: it has no members.
        """
        if not isinstance(self.json, dict):
            raise NotAnObject
        return jsontext.member_texts(self.body)

    def raw(self, name: str) -> str:
        """The exact JSON text of a member: `1.0` stays `1.0`, a string keeps its quotes.

        Raises:
            MissingData: there is no such member; null is one.
            BadJson, NotAnObject: there are no members at all.
        """
        text = self.texts.get(name)
        if text is None:
            raise MissingData(name)
        return text

    def reply(self, frame: Frame) -> Outcome:
        """Send a frame to the sender."""
        return self.send(self.connection_id, frame)


class Disconnection(Occasion):
    """A connection that has ended, for the hooks that are told of it.

    Attributes:
        code: of the WebSocket's close; 1006 when there was none.
        reason: the close's, or API Gateway's own.
    """

    def __init__(self, event: Mapping[str, Any], context: object, outbox: Outbox) -> None:
        super().__init__(event, context, outbox)
        request_context = event["requestContext"]
        self.code: int = request_context.get("disconnectStatusCode", 1006)
        self.reason: str = request_context.get("disconnectReason", "")

    def broadcast(
        self, frame: Frame, after: str = BEGINNING, exclude: str | Collection[str] = ()
    ) -> Report:
        """Send a frame to every other connection; its own row is still in the table."""
        excluded = {exclude} if isinstance(exclude, str) else {*exclude}
        return super().broadcast(frame, after, excluded | {self.connection_id})


def _text(frame: Frame) -> str:
    """Non-ASCII is escaped: a lone surrogate, which clients may send so, has no UTF-8."""
    return frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"))


MAX_REF_BYTES = 256


def error_frame(request: Request, fault: Fault) -> str:
    """The frame for a fault; ASCII but for what the client wrote as its `ref`."""
    error = {"code": fault.code, "message": str(fault), "temporary": fault.temporary}
    members = {name: json.dumps(value) for name, value in (error | fault.details()).items()}
    if (ref := _ref(request)) is not None:
        members["ref"] = ref
    return _object(
        {
            "error": _object(members),
            "connectionId": json.dumps(request.connection_id),
            "requestId": json.dumps(request.request_id),
        }
    )


def _object(texts: dict[str, str]) -> str:
    """A JSON object, from the JSON text of each member."""
    return f"{{{', '.join(f'{json.dumps(name)}: {text}' for name, text in texts.items())}}}"


def _ref(request: Request) -> str | None:
    try:
        ref = request.texts.get("ref")
    except Fault:
        return None
    return ref if ref is not None and len(ref.encode()) <= MAX_REF_BYTES else None
