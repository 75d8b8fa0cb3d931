"""The request for a route's function, and the error frame for the client.

    {"error": {"code": "unknown_route", "message": "…", "temporary": false, "known_routes": […],
     "ref": …}, "connectionId": "…", "requestId": "…"}

The codes are stable, and the module `errors` lists them. The text of `message` is for people and
may change. The member `ref` repeats the JSON text of the client's own `ref`, if this text has at
most `MAX_REF_BYTES`.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from uuid import uuid4

from decanter.runtime import jsontext
from decanter.runtime.errors import BadJson, MessageError, MissingData, NotAnObject
from decanter.runtime.fanout.frame import Frame
from decanter.runtime.fanout.outbox import Outbox
from decanter.runtime.fanout.report import Report
from decanter.runtime.gc_paused import gc_paused_for
from decanter.runtime.routing.connection_event import ConnectionEvent
from decanter.runtime.routing.response import Response, response_of

MAX_REF_BYTES = 256
MAX_TEXT_CHARACTERS = 1000
"""Longer texts in an error are cut, so that the frame fits into a message."""


class Request(ConnectionEvent):
    """A message from a client, with methods to answer the client.

    Attributes:
        route_key: the key of the selected route; None before the selection.
        body: the message's text, which may be empty.
    """

    def __init__(self, event: Mapping[str, Any], context: object, outbox: Outbox) -> None:
        super().__init__(event, context, outbox)
        self.route_key: str | None = None
        self.message_id: str = event["requestContext"].get("messageId") or uuid4().hex
        self.body: str = event.get("body") or ""

    @cached_property
    def json(self) -> Any:
        """The parsed message, of any JSON type.

        Raises:
            BadJson: the message is not valid JSON.
        """
        parsed = self._parsed
        if isinstance(parsed, BadJson):
            raise parsed
        return parsed

    @cached_property
    def _parsed(self) -> Any:
        """The parsed message, or the error, which is kept because an error frame needs it again."""
        try:
            with gc_paused_for(self.body):
                return jsontext.parse(self.body)
        except BadJson as error:
            return error

    @cached_property
    def texts(self) -> dict[str, str]:
        """The exact JSON text of each member, as the client wrote it.

        Raises:
            BadJson: the message is not valid JSON.
            NotAnObject: the message is not an object.
        """
        if not isinstance(self.json, dict):
            raise NotAnObject
        with gc_paused_for(self.body):
            return jsontext.member_texts(self.body)

    def raw(self, name: str) -> str:
        """Return a member's exact JSON text. `1.0` stays `1.0`, and a string keeps its quotes.

        Raises:
            MissingData: the member is missing; a null member counts as present.
            BadJson, NotAnObject: the message is not a JSON object.
        """
        text = self.texts.get(name)
        if text is None:
            raise MissingData(name)
        return text

    def response_of(self, returned: object) -> Response:
        """Return the handler's response for the value that a route returns.

        Raises:
            TypeError: the value is not a `Result`.
        """
        return response_of(returned)

    def reply(self, frame: Frame) -> Report:
        """Send a frame to the sender, like `send`."""
        return self.send(self.connection_id, frame)


def error_frame(request: Request, error: MessageError) -> str:
    """Return the frame for an error. The frame is ASCII, except for the client's own `ref`."""
    told = {"code": error.code, "message": str(error), "temporary": error.temporary}
    members = {name: json.dumps(_cut(value)) for name, value in (told | error.details()).items()}
    if (ref := _ref(request)) is not None:
        members["ref"] = ref
    return _spaced(
        {
            "error": _spaced(members),
            "connectionId": json.dumps(request.connection_id),
            "requestId": json.dumps(request.request_id),
        }
    )


def _cut(value: Any) -> Any:
    """Cut a long text, because an error may quote a long name that the client sent."""
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        return f"{value[:MAX_TEXT_CHARACTERS]}…"
    return value


def _spaced(texts: dict[str, str]) -> str:
    return jsontext.object_text(texts, ", ", ": ")


def _ref(request: Request) -> str | None:
    try:
        document = request.json
    except MessageError:
        return None
    # Without this test, each error frame would cost a search of a large message for its members.
    if not isinstance(document, dict) or "ref" not in document:
        return None
    ref = request.texts["ref"]
    return ref if len(ref.encode()) <= MAX_REF_BYTES else None
