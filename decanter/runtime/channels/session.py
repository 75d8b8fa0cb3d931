"""Handle a client's commands and reply to them, using the tables and the application.

A Lambda function keeps no state of a connection between two frames, and may handle several frames
of a connection in parallel. Therefore `Frame` reads the connection's row once for each frame, and
every later step is safe if other frames of the connection are handled in parallel (`Store`).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from decanter.runtime import jsontext
from decanter.runtime.channels import codec
from decanter.runtime.channels.codec import Command
from decanter.runtime.channels.codes import (
    BAD_FRAME,
    CONNECTION_EXPIRED,
    EXPIRED,
    FORCE_DISCONNECT,
    FORCE_RECONNECT,
    INTERNAL,
    INVALID_TOKEN,
    LIMIT_EXCEEDED,
    NOT_AVAILABLE,
    PERMISSION_DENIED,
    SUBSCRIPTION_EXPIRED,
    TOKEN_EXPIRED,
    UNSUBSCRIBED,
    Disconnect,
    ReplyError,
    reply_error,
)
from decanter.runtime.channels.declaration import Channel, Channels, Publication, Subscription
from decanter.runtime.channels.interfaces import App, Grant, Member, Session, Store
from decanter.runtime.channels.pattern import too_many
from decanter.runtime.errors import MessageError
from decanter.runtime.functions import place

EARLY_SECONDS = 10
"""The client must refresh a token this many seconds before the token's expiry. If the token expires
in less than 40 seconds, the client must refresh the token when a quarter of this time is left.
After the expiry, the client gets no messages until the server has the new token.
"""


@dataclass
class Answer:
    """The result of a frame.

    Attributes:
        frames: the frames for the client, in order.
        end: the reason why the connection ends; None if it stays open.
        after: the functions to call after the frames are posted.
    """

    frames: list[str]
    end: Disconnect | None = None
    after: list[Callable[[], None]] = field(default_factory=list)


_Joining = dict[str, tuple[Channel, Subscription, int | None]]
"""The subscriptions to write, each with its command's id, or with None if there is no command."""


class Frame:
    """Handles the commands of one frame. `now` returns epoch seconds."""

    def __init__(
        self, channels: Channels, store: Store, app: App, version: str, now: Callable[[], float]
    ) -> None:
        self._channels = channels
        self._store = store
        self._app = app
        self._version = version
        self._now = now
        self._after: list[Callable[[], None]] = []
        self._pushes: list[str] = []
        self._session = Session("", 0)
        self._error: ReplyError | None = None
        self._joining: _Joining = {}
        self._is_pruned = False
        self._joined: list[tuple[int, str]] = []
        self.methods: list[str] = []
        """The methods of the commands so far, for the log."""

    def handle(self, connection_id: str, text: str) -> Answer:
        """Handle a frame. An error becomes an error reply, or ends the connection."""
        replies: list[tuple[int, str]] = []
        end = None
        try:
            self._begin(connection_id)
            for command in codec.commands(text):
                if command.method != "subscribe" or command.text("channel") in self._joining:
                    replies += self._join_all()
                if answer := self._answer(command):
                    replies.append((command.id, answer))
                replies[-1:-1] = [(0, push) for push in self._pushes]
                self._pushes = []
        except Disconnect as disconnect:
            end = disconnect
        replies += self._join_all()
        if end:
            replies.append((0, codec.disconnect(end)))
        return Answer(codec.frames(replies), end, self._after)

    def _begin(self, connection_id: str) -> None:
        """Read the row, and run the message hooks.

        Raises:
            Disconnect: the row is lost or deleted, or a hook ends the connection.
        """
        try:
            if session := self._store.read(connection_id):
                self._app.admit()
        except Exception as error:  # noqa: BLE001 - all commands of the frame get error replies
            self._error = self._error_of(error)
        else:
            if session is None:
                raise Disconnect(FORCE_RECONNECT)
            self._session = session

    def _answer(self, command: Command) -> str | None:
        """Return the reply to a command.

        Return None for:
        - a successful `subscribe`, which `_join_all` answers;
        - a `send` that succeeds or has no id;
        - a `connect`, if the connection has ended or another frame has greeted it in the meantime.
        """
        self.methods.append(command.method or "?")
        try:
            self._check(command)
            body = _HANDLERS[command.method](self, command)
        except Exception as error:  # noqa: BLE001 - one command's failure must not end the others
            answer = self._error_of(error)
            return codec.error_reply(command.id, answer) if command.id else None
        return None if body is None else codec.reply(command.id, command.method, body)

    def _error_of(self, error: Exception) -> ReplyError:
        """Return the error reply for an exception. Log exceptions that the client did not cause.

        Raises:
            Disconnect: the exception ends the connection.
        """
        if isinstance(error, ReplyError):
            return error
        if isinstance(error, Disconnect):
            raise error
        if not isinstance(error, MessageError):
            self._app.failed(error)
            return ReplyError(INTERNAL)
        if error.closes:
            raise Disconnect(FORCE_DISCONNECT, str(error)) from error
        return reply_error(error)

    def _check(self, command: Command) -> None:
        session = self._session
        if error := command.error or self._error:
            raise error
        if (command.method == "connect") is session.is_greeted:
            reason = "connect twice" if session.is_greeted else "the first command is not connect"
            raise Disconnect(BAD_FRAME, reason)
        if 0 < session.expires_at <= self._now():
            # Even `refresh` is too late: the client has missed messages since the expiry.
            raise Disconnect(CONNECTION_EXPIRED)

    def _connect(self, command: Command) -> dict[str, Any] | None:
        if not self._session.handshake:  # the app had no channels when the client connected
            raise Disconnect(FORCE_RECONNECT)
        welcome = self._app.authenticate(self._session, command)
        expires_at = welcome.expires_at or 0
        if expires_at and expires_at <= self._now():
            raise ReplyError(TOKEN_EXPIRED if command.text("token") else EXPIRED)
        found = [self._channels.find(name)[0] for name in welcome.channels]
        self._check_room(welcome.channels)
        if not self._store.greet(self._session, welcome):
            return None
        info = None if welcome.info is None else codec.text_of(welcome.info)
        self._session = self._session._replace(
            is_greeted=True,
            identity=welcome.identity,
            info=info,
            expires_at=expires_at,
            channels=welcome.channels,
        )
        joining: _Joining = {
            name: (channel, Subscription(name, welcome.identity, ""), None)
            for name, channel in zip(welcome.channels, found, strict=True)
        }
        if joining and not self._join(joining):
            return None
        subs = {name: dict[str, Any]() for name in welcome.channels}
        data = {} if welcome.data is None else {"data": codec.text_of(welcome.data)}
        return {**self._client(command), **codec.filled(subs=subs or None), **data}

    def _client(self, command: Command) -> dict[str, Any]:
        # Without a token, an SDK cannot refresh. It would disconnect, and would not reconnect.
        expires_at = self._session.expires_at if command.text("token") else 0
        return {
            "client": self._session.connection_id,
            "version": self._version,
            **self._expiry(expires_at),
        }

    def _expiry(self, expires_at: int | None) -> dict[str, Any]:
        if not expires_at:
            return {}
        left = int(expires_at - self._now())
        return {"expires": True, "ttl": max(1, left - min(EARLY_SECONDS, left // 4))}

    def _refresh(self, command: Command) -> dict[str, Any]:
        try:
            welcome = self._app.authenticate(self._session, command)
        except ReplyError as error:
            # The client reconnects with a new token.
            raise Disconnect(CONNECTION_EXPIRED) from error
        if welcome.identity != self._session.identity:
            raise Disconnect(INVALID_TOKEN, "another identity")
        expires_at = welcome.expires_at or 0
        if expires_at and expires_at <= self._now():
            raise Disconnect(CONNECTION_EXPIRED)
        self._store.extend(self._session, expires_at)
        self._session = self._session._replace(expires_at=expires_at)
        return self._client(command)

    def _subscribe(self, command: Command) -> dict[str, Any] | None:
        name = command.text("channel")
        channel, values = self._channels.find(name)
        subscription = self._authorized(channel, command, values)
        self._check_room([name])
        self._session = self._session._replace(channels={*self._session.channels, name})
        self._joining[name] = channel, subscription, command.id
        data = {} if subscription.data is None else {"data": codec.text_of(subscription.data)}
        body = {**self._expiry(subscription.expires_at), **data}
        self._joined.append((command.id, codec.reply(command.id, "subscribe", body)))
        return None

    def _join_all(self) -> list[tuple[int, str]]:
        """Write the collected subscriptions together, and return the replies."""
        joining, replies = self._joining, self._joined
        self._joining, self._joined = {}, []
        try:
            is_open = not joining or self._join(joining)
        except Exception as error:  # noqa: BLE001 - their commands get error replies
            failure = self._error_of(error)
            return [(number, codec.error_reply(number, failure)) for number, _ in replies]
        return replies if is_open else []

    def _authorized(
        self, channel: Channel, command: Command, values: dict[str, str]
    ) -> Subscription:
        session = self._session
        subscription = Subscription(
            channel=command.text("channel"),
            identity=session.identity,
            client=session.connection_id,
            token=command.text("token"),
            request=None if command.data is None else jsontext.parse(command.data),
        )
        if subscription.token:
            self._app.check_token(subscription)
        channel.check(subscription, values, self._app.note)
        if subscription.expires_at and subscription.expires_at <= self._now():
            raise ReplyError(TOKEN_EXPIRED if subscription.token else EXPIRED)
        return subscription

    def _check_room(self, names: Collection[str]) -> None:
        """Raise error 106 if the connection's channels and these names exceed a limit."""
        session, held = self._session, {*self._session.channels}
        if too_many({*held, *names}) and not self._is_pruned:
            # The row keeps the names of channels that the server ended. Count them once a frame.
            written = held - {*self._joining}
            held -= {it for it in written if not self._store.member(it, session.connection_id)}
            self._session, self._is_pruned = session._replace(channels=held), True
        if problem := too_many({*held, *names}):
            raise ReplyError(LIMIT_EXCEEDED, problem)

    def _join(self, joining: "_Joining") -> bool:
        """Write subscriptions. Return False if the connection has ended."""
        session, grants = self._session, dict[str, Grant]()
        for name, (_, subscription, seq) in joining.items():
            info = None if subscription.info is None else codec.text_of(subscription.info)
            grants[name] = Grant(seq, info, subscription.expires_at or 0)
        if not self._store.join(session, grants):
            return False
        for name, (channel, _, _) in joining.items():
            if channel.join_leave:
                member = Member(*session[:2], session.identity, session.info, grants[name].info)
                self._after.append(partial(self._app.tell, name, "join", member))
        return True

    def _unsubscribe(self, command: Command) -> dict[str, Any]:
        name = command.text("channel")
        if name not in self._session.channels:  # the row can have undeclared channels
            self._channels.find(name)
        self._leave(name, command.id)
        return {}

    def _leave(self, name: str, seq: int | None) -> None:
        member = self._store.leave(self._session, name, seq)
        session = self._session
        self._session = session._replace(channels={*session.channels} - {name})
        if member and self._channels.announces(name):
            self._after.append(partial(self._app.tell, name, "leave", member))

    def _sub_refresh(self, command: Command) -> dict[str, Any]:
        name = command.text("channel")
        channel, values = self._channels.find(name)
        if name not in self._session.channels:
            raise ReplyError(PERMISSION_DENIED, "permission denied: subscribe first")
        try:
            self._check_subscribed(name)
            subscription = self._authorized(channel, command, values)
        except ReplyError as error:
            expired = error.code in (TOKEN_EXPIRED, EXPIRED)
            code = SUBSCRIPTION_EXPIRED if expired else UNSUBSCRIBED
            self._leave(name, None)
            self._pushes.append(codec.unsubscribe(name, code))
            raise
        expires_at = subscription.expires_at or 0
        self._store.extend_membership(self._session, name, expires_at)
        return self._expiry(expires_at)

    def _check_subscribed(self, name: str) -> None:
        """Raise error 110 if a subscription has expired: the client has missed publications."""
        if self._store.member(name, self._session.connection_id) is None:
            raise ReplyError(EXPIRED)

    def _publish(self, command: Command) -> dict[str, Any]:
        name, session = command.text("channel"), self._session
        channel, values = self._channels.find(name)
        if channel.publish is None:
            raise ReplyError(PERMISSION_DENIED)
        member = self._listener(name, channel, values)
        publication = Publication[Any](name, session.identity, session.connection_id, None)
        result = channel.accept(publication, command.data, values)
        if result is None:
            self._app.note(f"{place(channel.publish)} returned None, so nothing is published")
        else:
            push = codec.publication(name, codec.text_of(result), member.as_seen())
            self._app.publish(name, push)
        return {}

    def _listener(self, name: str, channel: Channel, values: dict[str, str]) -> Member:
        """Return the frame's client as a member of a channel.

        Raises:
            ReplyError: code 103, if the client is not subscribed and may not subscribe.
        """
        session = self._session
        if (member := self._store.member(name, session.connection_id)) is not None:
            return member
        subscription = Subscription(name, session.identity, session.connection_id)
        channel.check(subscription, values, self._app.note)
        info = None if subscription.info is None else codec.text_of(subscription.info)
        return Member(*session[:2], session.identity, session.info, info)

    def _check_presence(self, command: Command) -> str:
        name = command.text("channel")
        channel, values = self._channels.find(name)
        if not channel.presence:
            raise ReplyError(NOT_AVAILABLE)
        self._listener(name, channel, values)
        return name

    def _presence(self, command: Command) -> dict[str, Any]:
        name = self._check_presence(command)
        members = self._store.members(name)
        return {"presence": {each.connection_id: each.as_seen() for each in members}}

    def _presence_stats(self, command: Command) -> dict[str, Any]:
        return {**self._app.statistics(self._check_presence(command))}

    def _history(self, command: Command) -> dict[str, Any]:
        self._channels.find(command.text("channel"))
        raise ReplyError(NOT_AVAILABLE)

    def _rpc(self, command: Command) -> dict[str, Any]:
        return {"data": self._app.call(self._session, command.text("method"), command.data)}

    def _send(self, command: Command) -> None:
        self._app.receive(self._session, command.data)


_HANDLERS: Mapping[str, Callable[[Frame, Command], dict[str, Any] | None]] = {
    "connect": Frame._connect,
    "subscribe": Frame._subscribe,
    "unsubscribe": Frame._unsubscribe,
    "publish": Frame._publish,
    "presence": Frame._presence,
    "presence_stats": Frame._presence_stats,
    "history": Frame._history,
    "send": Frame._send,
    "rpc": Frame._rpc,
    "refresh": Frame._refresh,
    "sub_refresh": Frame._sub_refresh,
}
