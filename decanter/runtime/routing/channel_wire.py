"""Translate between API Gateway's events and Centrifugo's protocol, in an app with channels.

Only an app that declares a channel imports this file.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from decanter.runtime.channels import codec
from decanter.runtime.channels.codes import (
    CONNECTION_EXPIRED,
    FORCE_DISCONNECT,
    STALE,
    UNSUBSCRIBED,
    Disconnect,
    ReplyError,
)
from decanter.runtime.channels.declaration import Authorize, Channel, Channels
from decanter.runtime.channels.interfaces import Grant, Member
from decanter.runtime.channels.memberships import Memberships, SubscriptionModel, default_table
from decanter.runtime.channels.pattern import Pattern, identity_key, no_match
from decanter.runtime.channels.session import Answer, Frame
from decanter.runtime.channels.tables import AllRows, Listeners, Tables
from decanter.runtime.clock import Clock
from decanter.runtime.errors import ConfigurationError
from decanter.runtime.fanout.outbox import Outbox
from decanter.runtime.fanout.report import Report
from decanter.runtime.fanout.wire import Wire
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.functions import check_derived, check_table
from decanter.runtime.logs import EventLine
from decanter.runtime.recipients import UNGREETED, Recipient, Removed
from decanter.runtime.routing.channel_event import ChannelEvent
from decanter.runtime.routing.request import Request
from decanter.runtime.routing.response import Response
from decanter.runtime.store.connections import IdentifiedModel

MOST_TOLD = 100
"""A channel with this many members or more gets no announcements of joins and leaves."""

STATISTICS_SECONDS = 5.0
MOST_STATISTICS = 1000

VERSION = "decanter"
"""The server's version in the replies to connect and refresh commands."""


class ChannelWire(Wire):
    """The channels of a router, its tables, and the form of its frames.

    Raises:
        DeclarationError: the connection table stores no identity, or `subscriptions` is not a
            `SubscriptionModel`.
    """

    def __init__(
        self,
        router: Any,
        clock: Clock,
        connections: Any,
        subscriptions: type[SubscriptionModel] | None,
    ) -> None:
        check_derived("@router.channel: the connection table", connections, IdentifiedModel)
        if subscriptions is not None:
            where = "Router: the subscription table"
            check_derived(where, subscriptions, SubscriptionModel)
            check_table(where, subscriptions, "@subscription_table")
        self._router = router
        self._clock = clock
        self.channels = Channels()
        self.subscriptions = subscriptions or default_table()
        memberships = Memberships(self.subscriptions, clock.time_ms)
        self._each = Workers(clock).each
        tables = connections, memberships, self._each
        self.tables, self.all_rows = Tables(*tables), AllRows(*tables)
        self._statistics: dict[str, tuple[float, dict[str, int]]] = {}

    def declarer(
        self, pattern: str, *, presence: bool, join_leave: bool
    ) -> Callable[[Authorize], Channel]:
        """Return the decorator that declares channels."""

        def declare(function: Authorize) -> Channel:
            channel = Channel(pattern, function, presence=presence, join_leave=join_leave)
            self.channels.add(channel)
            return channel

        return declare

    def run(self, request: Request, line: EventLine) -> tuple[Response, str]:
        """Handle a client's frame; return the handler's response and the outcome for the log."""
        event, outbox = ChannelEvent(self._router, self, request, line), request.outbox
        frame = Frame(self.channels, self.tables, event, VERSION, self._now)
        answer = frame.handle(request.connection_id, request.body)
        line.add(route=" ".join(frame.methods[:20]) or None, message_id=request.message_id)
        event.attempt(lambda: self._send(answer, request, line))
        for step in answer.after:
            event.attempt(step)
        line.add(broadcasts=[report.as_fields() for report in outbox.reports] or None)
        if event.errors:
            return {"statusCode": 500}, "internal"
        return {"statusCode": 200}, "closed" if answer.end else "ok"

    def _send(self, answer: Answer, request: Request, line: EventLine) -> None:
        """Send the frames of an answer, and close the connection if the answer ends it."""
        for text in answer.frames:
            if request.outbox.post(request.connection_id, text).gone:
                break
        if answer.end:
            closed = request.outbox.close(request.connection_id)
            line.add(closed=closed.result.value, end=str(answer.end))

    def text_of(self, frame: Any) -> str:
        """Return the push of a message that belongs to no channel."""
        return codec.message(codec.text_of(frame))

    def frame_of(self, value: Any, channel: str = "") -> str:
        """Return the push of a publication, or of a message without a channel."""
        return self.publication(channel, value) if channel else self.text_of(value)

    def order(self, method: str, payload: Mapping[str, Any], outbox: Outbox) -> None:
        """Run another program's order for the connections of an identity.

        Raises:
            ConfigurationError, ValueError: the order is invalid.
        """
        user, channel = payload["user"], payload.get("channel")
        if method == "disconnect":
            code, reason = payload.get("code", FORCE_DISCONNECT), payload.get("reason", "")
            if type(code) is not int or not isinstance(reason, str):
                raise ConfigurationError("disconnect needs a number as code, a string as reason")
            self.kick(user, code, reason, outbox)
            return
        if not isinstance(channel, str):
            raise ConfigurationError(f"{method} needs a channel")
        change = self.subscribe if method == "subscribe" else self.unsubscribe
        change(user, channel, outbox)

    def members(self, channel: str) -> Listeners:
        """Return the connections that listen to a channel."""
        return Listeners(self.tables, channel)

    def silent(self, connection_ids: Iterable[str]) -> Collection[str]:
        """Return those connections that are not greeted, or whose identity has expired."""
        return self.tables.silent(connection_ids)

    def farewell(self, recipient: Recipient) -> bytes:
        """Return the push that tells a client why the sweep closes its connection."""
        greeted = recipient.identity_expires_at != UNGREETED
        return codec.disconnect(Disconnect(CONNECTION_EXPIRED if greeted else STALE)).encode()

    def publication(self, channel: str, data: Any) -> str:
        """Return the push of a publication by the server. Raise ConfigurationError like `find`."""
        self.find(channel)
        return codec.publication(channel, codec.text_of(data))

    def find(self, channel: str) -> Channel:
        """Return a channel's declaration. Raise ConfigurationError if no pattern matches."""
        try:
            return self.channels.find(channel)[0]
        except ReplyError:
            raise no_match(channel, (each.pattern.source for each in self.channels)) from None

    def name_of(self, pattern: str, values: dict[str, str | None]) -> str:
        """Return a channel's name for a pattern and its values.

        Raises:
            ConfigurationError: a value is missing or empty, or no declared pattern matches.
            DeclarationError: `pattern` is invalid.
        """
        checked = Pattern(pattern) if "{" in pattern else None
        if checked is None:
            name = pattern
        else:
            texts = {name: value for name, value in values.items() if value}
            if missing := [name for name in checked.variables if name not in texts]:
                raise ConfigurationError(f"channel {pattern!r}: {missing[0]} has no value")
            name = checked.fill(texts)
        self.find(name)
        return name

    def subscribe(self, identity: str, channel: str, outbox: Outbox) -> Report:
        """Subscribe all connections of an identity to a channel, and notify their clients."""
        declared, joined = self.find(channel), list[Member]()
        for each in self._connections_of(identity):
            session = self.tables.read(each.connection_id)
            if session and self.tables.join(session, {channel: Grant()}):
                joined.append(Member(*each[:2], session.identity, session.info))
        push = codec.push("subscribe", {}, channel)
        report = outbox.send([each.connection_id for each in joined], push)
        if declared.join_leave:
            self._announce(channel, "join", joined, outbox)
        return report

    def unsubscribe(self, identity: str, channel: str, outbox: Outbox) -> Report:
        """Unsubscribe all connections of an identity from a channel, and notify their clients."""
        declared, left = self.find(channel), list[Member]()
        for each in self._connections_of(identity):
            session = self.tables.read(each.connection_id)
            if session and (member := self.tables.leave(session, channel, None)):
                left.append(member)
        push = codec.unsubscribe(channel, UNSUBSCRIBED)
        report = outbox.send([each.connection_id for each in left], push)
        if declared.join_leave:
            self._announce(channel, "leave", left, outbox)
        return report

    def kick(self, identity: str, code: int, reason: str, outbox: Outbox) -> Report:
        """Close all connections of an identity. Send each client the code and the reason first."""
        push = codec.disconnect(Disconnect(code, reason))
        ids = [each.connection_id for each in self._connections_of(identity)]
        outbox.send(ids, push)
        return outbox.close_all(ids)

    def leave(self, removed: Removed, outbox: Outbox) -> list[Exception]:
        """Announce that a connection has left its channels. Return the exceptions."""
        errors: list[Exception] = []
        for channel, member in removed.left:
            try:
                if self.channels.announces(channel):
                    self.tell(channel, "leave", member, outbox)
            except Exception as error:  # noqa: BLE001 - the other channels are still notified
                errors.append(error)
        return errors

    def tell(self, channel: str, kind: str, member: Member, outbox: Outbox) -> None:
        """Announce a join or a leave to a channel's members, if there are fewer than 100.

        Announce nothing that a later command has already reversed.
        """
        members = [each.connection_id for each in islice(self.tables.members(channel), MOST_TOLD)]
        holds = (member.connection_id in members) is (kind == "join")
        if members and len(members) < MOST_TOLD and holds:
            outbox.send(members, codec.push(kind, {"info": member.as_seen()}, channel))

    def statistics(self, channel: str) -> dict[str, int]:
        """Return the number of clients and the number of users in a channel.

        The numbers of a channel with 100 members or more are cached for 5 seconds. The members of a
        smaller channel are counted at every call, which usually takes one query.
        """
        now = self._clock.monotonic()
        at, counts = self._statistics.get(channel, (0.0, {}))
        if not counts or now - at >= STATISTICS_SECONDS:
            members = [*self.tables.members(channel)]
            users = {each.identity or "" for each in members}
            counts = {"num_clients": len(members), "num_users": len(users)}
            if len(self._statistics) >= MOST_STATISTICS:
                self._statistics.clear()
            if len(members) >= MOST_TOLD:
                self._statistics[channel] = now, counts
        return counts

    def _announce(self, channel: str, kind: str, members: Iterable[Member], outbox: Outbox) -> None:
        for member in members:
            self.tell(channel, kind, member, outbox)

    def _connections_of(self, identity: str) -> list[Member]:
        return [*self.tables.members(identity_key(identity))]

    def _now(self) -> float:
        return self._clock.time_ms() / 1000
