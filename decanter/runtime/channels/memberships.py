"""The subscription table: the channels that each client is subscribed to.

    @subscription_table(env="SUBSCRIPTIONS_TABLE")
    class Subscription(SubscriptionModel): ...

A router with channels has such a table by default. The hash key of a row is the name of a channel,
or an identity's key (`pattern.identity_key`). A query for an identity's key returns all connections
of the identity.

The attribute `seq` is the id of the client's last subscribe or unsubscribe command for the row's
channel. API Gateway may invoke the handlers of one connection in any order, so such a command with
a lower id is late and changes nothing. The row of an ended subscription is kept for an hour, so
that a late subscribe command cannot renew the subscription.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pynamodb.attributes import NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.connection.table import TableConnection
from pynamodb.models import Model

from decanter.runtime.channels.interfaces import Grant, Member, Session
from decanter.runtime.functions import check_derived, named_arguments
from decanter.runtime.jsontext import Json
from decanter.runtime.recipients import MAX_AGE_MS, Recipient
from decanter.runtime.store.connections import Times, number_of
from decanter.runtime.store.tables import (
    ChangedError,
    declaration,
    dispatch,
    on_one_session,
    table,
    translated,
)

Item = Mapping[str, Any]

TOMBSTONE_SECONDS = 3600
"""The time for which an ended subscription's row is kept. A handler runs for at most 15 minutes."""

_LIVE = "attribute_not_exists(#left)"


class SubscriptionModel(Model):
    """Base class for subscriptions. `@subscription_table` completes a subclass.

    Attributes:
        channel: the channel's name, or `$identity:` followed by an encoded identity.
        connection_id: the connection's id.
        connected_at: the time when the client connected, in epoch milliseconds.
        expires_at: the time after which DynamoDB may delete the row.
        identity: the client's identity.
        info: the JSON text that describes the client to others.
        channel_info: the JSON text that describes the client to the other members of this channel.
        seq: the id of the client's last subscribe or unsubscribe command for this channel; 0 if
            there was none.
        identity_until: the time when the client's identity expires, in epoch seconds.
        until: the time when the subscription expires, in epoch seconds.
        left: present if the subscription has ended.
    """

    channel = UnicodeAttribute(hash_key=True)
    connection_id = UnicodeAttribute(range_key=True, attr_name="connectionID")
    connected_at = NumberAttribute()
    expires_at = TTLAttribute()
    identity = UnicodeAttribute(null=True)
    info = UnicodeAttribute(null=True)
    channel_info = UnicodeAttribute(null=True)
    seq = NumberAttribute()
    identity_until = NumberAttribute(null=True)
    until = NumberAttribute(null=True)
    left = NumberAttribute(null=True)

    @classmethod
    def _get_connection(cls) -> TableConnection:
        """Return PynamoDB's connection to the table, with the process's botocore session."""
        return on_one_session(super()._get_connection())


S = TypeVar("S", bound=type[SubscriptionModel])


@named_arguments("@subscription_table()")
def subscription_table(
    *, env: str = "SUBSCRIPTIONS_TABLE", existing: str | None = None
) -> Callable[[S], S]:
    """Make a model the subscription table of a router.

    Args:
        env: the environment variable with the table's name.
        existing: the name or ARN of a table that exists already and is never created or deleted, or
            `ssm:/PATH` for an SSM parameter with the table's name.

    Raises:
        DeclarationError: an argument is invalid, or the model is not a `SubscriptionModel`.
    """

    def complete(model: S) -> S:
        check_derived("@subscription_table:", model, SubscriptionModel)
        model = table(env=env, existing=existing)(model)
        model.__decanter__ = classmethod(_declaration)  # type: ignore[attr-defined]
        return model

    return complete


def _declaration(model: type[Model]) -> dict[str, Any] | None:
    """Return the declaration for the tool; None if the model has no table."""
    found = declaration(model)
    return found and {**found, "is_subscriptions": True}


def default_table() -> type[SubscriptionModel]:
    """Return a new model, for a router without the argument `subscriptions`."""

    @subscription_table()
    class Subscriptions(SubscriptionModel):
        """The subscriptions of all clients."""

    return Subscriptions


class Memberships:
    """The operations on the rows of the subscription table.

    Every method that uses DynamoDB raises a StoreError or a ConfigurationError if the operation
    fails.
    """

    def __init__(self, model: type[SubscriptionModel], time_ms: Callable[[], int]) -> None:
        self.model = model
        self.time_ms = time_ms

    def put(self, session: Session, channel: str, grant: Grant) -> bool:
        """Write a subscription. Return False if the same or a later command has written the row."""
        model = self.model
        row = model(
            channel,
            session.connection_id,
            connected_at=session.connected_at,
            expires_at=datetime.fromtimestamp((session.connected_at + MAX_AGE_MS) // 1000, UTC),
            identity=session.identity,
            info=session.info,
            channel_info=grant.info,
            seq=grant.seq or 0,
            identity_until=session.expires_at or None,
            until=grant.until or None,
        )
        try:
            with translated(model.Meta):
                if grant.seq is None:
                    self._merge(row)
                else:
                    row.save(condition=model.seq.does_not_exist() | (model.seq < grant.seq))
        except ChangedError:
            return False
        return True

    def _merge(self, row: SubscriptionModel) -> None:
        """Write a row, but keep its `seq`, because the server's change has no command id."""
        model = self.model
        kept = {"channel", "connection_id", "seq"}
        actions: list[Any] = [model.seq.set(model.seq | 0)]
        for name, attribute in model.get_attributes().items():
            if name not in kept:
                value = getattr(row, name)
                actions.append(attribute.remove() if value is None else attribute.set(value))
        row.update(actions=actions)

    def end(self, channel: str, connection_id: str, seq: int | None) -> Member | None:
        """End and return a subscription; None if there is none, or a later command renewed it.

        An expired subscription also ends here, so that the other members get a `leave` push.

        `seq` is the id of the client's command; None if the server ends the subscription.
        """
        now_ms = self.time_ms()
        expires = str(now_ms // 1000 + TOMBSTONE_SECONDS)
        values = {":one": {"N": "1"}, ":expires": {"N": expires}}
        changes = "SET #left = :one, #expires = :expires"
        condition = "attribute_exists(#key)"
        if seq is not None:
            values |= {":seq": {"N": str(seq)}, ":at": {"N": str(now_ms)}}
            changes += ", #seq = :seq, #at = if_not_exists(#at, :at)"
            condition = "attribute_not_exists(#seq) OR #seq < :seq"
        try:
            old = self._update(channel, connection_id, changes, condition, values)
        except ChangedError:
            return None
        return self._member(old)

    def set_until(self, channel: str, connection_id: str, attribute: str, until: int) -> None:
        """Set an expiry attribute of a live subscription, in epoch seconds; 0 for no expiry."""
        change = "SET #until = :until" if until else "REMOVE #until"
        values = {":until": {"N": str(until)}} if until else {}
        exists = f"attribute_exists(#key) AND {_LIVE}"
        try:
            self._update(channel, connection_id, change, exists, values, until=attribute)
        except ChangedError:
            return

    def delete(self, channel: str, connection_id: str) -> Member | None:
        """Delete a row and return its membership, live or expired; None if it had ended."""
        key = self._key(channel, connection_id)
        answer = dispatch(self.model, "DeleteItem", Key=key, ReturnValues="ALL_OLD")
        return self._member(answer.get("Attributes"))

    def get(self, channel: str, connection_id: str) -> Member | None:
        """Return a live membership; None if there is none."""
        key = self._key(channel, connection_id)
        answer = dispatch(self.model, "GetItem", Key=key, ConsistentRead=True)
        return self.live(answer.get("Item"), self.time_ms())

    def page(
        self, channel: str, after: str, limit: int | None, *, lean: bool = False
    ) -> dict[str, Any]:
        """Return DynamoDB's answer for the next part of a channel, without ended subscriptions.

        The read is strongly consistent, so a client gets every publication after the reply to its
        subscribe command. The part begins after the connection id `after`. If `lean` is True, only
        the attributes that `recipients` needs are read.
        """
        model = self.model
        names = {"#channel": model.channel.attr_name, "#left": model.left.attr_name}
        needed = (model.connection_id, model.connected_at, model.identity_until, model.until)
        if lean:
            attributes: tuple[Any, ...] = needed
            names |= {f"#{number}": each.attr_name for number, each in enumerate(attributes)}
        question: dict[str, Any] = {
            "KeyConditionExpression": "#channel = :channel",
            "FilterExpression": _LIVE,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {":channel": {"S": channel}},
            "ConsistentRead": True,
            **({"ProjectionExpression": "#0, #1, #2, #3"} if lean else {}),
            **({"Limit": limit} if limit else {}),
            **({"ExclusiveStartKey": self._key(channel, after)} if after else {}),
        }
        return dispatch(model, "Query", **question)

    def last(self, answer: Item) -> str | None:
        """Return the connection id after which the next part begins; None at the end."""
        last = answer.get("LastEvaluatedKey")
        return last[self.model.connection_id.attr_name]["S"] if last else None

    def recipients(self, answer: Item, now_ms: int) -> list[Recipient]:
        """Return the connections in DynamoDB's answer that get the channel's publications now."""
        model = self.model
        key, at = model.connection_id.attr_name, model.connected_at.attr_name
        ends = model.identity_until.attr_name, model.until.attr_name
        times, found = Times(now_ms), []
        for item in answer["Items"]:
            recipient = times.recipient(item[key]["S"], item.get(at))
            if not times.is_stale(recipient) and not any(
                end in item and number_of(item[end]) * 1000 <= now_ms for end in ends
            ):
                found.append(recipient)
        return found

    def live(self, item: Item | None, now_ms: int) -> Member | None:
        """Return the membership in a row; None if it has ended or expired."""
        is_over = not item or not self.recipients({"Items": [item]}, now_ms)
        return None if is_over else self._member(item)

    def _member(self, item: Item | None) -> Member | None:
        """Return the membership in a row, live or expired; None if it has ended."""
        model = self.model
        if not item or model.left.attr_name in item:
            return None
        info, channel_info = (
            _text(item.get(each.attr_name)) for each in (model.info, model.channel_info)
        )
        return Member(
            item[model.connection_id.attr_name]["S"],
            number_of(item.get(model.connected_at.attr_name)),
            _text(item.get(model.identity.attr_name)),
            Json(info) if info else None,
            Json(channel_info) if channel_info else None,
        )

    def _update(
        self,
        channel: str,
        connection_id: str,
        changes: str,
        condition: str,
        values: Item,
        until: str = "until",
    ) -> Item | None:
        model = self.model
        names = {
            "#key": model.channel.attr_name,
            "#left": model.left.attr_name,
            "#seq": model.seq.attr_name,
            "#expires": model.expires_at.attr_name,
            "#at": model.connected_at.attr_name,
            "#until": str(getattr(model, until).attr_name),
        }
        used = {name: it for name, it in names.items() if name in f"{changes} {condition}"}
        answer = dispatch(
            model,
            "UpdateItem",
            Key=self._key(channel, connection_id),
            UpdateExpression=changes,
            ConditionExpression=condition,
            ExpressionAttributeNames=used,
            **({"ExpressionAttributeValues": values} if values else {}),
            ReturnValues="ALL_OLD",
        )
        old: Item | None = answer.get("Attributes")
        return old

    def _key(self, channel: str, connection_id: str) -> dict[str, Any]:
        model = self.model
        return {
            model.channel.attr_name: {"S": channel},
            model.connection_id.attr_name: {"S": connection_id},
        }


def _text(stored: Any) -> str | None:
    return stored.get("S") if stored else None
