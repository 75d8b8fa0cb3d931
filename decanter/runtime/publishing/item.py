r"""The items of the queue: messages for many connections, as JSON.

    {"method": "everyone", "payload": {"data": {"n": 1}}}
    {"method": "send", "payload": {"connection_ids": ["…"], "data": "hello"}}
    {"method": "publish", "payload": {"channel": "chat:42", "data": {"n": 1}}}

Any program with the right to send to the queue may send such messages. Clients get the exact JSON
text of `data`, so `1.0` stays `1.0`. If the payload has the string `text` instead of `data`,
clients get the characters of this string. With the member `idempotency_key`, a message starts only
one job, even if a program sends the message several times. Unknown members are ignored.

The framework's own items have further members with the progress of the work. These items are ASCII
with JSON escapes, because SQS refuses some characters, such as U+FFFE and most control characters.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from decanter.runtime import jsontext
from decanter.runtime.errors import BadJson, ConfigurationError, PoisonError
from decanter.runtime.fanout.wire import Wire
from decanter.runtime.jsontext import Json
from decanter.runtime.recipients import BEGINNING
from decanter.runtime.settings import MAX_MESSAGE_BYTES

EVERYONE = "everyone"
SEND = "send"
PUBLISH = "publish"
METHODS = (EVERYONE, SEND, PUBLISH)
_NUMBER = re.compile("[0-9]{0,9}")


class Item(NamedTuple):
    """A frame and the connections that get it.

    Attributes:
        job: the job's id: random, from the id of the first message, or from the key's hash.
        text: the frame.
        ids: the connections; None for every connection, or for the members of `channel`.
        exclude: the connections to skip.
        cursor: the place where the work starts: a cursor of the table, or the index of a connection
            in `ids`.
        part: the name of this part of the job; empty before the job is split.
        attempt: the number of the retry, if the item was delayed for a retry; otherwise 0.
        hops: the number of times that the queue's function has queued this item again.
        key: the idempotency key; None if there is no key.
        channel: the channel whose members get the frame; empty for no channel.
        foreign: the member, `data` or `text`, in which another program wrote the text; empty if the
            text is already a frame.
    """

    job: str
    text: str
    ids: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    cursor: str = BEGINNING
    part: str = ""
    attempt: int = 0
    hops: int = 0
    key: str | None = None
    channel: str = ""
    foreign: str = ""

    @property
    def row(self) -> str:
        """The key of the item's row in the job table."""
        return f"{self.job}/{self.part}"

    def body(self) -> str:
        """Return the JSON of the item, in ASCII."""
        is_data = self.foreign == "data"
        payload = {"data": _escaped(self.text)} if is_data else {"text": _encode(self.text)}
        method = EVERYONE if self.ids is None else SEND
        if self.channel:
            method, payload["channel"] = PUBLISH, _encode(self.channel)
        if self.ids is not None:
            payload["connection_ids"] = _encode(self.ids)
        if self.exclude:
            payload["exclude"] = _encode(self.exclude)
        others = {name: getattr(self, name) for name in _PROGRESS} | {"idempotency_key": self.key}
        members = {name: _encode(value) for name, value in others.items() if value}
        return jsontext.object_text(
            {"method": _encode(method), "payload": jsontext.object_text(payload), **members}
        )

    @classmethod
    def of(cls, body: str, message_id: str) -> "Item":
        """Read a message of the queue.

        If the message has no job id and no idempotency key, `message_id` becomes the job's id.

        Raises:
            PoisonError: the message is not an item.
        """
        document, payload = parts_of(body)
        method = document.get("method")
        if method not in METHODS:
            raise PoisonError(f"the method {_short(method)} is not one of {', '.join(METHODS)}")
        channel = text_in(payload, "channel") if method == PUBLISH else ""
        if method == PUBLISH and not channel:
            raise PoisonError("payload needs a channel")
        job, cursor = text_in(document, "job"), text_in(document, "cursor")
        key = text_in(document, "idempotency_key") or None
        if method == SEND and not _NUMBER.fullmatch(cursor):
            raise PoisonError("cursor is not the number of a connection")
        return cls(
            job=job or _job(key, message_id),
            text=_frame(body, payload),
            ids=_ids(payload, "connection_ids") if method == SEND else None,
            exclude=_ids(payload, "exclude") if "exclude" in payload else (),
            cursor=cursor,
            part=text_in(document, "part"),
            attempt=_number(document, "attempt"),
            hops=_number(document, "hops"),
            key=key,
            channel=channel,
            foreign="" if job else ("data" if "data" in payload else "text"),
        )

    def framed(self, wire: Wire) -> "Item":
        """Return the item with a frame in the form that the app's clients expect.

        Raises:
            PoisonError: the frame is too large, or the item has a channel that the app does not
                declare.
        """
        if not self.foreign:
            return self
        try:
            text = wire.frame_of(
                Json(self.text) if self.foreign == "data" else self.text, self.channel
            )
        except ConfigurationError as error:
            raise PoisonError(str(error)) from error
        if (size := len(text.encode())) > MAX_MESSAGE_BYTES:
            raise PoisonError(f"the frame has {size} bytes, more than {MAX_MESSAGE_BYTES}")
        return self._replace(text=text, foreign="")


def parts_of(body: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a message of the queue, and its payload.

    Raises:
        PoisonError: the message is not a JSON object with a payload.
    """
    try:
        document = jsontext.parse(body)
    except BadJson as error:
        raise PoisonError(str(error)) from None
    if not isinstance(document, dict):
        raise PoisonError("the message is not a JSON object")
    payload = document.get("payload")
    if not isinstance(payload, dict):
        raise PoisonError("payload is not an object")
    return document, payload


_encode = json.JSONEncoder(separators=(",", ":")).encode
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_PROGRESS = ("job", "cursor", "part", "attempt", "hops")
"""The further members of the framework's own items."""


def _escaped(text: str) -> str:
    """Return a JSON text in ASCII. Numbers keep their form, such as 1.00."""
    return _NOT_ASCII.sub(lambda match: _encode(match[0])[1:-1], text)


def _job(key: str | None, message_id: str) -> str:
    """Return the job's id, which depends only on the key or, without a key, on the message."""
    return message_id if key is None else f"key-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _frame(body: str, payload: Mapping[str, Any]) -> str:
    if ("text" in payload) == ("data" in payload):
        raise PoisonError("payload needs either data or text")
    if "data" in payload:
        frame = jsontext.member_texts(jsontext.member_texts(body)["payload"])["data"]
    else:
        frame = payload["text"]
    if not isinstance(frame, str):
        raise PoisonError("text is not a string")
    if (size := len(frame.encode())) > MAX_MESSAGE_BYTES:
        raise PoisonError(f"the frame has {size} bytes, more than {MAX_MESSAGE_BYTES}")
    return frame


def _ids(payload: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the connection ids without duplicates, in the same order."""
    ids = payload.get(name)
    if not isinstance(ids, list) or not all(isinstance(each, str) and each for each in ids):
        raise PoisonError(f"{name} is not a list of connection ids")
    return tuple(dict.fromkeys(ids))


def text_in(document: Mapping[str, Any], name: str) -> str:
    """Return a member that is a string; an empty string if it is absent.

    Raises:
        PoisonError: the member is not a string.
    """
    value = document.get(name, "")
    if not isinstance(value, str):
        raise PoisonError(f"{name} is not a string")
    return value


def _number(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name, 0)
    if type(value) is not int or value < 0:
        raise PoisonError(f"{name} is not a whole number")
    return value


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
