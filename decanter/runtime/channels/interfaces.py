"""The tables and the application, as a session uses them."""

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
        connection_id: the connection.
        connected_at: epoch milliseconds.
        is_greeted: True after a successful connect command.
        identity: the client's identity; None for an anonymous client.
        info: what others see of the client; None for nothing.
        expires_at: when the identity expires, epoch seconds; 0 for never.
        channels: the names of its channels, and of some that it has left.
        handshake: the client's `$connect` request; empty after the connect command.
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
    """A connection that listens to a channel.

    Attributes:
        connection_id: the connection.
        connected_at: epoch milliseconds.
        identity: the client's identity; None for an anonymous client.
        info: what others see of the client.
        channel_info: what others see of it in this channel.
    """

    connection_id: str
    connected_at: int
    identity: str | None = None
    info: Json | None = None
    channel_info: Json | None = None

    def as_seen(self) -> dict[str, Any]:
        """Return its info, as the other members get it."""
        return codec.client_info(self.connection_id, self.identity, self.info, self.channel_info)


@dataclass
class Welcome:
    """The result of an accepted connect command or refresh.

    Attributes:
        identity: the client's identity; None for an anonymous client.
        info: what others see of the client, a JSON value.
        expires_at: when the identity expires, epoch seconds; None for never.
        data: the value in the reply.
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
        seq: the id of the client's command; None for the server's own.
        info: what others see of the client in this channel.
        until: when the subscription expires, epoch seconds; 0 for never.
    """

    seq: int | None = None
    info: Json | None = None
    until: int = 0


class Store(Protocol):
    """The tables. Every call is safe against others about the same connection at the same time."""

    def read(self, connection_id: str) -> Session | None:
        """Return a connection's row; None if the connection has ended."""
        ...

    def greet(self, session: Session, welcome: Welcome) -> bool:
        """Complete the row; False if the connection has ended or is greeted already."""
        ...

    def extend(self, session: Session, expires_at: int) -> None:
        """Set a new expiry of the identity, 0 for never."""
        ...

    def join(self, session: Session, grants: Mapping[str, Grant]) -> bool:
        """Make a connection a member of channels; False if the connection has ended."""
        ...

    def leave(self, session: Session, channel: str, seq: int | None) -> Member | None:
        """End a membership; return it if it was one, and no later command has renewed it."""
        ...

    def extend_membership(self, session: Session, channel: str, expires_at: int) -> None:
        """Set a new expiry of a membership."""
        ...

    def member(self, channel: str, connection_id: str) -> Member | None:
        """Return a membership that counts now; None if there is none."""
        ...

    def members(self, channel: str) -> Iterable[Member]:
        """Return the memberships that count now."""
        ...


class App(Protocol):
    """The application, and what it can send."""

    def admit(self) -> None:
        """Run the hooks that see every frame.

        Raises:
            MessageError: a hook refuses the frame.
        """
        ...

    def authenticate(self, session: Session, command: Command) -> Welcome:
        """Return who a client is.

        Raises:
            Disconnect: 3500, it is refused.
            ReplyError: 109, its token has expired.
        """
        ...

    def check_token(self, subscription: Subscription) -> None:
        """Check a subscription's token; set `has_token`, `expires_at` and `info`.

        Raises:
            ReplyError: 103, it is invalid; 109, it has expired.
        """
        ...

    def call(self, session: Session, method: str, data: Json | None) -> Json:
        """Run a route, and return the text of its answer.

        Raises:
            MessageError: the client's mistake.
        """
        ...

    def receive(self, session: Session, data: Json | None) -> None:
        """Run the route of a message that gets no answer."""
        ...

    def publish(self, channel: str, push: str) -> None:
        """Post a push to the members of a channel."""
        ...

    def tell(self, channel: str, kind: str, member: Member) -> None:
        """Tell the members of a channel that one has joined or left, below 100 members."""
        ...

    def statistics(self, channel: str) -> Mapping[str, int]:
        """Return the numbers of a channel's clients and users."""
        ...

    def failed(self, error: Exception) -> None:
        """Log an exception of the application's code."""
        ...
