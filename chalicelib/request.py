"""What a route's function gets."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from uuid import uuid4

from . import jsontext
from .broadcast import Report
from .errors import MissingData, NotAnObject
from .outbox import Outbox
from .recipients import BEGINNING
from .transports.protocol import Outcome


class Request:
    """One message from a client, and the means to answer it.

    Attributes:
        event: as API Gateway sent it.
        context: Lambda's; None where there is none.
        outbox: what it may send.
        route_key: the key of the route that handles it; None until one is found.
        connection_id: the sender's.
        request_id: this event's, as in the log and in API Gateway's own frames.
        message_id: this message's.
        connected_at: when the sender connected, epoch milliseconds.
        body: the message's text; empty when there is none.
    """

    def __init__(self, event: Mapping[str, Any], context: object, outbox: Outbox) -> None:
        request_context = event["requestContext"]
        self.event = event
        self.context = context
        self.outbox = outbox
        self.route_key: str | None = None
        self.connection_id: str = request_context["connectionId"]
        self.request_id: str = request_context.get("requestId", "")
        self.message_id: str = request_context.get("messageId") or uuid4().hex
        self.connected_at: int = request_context.get("connectedAt", 0)
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

    def reply(self, text: str) -> Outcome:
        """Send a text frame to the sender."""
        return self.send(self.connection_id, text)

    def send(self, connection_id: str, text: str) -> Outcome:
        """Send a text frame to one connection.

        Raises:
            TooLarge: it has more than 131,072 bytes.
        """
        return self.outbox.post(connection_id, text)

    def broadcast(self, text: str, after: str = BEGINNING) -> Report:
        """Send a text frame to every connection, the sender included.

        Args:
            text: the frame.
            after: the cursor of a report with connections left over, to go on there.

        Raises:
            TooLarge: it has more than 131,072 bytes; nothing is sent.
        """
        return self.outbox.broadcast(text, after)
