"""Read the commands and write the replies and pushes of Centrifugo's JSON client protocol.

    {"id": 1, "connect": {"token": "…"}}          a command, one per line
    {"id": 1, "connect": {"client": "…"}}         its reply
    {"push": {"channel": "chat:42", "pub": {"data": …}}}

A command has an id (1 to 4,294,967,295) and one method, whose value is an object. Only `send` needs
no id. Unknown members are ignored. An empty object is a pong, and is ignored. In replies, an absent
member means an empty value, zero or false. `data` is any JSON value. Its text is unchanged, except
that line breaks become spaces.

Source: Centrifugo's documentation, "Client protocol", and its protocol repository,
`definitions/client.proto`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from decanter.runtime import jsontext
from decanter.runtime.channels.codes import (
    BAD_FRAME,
    BAD_REQUEST,
    LIMIT_EXCEEDED,
    METHOD_NOT_FOUND,
    REASONS,
    TOO_MANY_REQUESTS,
    Disconnect,
    ReplyError,
)
from decanter.runtime.errors import BadJson
from decanter.runtime.jsontext import Json

MAX_ID = 2**32 - 1

MAX_COMMANDS = 256
"""The maximum number of commands in a frame. Further commands do not run and get error 111. After a
reconnect, a client sends all its subscribe commands, at most 128, in one frame.
"""

MAX_FRAME_BYTES = 131_000
"""The replies to one frame are split into frames that have fewer bytes than this limit."""

_TEXT, _FLAG, _NUMBER, _OBJECT, _ANY = (str,), (bool,), (int,), (dict,), (object,)
_FIELDS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "connect": {"token": _TEXT, "data": _ANY, "subs": _OBJECT, "name": _TEXT, "version": _TEXT},
    "subscribe": {
        "channel": _TEXT,
        "token": _TEXT,
        "data": _ANY,
        "recover": _FLAG,
        "epoch": _TEXT,
        "offset": _NUMBER,
        "positioned": _FLAG,
        "recoverable": _FLAG,
        "join_leave": _FLAG,
    },
    "unsubscribe": {"channel": _TEXT},
    "publish": {"channel": _TEXT, "data": _ANY},
    "presence": {"channel": _TEXT},
    "presence_stats": {"channel": _TEXT},
    "history": {"channel": _TEXT},
    "send": {"data": _ANY},
    "rpc": {"method": _TEXT, "data": _ANY},
    "refresh": {"token": _TEXT},
    "sub_refresh": {"channel": _TEXT, "token": _TEXT},
}
"""The known members of each method's object, and their types. All members are optional."""

METHODS = tuple(_FIELDS)


class Command(NamedTuple):
    """A client's command.

    Attributes:
        id: the id that the reply repeats; 0 for a `send` without an id.
        method: the name of the method, such as `subscribe`; empty if `error` is set.
        fields: the members of the method's object that `_FIELDS` lists.
        error: the error to answer with, if the command must not run; otherwise None.
    """

    id: int
    method: str = ""
    fields: Mapping[str, Any] = {}
    error: ReplyError | None = None

    def text(self, name: str) -> str:
        """Return a member that is a string; an empty string if it is absent."""
        value: str = self.fields.get(name, "")
        return value

    @property
    def data(self) -> Json | None:
        """The text of `data`, with spaces for carriage returns; None if it is absent."""
        return self.fields.get("data")


def commands(frame: str) -> Iterator[Command]:
    """Yield the commands of a frame.

    Raises:
        Disconnect: code 3501, if the frame is blank, or if a line with text is not a JSON object
            with a valid id. A `send` and an empty object need no id.
    """
    found = 0
    for line in frame.split("\n"):
        if line.strip() and (command := _command(line, found)):
            found += 1
            yield command
    if not frame.strip():
        raise Disconnect(BAD_FRAME, "empty frame")


def _command(line: str, found: int) -> Command | None:
    try:
        document = jsontext.parse(line)
    except BadJson as error:
        raise Disconnect(BAD_FRAME, f"not a command: {error.reason}") from None
    if not isinstance(document, dict):
        raise Disconnect(BAD_FRAME, "not a command: it is not an object")
    if not document:
        return None
    members = jsontext.members(line)
    methods = [name for name, _ in members if name in _FIELDS]
    ids = [name for name, _ in members if name == "id"]
    number = document.get("id", 0)
    if type(number) is not int or not 0 <= number <= MAX_ID or len(ids) > 1:
        raise Disconnect(BAD_FRAME, "not a command: its id is not from 1 to 4294967295")
    if number == 0 and methods != ["send"]:
        raise Disconnect(BAD_FRAME, "not a command: it has no id")
    if found >= MAX_COMMANDS:
        return Command(number, error=ReplyError(TOO_MANY_REQUESTS))
    if not methods:
        return Command(number, error=ReplyError(METHOD_NOT_FOUND))
    if len(methods) > 1:
        return _bad(number, "it has several methods")
    return _well_formed(number, methods[0], document[methods[0]], dict(members)[methods[0]])


def _well_formed(number: int, method: str, body: Any, text: str) -> Command:
    if not isinstance(body, dict):
        return _bad(number, f"{method} is not an object")
    known, texts = _FIELDS[method], jsontext.members(text)
    names = [name for name, _ in texts if name in known]
    if len(names) > len({*names}):
        return _bad(number, f"{method} has a member twice")
    fields = {name: body[name] for name in names if body[name] is not None or name == "data"}
    for name, value in fields.items():
        kind = known[name]
        if kind != _ANY and (not isinstance(value, kind) or (kind == _NUMBER) != _is_number(value)):
            return _bad(number, f"{method}.{name} is not {_KINDS[kind]}")
    if "data" in fields:
        fields["data"] = Json(dict(texts)["data"].replace("\r", " "))
    return Command(number, method, fields)


_KINDS: Mapping[tuple[type, ...], str] = {
    _TEXT: "a string",
    _FLAG: "true or false",
    _NUMBER: "a whole number",
    _OBJECT: "an object",
}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bad(number: int, reason: str) -> Command:
    return Command(number, error=ReplyError(BAD_REQUEST, f"bad request: {reason}"))


def text_of(value: Any) -> Json:
    """Return a value's JSON text. The text of a `Json` is kept, but its line breaks become spaces.

    Values may contain `Json` at any level.

    Raises:
        TypeError, ValueError: the value has no JSON form.
    """
    if isinstance(value, Json):
        # Line breaks separate the replies in a frame. Inside JSON, they occur only between tokens.
        return Json(value.replace("\n", " ").replace("\r", " ")) if _has_breaks(value) else value
    if _contains_json(value):
        if isinstance(value, dict):
            return _object(value)
        return Json(f"[{','.join(map(text_of, value))}]")
    return Json(json.dumps(value, separators=(",", ":"), allow_nan=False))


def _contains_json(value: Any) -> bool:
    """Return True if a value is a `Json` or contains one, so that `json.dumps` cannot write it."""
    if isinstance(value, dict | list | tuple):
        return any(map(_contains_json, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Json)


def _has_breaks(text: str) -> bool:
    return "\n" in text or "\r" in text


def _object(members: Mapping[str, Any]) -> Json:
    texts = {str(name): text_of(value) for name, value in members.items()}
    return Json(jsontext.object_text(texts))


def filled(**members: Any) -> dict[str, Any]:
    """Return the members that are not None, zero, "" or False. The protocol omits the others."""
    return {
        name: value
        for name, value in members.items()
        if isinstance(value, Json) or value not in (None, 0, "", False)
    }


def reply(number: int, method: str, body: Mapping[str, Any]) -> str:
    """Return the reply to a command."""
    return _object({"id": number, method: _object(body)})


def error_reply(number: int, error: ReplyError) -> str:
    """Return the error reply to a command."""
    body = filled(code=error.code, message=error.text[:1000], temporary=error.temporary)
    return _object({"id": number, "error": body})


def push(kind: str, body: Mapping[str, Any], channel: str = "") -> str:
    """Return a push.

    `kind` is `pub`, `join`, `leave`, `subscribe`, `unsubscribe`, `message` or `disconnect`.
    """
    return _object({"push": {**filled(channel=channel), kind: _object(body)}})


def publication(channel: str, data: Json, info: Mapping[str, Any] | None = None) -> str:
    """Return the push of a publication. All subscribers get the same push.

    `info` describes the client that published the value. `info` is None for a value of the server.
    """
    return push("pub", {"data": data, **({"info": _object(info)} if info else {})}, channel)


def message(data: Json) -> str:
    """Return the push of a message that belongs to no channel."""
    return push("message", {"data": data})


def unsubscribe(channel: str, code: int) -> str:
    """Return the push that ends a subscription."""
    return push("unsubscribe", {"code": code, "reason": REASONS.get(code, "")}, channel)


def disconnect(end: Disconnect) -> str:
    """Return the push that ends a connection, with the code and the reason."""
    return push("disconnect", {"code": end.code, "reason": end.reason[:100]})


def client_info(
    client: str, user: str | None, info: Json | None, channel_info: Json | None
) -> dict[str, Any]:
    """Return the info that the members of a channel get about a client."""
    return filled(user=user, client=client, conn_info=info, chan_info=channel_info)


def frames(replies: Iterable[tuple[int, str]]) -> list[str]:
    """Join replies and pushes into frames that are smaller than `MAX_FRAME_BYTES`.

    Each pair contains the id of the reply's command (0 for a push) and the text. Error 106 replaces
    a reply that is too large for a frame.
    """
    joined: list[list[str]] = []
    room = 0
    for number, reply_text in replies:
        fits = len(reply_text.encode()) < MAX_FRAME_BYTES
        text = reply_text if fits else error_reply(number, ReplyError(LIMIT_EXCEEDED))
        size = len(text.encode()) + 1
        if size > room:
            joined.append([])
            room = MAX_FRAME_BYTES
        joined[-1].append(text)
        room -= size
    return ["\n".join(each) for each in joined]
