"""The connection table: a PynamoDB model, and the operations on a row.

    @connection_table(env="CONNECTIONS_TABLE", read_capacity_units=5, write_capacity_units=5)
    class Connection(ConnectionModel):
        connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")
        nickname = UnicodeAttribute(null=True)

The model defines the attributes' names for reads, writes, the creation of the table and the
template. The import reads no environment variables: the table's name is read at each use, and the
region at the first use.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Self, TypeVar

from pynamodb.attributes import NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.connection.table import TableConnection
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from decanter.runtime.errors import DeclarationError
from decanter.runtime.functions import check_derived, named_arguments
from decanter.runtime.recipients import (
    BEGINNING,
    MAX_AGE_MS,
    SWEEP,
    UNGREETED,
    Count,
    Page,
    Place,
    Recipient,
    Removed,
)
from decanter.runtime.store.tables import (
    Billing,
    ChangedError,
    TableMeta,
    declaration,
    declare,
    dispatch,
    on_one_session,
    problem_with,
    translated,
)

Actions = Mapping[str, Sequence[str]]
"""The DynamoDB actions of each Lambda function, by its name in Chalice's configuration."""


class ConnectionModel(Model):
    """Base class for the model of an application's connections.

    `@connection_table` completes a subclass.

    Attributes:
        connected_at: the time when the client connected, in epoch milliseconds.
        expires_at: the time after which DynamoDB may delete the row, 2 h 10 min after
            `connected_at`. DynamoDB may be days late, so readers skip stale rows.
        table_actions: the DynamoDB actions of each Lambda function. The function for `$connect`
            calls `record`. The function for messages calls `page`, `count_after` and the
            conditional `remove` methods. The function for `$disconnect` calls `remove`. A sweep
            calls `page` and `remove_if_unchanged`. A subclass lists only its additional actions.
    """

    table_actions: ClassVar[Actions] = {
        "websocket_connect": ("dynamodb:PutItem",),
        "websocket_message": ("dynamodb:DeleteItem", "dynamodb:Scan"),
        "websocket_disconnect": ("dynamodb:DeleteItem",),
        SWEEP: ("dynamodb:DeleteItem", "dynamodb:Scan"),
    }
    connected_at = NumberAttribute()
    expires_at = TTLAttribute()

    @classmethod
    def record(cls, event: Mapping[str, Any], **attributes: Any) -> None:
        """Write the row of a CONNECT event. If the event is repeated, the same row is written."""
        row = cls.made_from(event, **attributes)
        with translated(cls.Meta):
            row.save()

    @classmethod
    def made_from(cls, event: Mapping[str, Any], **attributes: Any) -> Self:
        """Return the row for a CONNECT event, without writing it."""
        context = event["requestContext"]
        expires_ms = context["connectedAt"] + MAX_AGE_MS
        return cls(
            hash_key=context["connectionId"],
            connected_at=context["connectedAt"],
            expires_at=datetime.fromtimestamp(expires_ms // 1000, UTC),
            **attributes,
        )

    @classmethod
    def remove(cls, connection_id: str) -> Removed | None:
        """Delete the row and return it; None if it does not exist."""
        return cls._remove(connection_id, None)

    @classmethod
    def remove_if_unchanged(cls, recipient: Recipient) -> Removed | None:
        """Delete the row and return it; None if its `connected_at` changed or the row is gone."""
        was = recipient.stored or recipient.connected_at
        unchanged = cls.connected_at == was if was else cls.connected_at.does_not_exist()
        return cls._remove(recipient.connection_id, unchanged)

    @classmethod
    def remove_if_older(cls, connection_id: str, than_ms: int) -> Removed | None:
        """Delete the row and return it; None unless its `connected_at` is before `than_ms`.

        A row without `connected_at` counts as old, because `record` always writes this attribute.
        """
        older = (cls.connected_at < than_ms) | cls.connected_at.does_not_exist()
        return cls._remove(connection_id, older)

    @classmethod
    def _remove(cls, connection_id: str, condition: Condition | None) -> Removed | None:
        try:
            with translated(cls.Meta):
                answer = _table(cls).delete_item(
                    connection_id, condition=condition, return_values="ALL_OLD"
                )
        except ChangedError:
            return None
        row = answer.get("Attributes")
        if not row:
            return None
        connected_at = number_of(row.get(cls.connected_at.attr_name))
        return Removed(connection_id, connected_at, partial(_own_attributes, cls, row), row)

    @classmethod
    def where(cls) -> str:
        """Return the table's name and the variable that sets it, for an error message."""
        return str(cls.Meta)

    @classmethod
    def identify(cls, connection_id: str) -> str | None:  # noqa: ARG003 - its subclass reads it
        """Return None. `IdentifiedModel` overrides this method."""
        return None

    @classmethod
    def identity_end(cls) -> str:
        """Return the name of the attribute with the identity's expiry; "" if the table has none."""
        return ""

    @classmethod
    def page(cls, after: str, now_ms: int, limit: int | None = None, greeted: str = "") -> Page:
        """Read the next part of the table, at most 1 MB, with only the attributes of a `Recipient`.

        Args:
            after: a cursor (`Place`), or `BEGINNING`. The cursor's row may already be deleted.
            now_ms: the current time in epoch milliseconds; rows older than `MAX_AGE_MS` are
                skipped.
            limit: the maximum number of rows to read.
            greeted: the attribute that a row gets after the client's connect command. The recipient
                of a row without this attribute has `UNGREETED` as `identity_expires_at`. In an
                app without channels, `greeted` is empty.
        """
        key, connected_at = key_of(cls), cls.connected_at.attr_name
        end, place = cls.identity_end(), Place.of(after)
        with translated(cls.Meta):
            answer = _table(cls).scan(
                attributes_to_get=[name for name in (key, connected_at, end, greeted) if name],
                exclusive_start_key=place.after or None,
                limit=limit,
                segment=place.segment if place.segments > 1 else None,
                total_segments=place.segments if place.segments > 1 else None,
            )
        times = Times(now_ms)
        rows = (
            times.recipient(
                item[key]["S"],
                item.get(connected_at),
                item.get(end) if not greeted or greeted in item else _UNGREETED,
            )
            for item in answer["Items"]
        )
        alive = [row for row in rows if not times.is_stale(row)]
        return Page(alive, place.then(_last(answer, key)))

    @classmethod
    def count_after(cls, after: str, now_ms: int, greeted: str = "") -> Count:
        """Count the rows in the next part of the table, without stale rows.

        In an app with channels, `greeted` is the same as in `page`, and only clients that may get
        messages count.
        """
        key, place = key_of(cls), Place.of(after)
        names = {"#at": cls.connected_at.attr_name}
        bounds = {":oldest": Times(now_ms).oldest, ":first": FIRST_MS}
        number = "attribute_not_exists({0}) OR NOT attribute_type({0}, :number) OR {0}"
        condition = f"({number.format('#at')} > :oldest OR #at < :first)"
        if greeted:
            names |= {"#end": cls.identity_end(), "#greeted": greeted}
            bounds |= {":one": 1, ":next": now_ms // 1000 + 1}
            condition += f" AND ({number.format('#end')} < :one OR #end >= :next)"
            condition += " AND attribute_exists(#greeted)"
        question: dict[str, Any] = {
            "Select": "COUNT",
            "FilterExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {name: {"N": str(it)} for name, it in bounds.items()}
            | {":number": {"S": "N"}},
        }
        if place.segments > 1:
            question |= {"Segment": place.segment, "TotalSegments": place.segments}
        if place.after != BEGINNING:
            question["ExclusiveStartKey"] = {key: {"S": place.after}}
        answer = dispatch(cls, "Scan", **question)
        return Count(answer["Count"], place.then(_last(answer, key)))

    @classmethod
    def _get_connection(cls) -> TableConnection:
        """Return PynamoDB's connection to the table, which PynamoDB's own methods also use."""
        return on_one_session(super()._get_connection())

    @classmethod
    def __decanter__(cls) -> dict[str, Any] | None:
        """Return the declaration for the tool; None if the class has no table."""
        found = declaration(cls)
        return found and {**found, "is_connections": True, "actions": _actions(cls)}


M = TypeVar("M", bound=type[ConnectionModel])


@named_arguments('@connection_table(env="VARIABLE")')
def connection_table(
    *,
    env: str,
    existing: str | None = None,
    read_capacity_units: int = 5,
    write_capacity_units: int = 5,
) -> Callable[[M], M]:
    """Make a model the application's connection table.

    Args:
        env: the environment variable with the table's name.
        existing: the name or ARN of a table that exists already and is never created or deleted, or
            `ssm:/PATH` for an SSM parameter with the table's name.
        read_capacity_units: the number of strongly consistent 4 KB reads per second, if the table
            is provisioned.
        write_capacity_units: the number of 1 KB writes per second, if the table is provisioned.

    Raises:
        DeclarationError: an argument, the model's key or the model's Meta is invalid.
    """

    def complete(model: M) -> M:
        check_derived("@connection_table:", model, ConnectionModel)
        billing = Billing(None, read_capacity_units, write_capacity_units)
        _check(model, problem_with(env, existing) or billing.problem())
        declare(model, TableMeta(env, billing, existing))
        return model

    return complete


def _check(model: type[ConnectionModel], problem: str | None) -> None:
    attributes = model.get_attributes().values()
    keys = [attribute for attribute in attributes if attribute.is_hash_key]
    if problem:
        pass
    elif not keys or not isinstance(keys[0], UnicodeAttribute):
        problem = (
            "it needs a key: connection_id = "
            'UnicodeAttribute(hash_key=True, attr_name="connectionID")'
        )
    elif any(attribute.is_range_key for attribute in attributes):
        problem = "it must not have a range key: the connection's id is the whole key"
    elif "Meta" in vars(model):
        problem = "it must not have its own Meta: @connection_table makes it"
    else:
        return
    raise DeclarationError(f"@connection_table of {model.__name__}: {problem}")


def _actions(model: type[ConnectionModel]) -> dict[str, list[str]]:
    """Return the DynamoDB actions of the model and all its base classes."""
    actions: dict[str, set[str]] = defaultdict(set)
    for base in model.__mro__:
        for function, calls in vars(base).get("table_actions", {}).items():
            actions[function].update(calls)
    return {function: sorted(calls) for function, calls in actions.items()}


def _table(model: type[ConnectionModel]) -> TableConnection:
    """Return PynamoDB's lower-level connection to the table.

    A read of a plain row takes a tenth of the time of a read into a model's instance.
    """
    return model._get_connection()


def key_of(model: type[ConnectionModel]) -> str:
    """Return the name of the key's attribute."""
    keys = (each.attr_name for each in model.get_attributes().values() if each.is_hash_key)
    return str(next(keys))


def _own_attributes(model: type[ConnectionModel], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the application's attributes of a row, without unreadable attributes.

    The creation of an instance of the model would fail at the first unreadable attribute.
    """
    ours = (key_of(model), *(model.connected_at.attr_name, model.expires_at.attr_name))
    own: dict[str, Any] = {}
    for name, attribute in model.get_attributes().items():
        stored = row.get(attribute.attr_name)
        if attribute.attr_name in ours or not stored:
            continue
        with suppress(TypeError, ValueError, LookupError, ArithmeticError):
            own[name] = attribute.deserialize(attribute.get_value(stored))
    return own


FIRST_MS = 1_500_000_000_000
"""July 2017, before API Gateway had WebSocket APIs. A smaller number is not in milliseconds."""

CLOCKS_DIFFER_MS = 300_000

_UNGREETED = {"N": str(UNGREETED)}


class Times:
    """Reads the times of rows. Other programs may have written them, so any value is possible.

    A row with a damaged `connected_at` counts as old, but not as stale. Its connection gets
    messages, and the row can be deleted if the value is still the same.
    """

    def __init__(self, now_ms: int) -> None:
        self.oldest = now_ms - MAX_AGE_MS
        self._latest = now_ms + CLOCKS_DIFFER_MS

    def is_stale(self, row: Recipient) -> bool:
        """Return True if a row is so old that its connection must have ended."""
        return 0 < row.connected_at <= self.oldest

    def recipient(self, connection_id: str, connected_at: Any, end: object = None) -> Recipient:
        """Return the recipient for the attributes of a row, in DynamoDB's form."""
        at = number_of(connected_at)
        if not FIRST_MS <= at <= self._latest:
            at = 0
        good = connected_at is None or (at and connected_at["N"].isdigit())
        return Recipient(connection_id, at, number_of(end), None if good else connected_at)


def number_of(stored: Any) -> int:
    """Return a stored number without its fraction; 0 for any other value."""
    text = stored.get("N") if stored else None
    if text is None:
        return 0
    return int(text) if text.isdigit() else int(Decimal(text))


def _last(answer: Mapping[str, Any], key: str) -> str | None:
    last = answer.get("LastEvaluatedKey")
    return last[key]["S"] if last else None


class IdentifiedModel(ConnectionModel):
    """Base class for connections with an identity. `@connection_table` completes a subclass.

    Attributes:
        identity: the client's identity.
        identity_expires_at: the time when the identity expires, in epoch seconds; after this time,
            a sweep closes the connection.
    """

    table_actions: ClassVar[Actions] = {"websocket_message": ("dynamodb:GetItem",)}
    identity = UnicodeAttribute(null=True)
    identity_expires_at = NumberAttribute(null=True)

    @classmethod
    def identify(cls, connection_id: str) -> str | None:
        """Return the stored identity of a connection's client; None if the identity is unknown.

        The read is strongly consistent, because the first message may follow `$connect`
        immediately.
        """
        name = cls.identity.attr_name
        with translated(cls.Meta):
            row = cls._get_connection().get_item(
                connection_id, consistent_read=True, attributes_to_get=[name]
            )
        identity: str | None = row.get("Item", {}).get(name, {}).get("S")
        return identity

    @classmethod
    def identity_end(cls) -> str:
        """Return the name of the attribute with the identity's expiry."""
        return str(cls.identity_expires_at.attr_name)
