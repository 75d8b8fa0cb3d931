"""The model, with a DynamoDB over HTTP."""

import os
from typing import Any

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.connections import Connection
from decanter import IdentifiedModel, connection_table
from decanter.runtime.errors import (
    DeclarationError,
    MissingTableError,
    SettingError,
    StoreBusyError,
    StoreError,
)
from decanter.runtime.recipients import BEGINNING, MAX_AGE_MS, Recipient
from decanter.runtime.session import session
from decanter.runtime.store.connections import ConnectionModel
from tests.support.events import CONNECTED_AT, connect_event

NOW = CONNECTED_AT + 60_000


def everyone(table: type[Connection], now_ms: int = NOW, limit: int | None = None) -> list[str]:
    found, after = [], BEGINNING
    while True:
        page = table.page(after, now_ms, limit)
        found += [recipient.connection_id for recipient in page.recipients]
        if page.last is None:
            return sorted(found)
        after = page.last


def test_a_row_has_the_declared_key_and_expires_after_130_minutes(
    table: type[Connection],
) -> None:
    table.record(connect_event())
    assert table._get_connection().scan()["Items"] == [
        {
            "connectionID": {"S": "Sender0000DoECA="},
            "connected_at": {"N": "1700000000000"},
            "expires_at": {"N": "1700007800"},
        }
    ]


def test_recording_and_removing_are_idempotent(table: type[Connection]) -> None:
    table.record(connect_event())
    table.record(connect_event())
    assert everyone(table) == ["Sender0000DoECA="]
    table.remove("Sender0000DoECA=")
    table.remove("Sender0000DoECA=")
    assert everyone(table) == []


def test_a_row_is_removed_only_if_unchanged(table: type[Connection]) -> None:
    table.record(connect_event())
    seen = table.page(BEGINNING, NOW).recipients[0]
    assert not table.remove_if_unchanged(seen._replace(connected_at=seen.connected_at - 1))
    assert everyone(table) == ["Sender0000DoECA="]
    assert table.remove_if_unchanged(seen)
    assert not table.remove_if_unchanged(seen)
    assert everyone(table) == []


def test_a_row_is_removed_by_its_id_only_if_the_client_connected_long_ago(
    table: type[Connection],
) -> None:
    table.record(connect_event())
    assert table.remove_if_older("Sender0000DoECA=", CONNECTED_AT) is None
    assert table.remove_if_older("Other", CONNECTED_AT + 1) is None
    assert everyone(table) == ["Sender0000DoECA="]
    removed = table.remove_if_older("Sender0000DoECA=", CONNECTED_AT + 1)
    assert removed is not None
    assert (removed.connection_id, removed.connected_at) == ("Sender0000DoECA=", CONNECTED_AT)
    assert everyone(table) == []


def test_a_row_without_a_time_is_removed_by_its_id(table: type[Connection]) -> None:
    table._get_connection().put_item("Sender0000DoECA=")
    removed = table.remove_if_older("Sender0000DoECA=", CONNECTED_AT)
    assert removed is not None
    assert removed.connection_id == "Sender0000DoECA="
    assert everyone(table) == []


def test_a_row_without_a_connection_time_is_read_and_can_be_removed(
    table: type[Connection],
) -> None:
    table._get_connection().put_item("old", attributes={"nickname": {"S": "Ada"}})
    assert table.page(BEGINNING, NOW).recipients == [Recipient("old", 0)]
    assert table.count_after(BEGINNING, NOW).recipients == 1
    assert table.remove_if_unchanged(Recipient("old", 0))
    assert everyone(table) == []


DAMAGED: list[tuple[dict[str, Any], int]] = [
    ({"N": "1700000000000.5"}, CONNECTED_AT),
    ({"N": f"{CONNECTED_AT}000"}, 0),  # microseconds
    ({"N": f"{CONNECTED_AT // 1000}"}, 0),  # seconds
    ({"N": "1E+40"}, 0),
    ({"N": "-1"}, 0),
    ({"N": "0"}, 0),
    ({"S": "yesterday"}, 0),
    ({"S": "1700000000000"}, 0),
    ({"BOOL": True}, 0),
    ({"NULL": True}, 0),
    ({"L": [{"N": "1700000000000"}]}, 0),
    ({"M": {}}, 0),
    ({"B": b"1700000000000"}, 0),
]


@pytest.mark.parametrize(("stored", "connected_at"), DAMAGED)
def test_a_damaged_row_is_read_counted_and_can_be_removed(
    table: type[Connection], stored: dict[str, Any], connected_at: int
) -> None:
    client = table._get_connection().connection.client
    name = table.Meta.table_name
    item = {"connectionID": {"S": "damaged"}, "connected_at": stored}
    client.put_item(TableName=name, Item=item)
    table.record(connect_event(connectionId="good"))
    damaged, good = sorted(table.page(BEGINNING, NOW).recipients)
    assert (damaged.connection_id, damaged.connected_at) == ("damaged", connected_at)
    assert (good.connection_id, good.stored) == ("good", None)
    assert damaged.stored
    assert table.count_after(BEGINNING, NOW).recipients == 2
    assert not table.remove_if_unchanged(damaged._replace(stored={"S": "another"}))
    removed = table.remove_if_unchanged(damaged)
    assert removed
    assert everyone(table) == ["good"]


def test_a_time_in_the_future_does_not_make_a_row_young(table: type[Connection]) -> None:
    """The clocks of API Gateway and Lambda may differ by five minutes."""
    table.record(connect_event())
    (early,) = table.page(BEGINNING, CONNECTED_AT - 300_000).recipients
    assert (early.connected_at, early.stored) == (CONNECTED_AT, None)
    (future,) = table.page(BEGINNING, CONNECTED_AT - 300_001).recipients
    assert (future.connected_at, future.stored) == (0, {"N": str(CONNECTED_AT)})


def test_every_page_is_read_and_counted_once_even_if_its_last_row_was_deleted(
    table: type[Connection],
) -> None:
    ids = sorted(f"Client{number:04}DoECA=" for number in range(10))
    for connection_id in ids:
        table.record(connect_event(connectionId=connection_id))
    assert everyone(table, limit=3) == ids
    first = table.page(BEGINNING, NOW, limit=4)
    assert first.last == first.recipients[-1].connection_id
    table.remove(first.last)
    rest = table.page(first.last, NOW).recipients
    assert {row.connection_id for row in (*first.recipients, *rest)} == set(ids)
    assert table.count_after(first.last, NOW) == (6, None)


def test_a_stale_row_is_skipped(table: type[Connection]) -> None:
    table.record(connect_event())
    assert everyone(table, CONNECTED_AT + MAX_AGE_MS - 1) == ["Sender0000DoECA="]
    assert everyone(table, CONNECTED_AT + MAX_AGE_MS) == []
    assert table.count_after(BEGINNING, CONNECTED_AT + MAX_AGE_MS).recipients == 0


def test_an_application_stores_its_own_attributes_in_the_row(
    table: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    @connection_table(env="CONNECTIONS_TABLE")
    class Player(ConnectionModel):
        key = UnicodeAttribute(hash_key=True, attr_name="connectionID")
        nickname = UnicodeAttribute()
        score = NumberAttribute(null=True)

    Player.record(connect_event(), nickname="Ada")
    row = Player.get("Sender0000DoECA=")
    assert (row.nickname, row.connected_at) == ("Ada", CONNECTED_AT)
    assert everyone(table) == ["Sender0000DoECA="]


def test_the_tables_name_is_read_at_each_use(
    table: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    table.record(connect_event())
    monkeypatch.setenv("CONNECTIONS_TABLE", "another")
    with pytest.raises(
        MissingTableError, match=r"'another' .* `decanter table create --stage dev`"
    ):
        table.page(BEGINNING, NOW)
    monkeypatch.delenv("CONNECTIONS_TABLE")
    with pytest.raises(SettingError, match="`decanter table create --stage dev`"):
        table.remove("Sender0000DoECA=")


@pytest.mark.parametrize("name", ["chat-prod", None])
def test_an_error_names_the_table_and_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    monkeypatch.delenv("CONNECTIONS_TABLE", raising=False)
    if name:
        monkeypatch.setenv("CONNECTIONS_TABLE", name)
    assert Connection.where() == f"{name!r} (from CONNECTIONS_TABLE)"


def test_a_dynamodb_that_does_not_answer_is_busy(
    table: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    monkeypatch.setenv("CONNECTIONS_TABLE", "unreachable")
    with pytest.raises(StoreBusyError):
        table.count_after(BEGINNING, NOW)


def test_a_missing_region_or_credentials_are_named_in_the_error(
    table: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTIONS_TABLE", "elsewhere")
    session.cache_clear()
    for variable in os.environ:
        if variable.startswith("AWS_"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SettingError, match="AWS_REGION is not set"):
        table.remove("x")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("CONNECTIONS_TABLE", "elsewhere-again")
    with pytest.raises(StoreError, match="Unable to locate credentials"):
        table.remove("x")
    session.cache_clear()


def test_the_tool_reads_only_the_declared_class_and_not_its_base() -> None:
    assert Connection.__decanter__() == {
        "kind": "table",
        "model": "chalicelib.connections.Connection",
        "environment": "CONNECTIONS_TABLE",
        "logical_id": "ConnectionsTable",
        "existing": None,
        "is_connections": True,
        "hash_key": {"name": "connectionID", "type": "S"},
        "range_key": None,
        "attributes": {"connectionID": "S"},
        "global_indexes": [],
        "local_indexes": [],
        "ttl_attribute": "expires_at",
        "billing_mode": None,
        "read_capacity_units": 5,
        "write_capacity_units": 5,
        "actions": {
            "websocket_connect": ["dynamodb:PutItem"],
            "websocket_message": ["dynamodb:DeleteItem", "dynamodb:Scan"],
            "websocket_disconnect": ["dynamodb:DeleteItem"],
            "sweep": ["dynamodb:DeleteItem", "dynamodb:Scan"],
        },
    }
    assert ConnectionModel.__decanter__() is None


class Keyless(ConnectionModel):
    pass


class NumberKey(ConnectionModel):
    connection_id = NumberAttribute(hash_key=True)


class TwoKeys(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True)
    room = UnicodeAttribute(range_key=True)


class OwnMeta(ConnectionModel):
    class Meta:
        table_name = "fixed"

    connection_id = UnicodeAttribute(hash_key=True)


class Right(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True)


@pytest.mark.parametrize(
    ("model", "arguments", "problem"),
    [
        (Keyless, {"env": "T"}, "it needs a key: connection_id = UnicodeAttribute"),
        (NumberKey, {"env": "T"}, "it needs a key: connection_id = UnicodeAttribute"),
        (TwoKeys, {"env": "T"}, "it must not have a range key"),
        (OwnMeta, {"env": "T"}, "it must not have its own Meta"),
        (Right, {"env": ""}, "env must name an environment variable"),
        (Right, {"env": "T", "read_capacity_units": 0}, "must be 1 or more"),
        (Right, {"env": "T", "write_capacity_units": 0}, "must be 1 or more"),
    ],
)
def test_an_invalid_connection_table_is_refused_at_import(
    model: type[ConnectionModel], arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(
        DeclarationError, match=f"@connection_table of {model.__name__}: .*{problem}"
    ):
        connection_table(**arguments)(model)


NAME = "Sender0000DoECA="


@connection_table(env="CONNECTIONS_TABLE")
class IdentifiedConnection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


@pytest.mark.usefixtures("table")
def test_a_removed_row_has_the_applications_readable_attributes() -> None:
    IdentifiedConnection.record(connect_event(), identity="ann", identity_expires_at=1_700_000_600)
    removed = IdentifiedConnection.remove("Sender0000DoECA=")
    assert removed is not None
    assert removed.attributes == {"identity": "ann", "identity_expires_at": 1_700_000_600}
    row = {"identity": {"S": "ann"}, "identity_expires_at": {"S": "soon"}, "other": {"S": "x"}}
    IdentifiedConnection._get_connection().put_item("Damaged", attributes=row)
    damaged = IdentifiedConnection.remove("Damaged")
    assert damaged is not None
    assert (damaged.connected_at, damaged.attributes) == (0, {"identity": "ann"})
    assert IdentifiedConnection.remove("Damaged") is None


@pytest.mark.usefixtures("table")
def test_the_identity_is_read_from_the_row() -> None:
    IdentifiedConnection.record(connect_event(), identity="ann", identity_expires_at=1_700_000_600)
    assert IdentifiedConnection.identify(NAME) == "ann"
    assert IdentifiedConnection.get(NAME).identity_expires_at == 1_700_000_600


@pytest.mark.usefixtures("table")
def test_without_an_identity_or_a_row_the_identity_is_none() -> None:
    assert IdentifiedConnection.identify(NAME) is None
    IdentifiedConnection.record(connect_event())
    assert IdentifiedConnection.identify(NAME) is None
    assert Connection.identify(NAME) is None


@pytest.mark.usefixtures("table")
def test_a_page_has_the_expiry_of_identities() -> None:
    IdentifiedConnection.record(
        connect_event(connectionId="ann"), identity_expires_at=1_700_000_600
    )
    IdentifiedConnection.record(connect_event(connectionId="bob"))
    page = IdentifiedConnection.page(BEGINNING, CONNECTED_AT)
    assert page.recipients == [
        Recipient("ann", CONNECTED_AT, 1_700_000_600),
        Recipient("bob", CONNECTED_AT, 0),
    ]
    assert Connection.page(BEGINNING, CONNECTED_AT).recipients == [
        Recipient("ann", CONNECTED_AT),
        Recipient("bob", CONNECTED_AT),
    ]


def test_reading_the_identity_needs_one_more_right() -> None:
    declared, plain = IdentifiedConnection.__decanter__(), Connection.__decanter__()
    assert declared is not None
    assert plain is not None
    assert declared["actions"]["websocket_message"] == [
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:Scan",
    ]
    assert declared["actions"]["websocket_disconnect"] == ["dynamodb:DeleteItem"]
    assert declared["actions"]["websocket_connect"] == plain["actions"]["websocket_connect"]
    assert IdentifiedModel.__decanter__() is None
