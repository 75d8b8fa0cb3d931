"""The connection table and the subscription table of an app with channels.

A connection's row contains the names of the connection's channels. `DeleteItem` returns the deleted
row, so the subscriptions to delete are known. A subscribe command first writes the subscription,
and then adds the channel's name to the row. If the row no longer exists, the new subscription is
deleted. A connection that has ended therefore has no subscriptions, in whatever order its handlers
ran.

A successful connect command adds the attribute `$greeted` to the row. A client whose row does not
have this attribute gets no messages, and the sweep closes its connection. This rule also applies to
clients that connected before the app had channels.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from decanter.runtime.channels.codec import text_of
from decanter.runtime.channels.interfaces import Grant, Member, Session, Welcome
from decanter.runtime.channels.memberships import Memberships
from decanter.runtime.channels.pattern import OF_IDENTITY, identity_key
from decanter.runtime.jsontext import Json
from decanter.runtime.recipients import Count, Page, Recipient, Removed
from decanter.runtime.store.connections import IdentifiedModel, key_of, number_of
from decanter.runtime.store.tables import ChangedError, dispatch

NAMES_AT_ONCE = 20
"""The maximum number of names in one update. DynamoDB limits an update's expression to 4 KB."""

GREETED, CHANNELS, INFO, HANDSHAKE = "$greeted", "$channels", "$info", "$handshake"
"""The attributes that a connection's row has only in an app with channels."""


InParallel = Callable[[Callable[[str], Any], list[str]], Iterable[Any]]


class Tables:
    """Both tables, as `Connections` for broadcasts and as `Store` for sessions."""

    def __init__(
        self,
        connections: type[IdentifiedModel],
        memberships: Memberships,
        in_parallel: InParallel,
    ) -> None:
        self.connections = connections
        self.memberships = memberships
        self.in_parallel = in_parallel
        self._time_ms = memberships.time_ms

    def record(self, event: Mapping[str, Any], **attributes: Any) -> None:
        """Write the row of a CONNECT event, with the headers and the query."""
        model = self.connections
        row = model.made_from(event, **attributes)
        request = {name: event.get(name) or {} for name in ("headers", "queryStringParameters")}
        item = {**row.serialize(), HANDSHAKE: {"S": json.dumps(request)}}
        dispatch(model, "PutItem", Item=item)

    def remove(self, connection_id: str) -> Removed | None:
        """Delete a connection's row and subscriptions."""
        return self._without_channels(self.connections.remove(connection_id))

    def remove_if_unchanged(self, recipient: Recipient) -> Removed | None:
        """Delete a connection's row and subscriptions, unless the row has changed."""
        return self._without_channels(self.connections.remove_if_unchanged(recipient))

    def remove_if_older(self, connection_id: str, than_ms: int) -> Removed | None:
        """Delete a connection's row and subscriptions, if the client connected before `than_ms`."""
        return self._without_channels(self.connections.remove_if_older(connection_id, than_ms))

    def where(self) -> str:
        """Return the connection table's name and environment variable, for an error message."""
        return self.connections.where()

    def identify(self, connection_id: str) -> str | None:
        """Return the identity of a connection's client; None if it is unknown."""
        return self.connections.identify(connection_id)

    def identity_end(self) -> str:
        """Return the name of the attribute with the identity's expiry."""
        return self.connections.identity_end()

    def page(self, after: str, now_ms: int, limit: int | None = None) -> Page:
        """Read the next part of the table, without clients that must not get messages."""
        page = self.connections.page(after, now_ms, limit, GREETED)
        listening = [row for row in page.recipients if not _is_over(row, now_ms)]
        return page._replace(recipients=listening)

    def count_after(self, after: str, now_ms: int) -> Count:
        """In the next part of the table, count the clients that may get messages."""
        return self.connections.count_after(after, now_ms, GREETED)

    def read(self, connection_id: str) -> Session | None:
        """Return a connection's row; None if the connection has ended."""
        model = self.connections
        row = self._row(connection_id)
        if not row:
            return None
        names = model.connected_at, model.identity_expires_at
        connected_at, expires_at = (number_of(row.get(each.attr_name)) for each in names)
        is_greeted = GREETED in row
        info = row.get(INFO, {}).get("S")
        return Session(
            connection_id,
            connected_at,
            is_greeted,
            row.get(model.identity.attr_name, {}).get("S"),
            Json(info) if info else None,
            expires_at if is_greeted else 0,
            row.get(CHANNELS, {}).get("M", {}).keys(),
            row.get(HANDSHAKE, {}).get("S", ""),
        )

    def silent(self, connection_ids: Iterable[str]) -> set[str]:
        """Return those connections that are not greeted, or whose identity has expired."""
        ids, now = [*dict.fromkeys(connection_ids)], self._time_ms() / 1000
        return {
            each.connection_id
            for each in self.in_parallel(self.read, ids)
            if each and (not each.is_greeted or 0 < each.expires_at <= now)
        }

    def greet(self, session: Session, welcome: Welcome) -> bool:
        """Store an identity. Return False if the connection has ended or is already greeted."""
        model, identity = self.connections, welcome.identity
        if identity is not None:
            named = session._replace(identity=identity, expires_at=0)
            self.memberships.put(named, identity_key(identity), Grant())
        names = {
            "#identity": model.identity.attr_name,
            "#until": model.identity_expires_at.attr_name,
        }
        values: dict[str, Any] = {
            ":greeted": {"N": str(self._time_ms())},
            ":none": {"M": {}},
            **({":identity": {"S": identity}} if identity is not None else {}),
            **({":until": {"N": str(welcome.expires_at)}} if welcome.expires_at else {}),
            **({":info": {"S": text_of(welcome.info)}} if welcome.info is not None else {}),
        }
        changes = {"#greeted": ":greeted", "#channels": ":none"}
        changes |= {f"#{name[1:]}": name for name in (":identity", ":until", ":info")}
        try:
            self._update(
                session.connection_id,
                {name: it for name, it in changes.items() if it in values},
                "attribute_not_exists(#greeted)",
                values,
                removed=["#handshake", *(name for name, it in changes.items() if it not in values)],
                names=names,
            )
        except ChangedError:
            row = self.read(session.connection_id)
            if identity is not None and (row is None or row.identity != identity):
                self.memberships.delete(identity_key(identity), session.connection_id)
            return False
        return True

    def extend(self, session: Session, expires_at: int) -> None:
        """Set a new expiry of the identity in the connection's row and in all its subscriptions."""
        end = self.connections.identity_expires_at.attr_name
        values = {":until": {"N": str(expires_at)}} if expires_at else {}
        try:
            row = self._update(
                session.connection_id,
                {"#until": ":until"} if expires_at else {},
                "attribute_exists(#greeted)",
                values,
                removed=[] if expires_at else ["#until"],
                names={"#until": end},
            )
        except ChangedError:
            return
        for channel in row.get(CHANNELS, {}).get("M", {}):
            self._extend_identity(channel, session.connection_id, expires_at)

    def join(self, session: Session, grants: Mapping[str, Grant]) -> bool:
        """Subscribe a connection to channels. Return False if it has ended or is not greeted."""

        def put(channel: str) -> bool:
            return self.memberships.put(session, channel, grants[channel])

        written = self.in_parallel(put, [*grants])
        fresh = [name for name, is_fresh in zip(grants, written, strict=True) if is_fresh]
        for part in range(0, len(fresh), NAMES_AT_ONCE):
            seqs = {name: grants[name].seq for name in fresh[part : part + NAMES_AT_ONCE]}
            row = self._add_names(session.connection_id, seqs)
            if row is None:
                for name in fresh:
                    self.memberships.delete(name, session.connection_id)
                return False
            until = number_of(row.get(self.connections.identity_expires_at.attr_name))
            if until != session.expires_at:  # the client refreshed in the meantime
                for name in seqs:
                    self._extend_identity(name, session.connection_id, until)
        return True

    def leave(self, session: Session, channel: str, seq: int | None) -> Member | None:
        """End and return a membership; None if there is none, or a later command renewed it."""
        member = self.memberships.end(channel, session.connection_id, seq)
        if seq is not None:
            self._remove_name(session.connection_id, channel, seq)
        return member

    def extend_membership(self, session: Session, channel: str, expires_at: int) -> None:
        """Set a new expiry of a membership, in epoch seconds; 0 if it never expires."""
        self.memberships.set_until(channel, session.connection_id, "until", expires_at)

    def member(self, channel: str, connection_id: str) -> Member | None:
        """Return a live membership; None if there is none."""
        return self.memberships.get(channel, connection_id)

    def members(self, channel: str) -> Iterator[Member]:
        """Yield the live memberships of a channel."""
        after: str | None = ""
        while after is not None:
            answer = self.memberships.page(channel, after, None)
            after = self.memberships.last(answer)
            now_ms = self._time_ms()
            for item in answer["Items"]:
                if member := self.memberships.live(item, now_ms):
                    yield member

    def _extend_identity(self, channel: str, connection_id: str, until: int) -> None:
        self.memberships.set_until(channel, connection_id, "identity_until", until)

    def _add_names(
        self, connection_id: str, seqs: Mapping[str, int | None]
    ) -> Mapping[str, Any] | None:
        """Add names to a row and return it; None if the connection has ended or is not greeted."""
        changes, values, names = dict[str, str](), dict[str, Any](), dict[str, str]()
        condition = "attribute_exists(#channels)"
        for number, (channel, seq) in enumerate(seqs.items()):
            place, value = f"#channels.#n{number}_", f":s{number}_"
            names[f"#n{number}_"], values[value] = channel, {"N": str(seq or 0)}
            changes[place] = value if seq is not None else f"if_not_exists({place}, {value})"
            if seq is not None:
                condition += f" AND (attribute_not_exists({place}) OR {place} < {value})"
        try:
            return self._update(connection_id, changes, condition, values, names=names)
        except ChangedError:  # a later command has added a name, or the row is gone
            if len(seqs) > 1:
                rows = [self._add_names(connection_id, {name: seqs[name]}) for name in seqs]
                return rows[-1]
            row = self._row(connection_id)
            return row if row and CHANNELS in row else None

    def _remove_name(self, connection_id: str, channel: str, seq: int) -> None:
        """Remove a channel's name from the row, unless a later subscribe command has added it."""
        names, values = {"#name": channel}, {":seq": {"N": str(seq)}}
        condition = "#channels.#name < :seq"
        removed = ["#channels.#name"]
        try:
            self._update(connection_id, {}, condition, values, removed=removed, names=names)
        except ChangedError:
            return

    def _without_channels(self, removed: Removed | None) -> Removed | None:
        """Delete the subscriptions of a deleted row. Add those not ended to `removed.left`."""
        if removed is None:
            return None
        row = removed.row
        identity = row.get(self.connections.identity.attr_name, {}).get("S")
        names = [*row.get(CHANNELS, {}).get("M", {})]
        if identity is not None:
            names.append(identity_key(identity))
        for name in names:
            member = self.memberships.delete(name, removed.connection_id)
            if member and not name.startswith(OF_IDENTITY):
                removed.left.append((name, member))
        return removed

    def _update(
        self,
        connection_id: str,
        changes: Mapping[str, str],
        condition: str,
        values: Mapping[str, Any],
        removed: Iterable[str] = (),
        names: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Change a row and return it. Raise ChangedError if no row meets the condition."""
        given = {
            "#greeted": GREETED,
            "#channels": CHANNELS,
            "#info": INFO,
            "#handshake": HANDSHAKE,
            "#key": key_of(self.connections),
            **(names or {}),
        }
        sets = ", ".join(f"{name} = {value}" for name, value in changes.items())
        removes = ", ".join(removed)
        text = f"{f'SET {sets} ' if sets else ''}{f'REMOVE {removes}' if removes else ''}"
        full = f"attribute_exists(#key) AND ({condition})"
        used = {name: it for name, it in given.items() if name in f"{text} {full}"}
        answer = dispatch(
            self.connections,
            "UpdateItem",
            Key=self._key(connection_id),
            UpdateExpression=text,
            ConditionExpression=full,
            ExpressionAttributeNames=used,
            **({"ExpressionAttributeValues": values} if values else {}),
            ReturnValues="ALL_NEW",
        )
        row: Mapping[str, Any] = answer["Attributes"]
        return row

    def _key(self, connection_id: str) -> dict[str, Any]:
        return {key_of(self.connections): {"S": connection_id}}

    def _row(self, connection_id: str) -> Mapping[str, Any] | None:
        key = self._key(connection_id)
        row: Mapping[str, Any] | None = dispatch(
            self.connections, "GetItem", Key=key, ConsistentRead=True
        ).get("Item")
        return row


def _is_over(row: Recipient, now_ms: int) -> bool:
    """Return True if a connection is not greeted, or if its client's identity has expired."""
    return 0 < row.identity_expires_at * 1000 <= now_ms


class AllRows(Tables):
    """The tables for the sweep, which also checks clients that must not get messages."""

    def page(self, after: str, now_ms: int, limit: int | None = None) -> Page:
        """Read the next part of the connection table."""
        return self.connections.page(after, now_ms, limit, GREETED)


class Listeners(Tables):
    """The members of one channel, as recipients of a broadcast."""

    def __init__(self, tables: Tables, channel: str) -> None:
        super().__init__(tables.connections, tables.memberships, tables.in_parallel)
        self._channel = channel

    def page(self, after: str, now_ms: int, limit: int | None = None) -> Page:
        """Read the next part of the channel's subscriptions."""
        answer = self.memberships.page(self._channel, after, limit, lean=True)
        return Page(self.memberships.recipients(answer, now_ms), self.memberships.last(answer))

    def count_after(self, after: str, now_ms: int) -> Count:
        """Count the recipients in the next part of the channel's subscriptions."""
        answer = self.memberships.page(self._channel, after, None, lean=True)
        count = len(self.memberships.recipients(answer, now_ms))
        return Count(count, self.memberships.last(answer))

    def remove_if_unchanged(self, recipient: Recipient) -> Removed | None:
        """Delete the row and the subscriptions of a connection, unless the row has changed.

        If the row no longer exists, this method deletes the subscription to this channel.
        """
        removed = super().remove_if_unchanged(recipient)
        if removed is None and self.read(recipient.connection_id) is None:
            self.memberships.delete(self._channel, recipient.connection_id)
        return removed
