"""What a route's function gets, and the error frame that answers a mistake in a request.

    {"error": {"code": "unknown_route", "message": "…", "temporary": false, "known_routes": […],
     "ref": …}, "connectionId": "…", "requestId": "…"}

The codes are stable and listed in `errors`; the message is for people and may change. `ref` is
there if the client's message had one of at most `MAX_REF_BYTES`: the same JSON text.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from uuid import uuid4

from decanter.runtime.errors import MessageError, MissingData, NotAnObject
from decanter.runtime.fanout.outbox import Outbox
from decanter.runtime.fanout.report import Report
from decanter.runtime.routing import jsontext
from decanter.runtime.routing.connection_event import ConnectionEvent, Frame

MAX_REF_BYTES = 256


class Request(ConnectionEvent):
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

    def reply(self, frame: Frame) -> Report:
        """Send a frame to the sender, as `send` does."""
        return self.send(self.connection_id, frame)


def error_frame(request: Request, error: MessageError) -> str:
    """The frame for an error; ASCII but for what the client wrote as its `ref`."""
    told = {"code": error.code, "message": str(error), "temporary": error.temporary}
    members = {name: json.dumps(value) for name, value in (told | error.details()).items()}
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
    except MessageError:
        return None
    return ref if ref is not None and len(ref.encode()) <= MAX_REF_BYTES else None
