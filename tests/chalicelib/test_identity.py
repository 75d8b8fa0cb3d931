"""Connections whose owner is known, in a DynamoDB."""

import pytest
from pynamodb.attributes import UnicodeAttribute

from app import Connection as PlainConnection
from chalicelib import IdentifiedModel, connection_table
from chalicelib.recipients import BEGINNING, Recipient

from .events import CONNECTED_AT, connect_event

NAME = "Sender0000DoECA="


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


@pytest.mark.usefixtures("table")
def test_who_connected_is_read_from_the_row() -> None:
    Connection.record(connect_event(), identity="ann", identity_expires_at=1_700_000_600)
    assert Connection.identify(NAME) == "ann"
    assert Connection.get(NAME).identity_expires_at == 1_700_000_600


@pytest.mark.usefixtures("table")
def test_without_an_identity_or_a_row_it_is_nobody() -> None:
    assert Connection.identify(NAME) is None
    Connection.record(connect_event())
    assert Connection.identify(NAME) is None
    assert PlainConnection.identify(NAME) is None


@pytest.mark.usefixtures("table")
def test_a_page_says_until_when_a_client_is_known() -> None:
    Connection.record(connect_event(connectionId="ann"), identity_expires_at=1_700_000_600)
    Connection.record(connect_event(connectionId="bob"))
    page = Connection.page(BEGINNING, CONNECTED_AT)
    assert page.recipients == [
        Recipient("ann", CONNECTED_AT, 1_700_000_600),
        Recipient("bob", CONNECTED_AT, 0),
    ]
    assert PlainConnection.page(BEGINNING, CONNECTED_AT).recipients == [
        Recipient("ann", CONNECTED_AT),
        Recipient("bob", CONNECTED_AT),
    ]


def test_the_functions_that_ask_who_it_is_need_one_right_more() -> None:
    declared, plain = Connection.__decanter__(), PlainConnection.__decanter__()
    assert declared is not None
    assert plain is not None
    assert declared["actions"]["websocket_message"] == [
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:Scan",
    ]
    assert declared["actions"]["websocket_disconnect"] == sorted(
        [*plain["actions"]["websocket_disconnect"], "dynamodb:GetItem"]
    )
    assert declared["actions"]["websocket_connect"] == plain["actions"]["websocket_connect"]
    assert IdentifiedModel.__decanter__() is None
