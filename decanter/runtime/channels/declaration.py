"""The declarations of an application's channels.

@router.channel("chat:{room}", presence=True, join_leave=True)
def chat(subscription, room):
    return room in rooms_of(subscription.identity)

@chat.on_publish
def say(publication: Publication[Line], room):
    return {"by": publication.identity, "text": publication.data.text}
"""

import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from decanter.runtime import jsontext
from decanter.runtime.channels.codes import PERMISSION_DENIED, UNKNOWN_CHANNEL, ReplyError
from decanter.runtime.channels.pattern import Pattern
from decanter.runtime.errors import DeclarationError, MissingData
from decanter.runtime.functions import check_function, place, without_parentheses
from decanter.runtime.jsontext import Json
from decanter.runtime.payload import type_reader
from decanter.runtime.payload_readers import Read

T = TypeVar("T")


@dataclass
class Subscription:
    """A client's request to subscribe to a channel. The channel's function gets this object.

    Attributes:
        channel: the channel's name.
        identity: the client's identity; None for an anonymous client.
        client: the client's connection id.
        token: the subscription token; empty if the client sent none.
        has_token: True if the token is valid for this channel and this identity. The authenticate
            hook checks the token if the hook has the method `check_subscription`, like `WebTokens`.
        request: the JSON `data` of the client's subscribe command; None without it.
        info: the JSON value that describes this client to the other members of this channel.
        data: the JSON value in the reply to the client, such as the channel's initial data.
        expires_at: the time when the subscription expires, in epoch seconds; None if it never
            expires.
    """

    channel: str
    identity: str | None
    client: str
    token: str = ""
    has_token: bool = False
    request: Any = None
    info: Any = None
    data: Any = None
    expires_at: int | None = None


@dataclass
class Publication(Generic[T]):
    """A client's publication. The function that `on_publish` decorates gets this object.

    Attributes:
        channel: the channel's name.
        identity: the client's identity; None for an anonymous client.
        client: the client's connection id.
        data: the value, validated as the type in `Publication[…]`; any JSON value if no type is
            given.
        raw: the text of the value as the client sent it, with spaces for carriage returns.
    """

    channel: str
    identity: str | None
    client: str
    data: T
    raw: Json = field(default=Json("null"), repr=False)


Authorize = Callable[..., Any]
"""Takes a Subscription and values of the pattern; returns True if the client may subscribe."""

Publish = Callable[..., Any]
"""Takes a Publication and values of the pattern; returns the value to publish, or None."""

F = TypeVar("F", bound=Callable[..., Any])


class Channel:
    """The channels of one pattern. `Router.channel` explains the arguments.

    Attributes:
        publish: the function that accepts clients' publications; None if clients cannot publish.

    Raises:
        DeclarationError: the pattern or the function is invalid.
    """

    def __init__(
        self,
        pattern: str,
        authorize: Authorize,
        *,
        presence: bool = False,
        join_leave: bool = False,
    ) -> None:
        self.pattern = Pattern(pattern)
        self.authorize = authorize
        self.presence = presence
        self.join_leave = join_leave
        self.publish: Publish | None = None
        self._read: Read | None = None
        _, self._asked = _parameters(authorize, self.pattern)
        self._taken: list[str] = []

    @without_parentheses
    def on_publish(self, function: F) -> F:
        """Declare the function that accepts publications of clients that may subscribe.

        The function's return value is published, with the client's connection id, identity and
        info. If the function returns None, nothing is published.

        Raises:
            DeclarationError: the channel already has such a function, or the function, one of its
                parameters or an annotation is invalid.
        """
        first, taken = _parameters(function, self.pattern)
        if self.publish is not None:
            raise DeclarationError(
                f"channel {self.pattern.source!r} has two functions for publications: "
                f"{place(self.publish)} and {place(function)}"
            )
        self._read = _payload_of(function, first)
        self.publish, self._taken = function, taken
        return function

    def check(
        self, subscription: Subscription, values: dict[str, str], note: Callable[[str], None]
    ) -> None:
        """Check that `authorize` returns exactly True. Refuse all other values, even truthy ones.

        Args:
            subscription: the client's request.
            values: the values in the channel's name.
            note: called with a text for the log, if the function does not return a bool.

        Raises:
            ReplyError: code 103, if the client may not subscribe.
        """
        answer = self.authorize(subscription, **{name: values[name] for name in self._asked})
        if answer is True:
            return
        if answer is not False:
            kind = "None" if answer is None else f"a value of type {type(answer).__name__}"
            note(f"{place(self.authorize)} returned {kind}, not True or False")
        raise ReplyError(PERMISSION_DENIED)

    def accept(
        self, publication: Publication[Any], text: Json | None, values: dict[str, str]
    ) -> object:
        """Return the value to publish for a client's publication; None to publish nothing.

        Raises:
            ReplyError: clients cannot publish to this channel.
            MessageError: the data is missing or invalid, or the function refuses it.
        """
        if self.publish is None:
            raise ReplyError(PERMISSION_DENIED)
        if text is None:
            raise MissingData("data")
        publication.raw, publication.data = text, jsontext.parse(text)
        if self._read is not None:
            publication.data = self._read(publication.data)
        taken = {name: values[name] for name in self._taken}
        result: object = self.publish(publication, **taken)
        return result


class Channels:
    """All channels of an application."""

    def __init__(self) -> None:
        self.declared: list[Channel] = []

    def __iter__(self) -> Iterator[Channel]:
        return iter(self.declared)

    def add(self, channel: Channel) -> None:
        """Add a declaration. Raise DeclarationError if a name can match two patterns."""
        for other in self.declared:
            if channel.pattern.overlaps(other.pattern):
                raise DeclarationError(
                    f"channel {channel.pattern.source!r} of {place(channel.authorize)}: a name "
                    f"can match this pattern and {other.pattern.source!r} of "
                    f"{place(other.authorize)}: begin them differently"
                )
        self.declared.append(channel)

    def find(self, name: str) -> tuple[Channel, dict[str, str]]:
        """Return a channel's declaration and the values in its name, or raise error 102."""
        for channel in self.declared:
            if (values := channel.pattern.match(name)) is not None:
                return channel, values
        raise ReplyError(UNKNOWN_CHANNEL)

    def announces(self, name: str) -> bool:
        """Return True if joins and leaves are announced in a channel.

        Clients can be in channels that only an earlier version of the app declared. These channels
        have no announcements.
        """
        try:
            return self.find(name)[0].join_leave
        except ReplyError:
            return False

    @property
    def announce(self) -> bool:
        """True if any channel announces joins and leaves."""
        return any(channel.join_leave for channel in self.declared)


def _parameters(function: Callable[..., Any], pattern: Pattern) -> tuple[str, list[str]]:
    """Return the name of the first parameter, and the names of the others.

    Raises:
        DeclarationError: `check_function` refuses the function, the function has no parameter, or a
            parameter after the first is not a variable of the pattern.
    """
    check_function(f"channel {pattern.source!r}:", function)
    first, *others = [*inspect.signature(function).parameters] or [""]
    if not first or not {*others} <= {*pattern.variables}:
        wanted = ", ".join(["subscription", *pattern.variables])
        raise DeclarationError(
            f"channel {pattern.source!r}: {place(function)} must take ({wanted}): an object and "
            "variables of the pattern"
        )
    return first, others


def _payload_of(function: Callable[..., Any], parameter: str) -> Read | None:
    """Return the reader for the type in `Publication[…]`; None if no type is given."""
    where = place(function)
    try:
        kind = typing.get_type_hints(function).get(parameter)
    except NameError as error:
        raise DeclarationError(f"{where}: an annotation cannot be read: {error}") from error
    if kind in (None, Publication, Any):
        return None
    if typing.get_origin(kind) is not Publication:
        raise DeclarationError(
            f"{where}: annotate {parameter!r} as Publication or Publication[…], not {kind}"
        )
    return type_reader(typing.get_args(kind)[0], f"{where}: {parameter}", {}).read
