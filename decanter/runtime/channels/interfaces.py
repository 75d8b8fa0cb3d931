"""The interfaces through which the module `session` uses the tables and the application."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from decanter.runtime.channels import codec
from decanter.runtime.channels.codec import Command
from decanter.runtime.channels.declaration import Subscription
from decanter.runtime.jsontext import Json


class Session(NamedTuple):
    """The contents of a connection's row.

    Attributes:
        connected_at: the time when the client connected, in epoch milliseconds.
        is_greeted: True after a successful connect command.
        identity: the client's identity; None for an anonymous client.
        info: the JSON text that describes the client to others; None without one.
        expires_at: the time when the identity expires, in epoch seconds; 0 if it never expires.
        channels: the names of the connection's channels, and of some channels that it has left.
        handshake: the JSON text of the headers and the query of `$connect`; empty after the connect
            command.
    """

    connection_id: str
    connected_at: int
    is_greeted: bool = False
    identity: str | None = None
    info: Json | None = None
    expires_at: int = 0
    channels: Collection[str] = ()
    handshake: str = ""


class Member(NamedTuple):
    """A connection that is subscribed to a channel. `Session` explains the other attributes.

    Attributes:
        channel_info: the JSON text that describes the client to the other members of this channel.
    """

    connection_id: str
    connected_at: int
    identity: str | None = None
    info: Json | None = None
    channel_info: Json | None = None

    def as_seen(self) -> dict[str, Any]:
        """Return the info that the channel's members get about this member."""
        return codec.client_info(self.connection_id, self.identity, self.info, self.channel_info)


@dataclass
class Welcome:
    """The result of an accepted connect command or refresh.

    Attributes:
        identity: the client's identity; None for an anonymous client.
        info: the JSON value that describes the client to others.
        expires_at: the time when the identity expires, in epoch seconds; None if it never expires.
        data: the JSON value in the reply to the connect command; None without a value.
        channels: the channels that the server subscribes the client to.
    """

    identity: str | None = None
    info: Any = None
    expires_at: int | None = None
    data: Any = None
    channels: list[str] = field(default_factory=list)


class Grant(NamedTuple):
    """The terms of a subscription.

    Attributes:
        seq: the id of the client's command; None if the server subscribes the client.
        info: the JSON text that describes the client to the other members of this channel.
        until: the time when the subscription expires, in epoch seconds; 0 if it never expires.
    """

    seq: int | None = None
    info: Json | None = None
    until: int = 0


class Store(Protocol):
    """The tables. Parallel calls for the same connection are safe.

    A membership is live until it ends or expires.
    """

    def read(self, connection_id: str) -> Session | None:
        """Return a connection's row; None if the connection has ended."""
        ...

    def greet(self, session: Session, welcome: Welcome) -> bool:
        """Store an identity. Return False if the connection has ended or is already greeted."""
        ...

    def extend(self, session: Session, expires_at: int) -> None:
        """Set a new expiry of the identity, in epoch seconds; 0 if it never expires."""
        ...

    def join(self, session: Session, grants: Mapping[str, Grant]) -> bool:
        """Subscribe a connection to channels. Return False if it has ended or is not greeted."""
        ...

    def leave(self, session: Session, channel: str, seq: int | None) -> Member | None:
        """End and return a membership; None if there is none, or a later command renewed it.

        An expired membership also ends here.
        """
        ...

    def extend_membership(self, session: Session, channel: str, expires_at: int) -> None:
        """Set a new expiry of a membership, in epoch seconds; 0 if it never expires."""
        ...

    def member(self, channel: str, connection_id: str) -> Member | None:
        """Return a live membership; None if there is none."""
        ...

    def members(self, channel: str) -> Iterable[Member]:
        """Return the live memberships of a channel."""
        ...


class App(Protocol):
    """The application, and its methods to send messages."""

    def admit(self) -> None:
        """Run the message hooks. Raise MessageError if a hook refuses the frame."""
        ...

    def authenticate(self, session: Session, command: Command) -> Welcome:
        """Return the identity of a client, and the other results of the authenticate hook.

        Raises:
            Disconnect: code 3500, if the hook refuses the client with a status below 500.
            ReplyError: code 109, if the client's token has expired; code 100, if the hook refuses
                the client with a status of 500 or more.
        """
        ...

    def check_token(self, subscription: Subscription) -> None:
        """Check a subscription's token, and set `has_token`, `expires_at` and `info`.

        Raises:
            ReplyError: code 103, if the token is invalid; code 109, if it has expired; code 100, if
                the hook refuses the token with a status of 500 or more.
        """
        ...

    def call(self, session: Session, method: str, data: Json | None) -> Json:
        """Run a route, and return the text of its answer.

        Raises:
            MessageError: the client made a mistake.
            ReplyError: the route returns a status of 400 or more.
        """
        ...

    def receive(self, session: Session, data: Json | None) -> None:
        """Run the route that a message selects. The route's return value is not sent."""
        ...

    def publish(self, channel: str, push: str) -> None:
        """Post a push to the members of a channel."""
        ...

    def tell(self, channel: str, kind: str, member: Member) -> None:
        """Announce a join or a leave to a channel's members, if there are fewer than 100."""
        ...

    def statistics(self, channel: str) -> Mapping[str, int]:
        """Return the number of clients and the number of users in a channel."""
        ...

    def failed(self, error: Exception) -> None:
        """Log an exception that the client did not cause."""
        ...

    def note(self, reason: str) -> None:
        """Add a reason to the event's log line."""
        ...
