"""A table that a call lacks: its probable key, and the line for the user."""

from typing import Any

import pytest

from decanter.local.dynamodb.missing import key_of, line, table_names

NEW = {"at": {"N": "1"}, "roomId": {"S": "a"}, "open": {"BOOL": True}}


@pytest.mark.parametrize(
    ("call", "key"),
    [
        ({"Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}}, ["PK:S", "SK:N"]),
        ({"Key": {}}, ["id:S"]),
        ({"Item": NEW}, ["roomId:S"]),
        ({"Item": {**NEW, "id": {"N": "1"}}}, ["id:N"]),
        ({"Item": {"SK": {"S": "a"}, "data": {"S": "x"}, "PK": {"B": "YQ=="}}}, ["PK:B", "SK:S"]),
        ({"Item": {"open": {"BOOL": True}, "name": {"S": "a"}}}, ["name:S"]),
        ({"Item": {"open": {"BOOL": True}}}, ["id:S"]),
        (
            {
                "KeyConditionExpression": "#n0 = :v0 AND #n1 > :v1",
                "ExpressionAttributeNames": {"#n0": "room", "#n1": "at"},
                "ExpressionAttributeValues": {":v0": {"N": "1"}, ":v1": {"N": "1"}},
            },
            ["room:N"],
        ),
        ({"KeyConditionExpression": "room = :r", "IndexName": "by-room"}, ["id:S"]),
        ({"KeyConditionExpression": "room = :r"}, ["room:S"]),
        ({}, ["id:S"]),
    ],
)
def test_a_call_shows_the_key(call: dict[str, Any], key: list[str]) -> None:
    named = {"TableName": "books", **call}
    assert key_of(named, "books") == key
    assert key_of(
        {"TransactItems": [{"Put": {"TableName": "other"}}, {"Any": named}]}, "books"
    ) == (key)


def test_a_batch_shows_the_keys() -> None:
    keys = {"books": {"Keys": [{"isbn": {"S": "1"}}]}, "rooms": {"Keys": []}}
    assert table_names({"RequestItems": keys}) == ["books", "rooms"]
    assert key_of({"RequestItems": keys}, "books") == ["isbn:S"]
    assert key_of({"RequestItems": keys}, "rooms") == ["id:S"]
    writes = {"books": [{"PutRequest": {"Item": NEW}}, {"DeleteRequest": {"Key": {}}}]}
    assert key_of({"RequestItems": writes}, "books") == ["roomId:S"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [([], ""), (["BOOKS"], ", which BOOKS names"), (["A", "B"], ", which A and B names")],
)
def test_the_line_has_the_variable_and_a_command(variables: list[str], named: str) -> None:
    text = line("books", ["user id:S", "at:N"], variables, "http://127.0.0.1:9", "decanter")
    assert text == (
        f"there is no table books{named}: create it for this run with `decanter table "
        "create --table books --key 'user id:S' --sort-key at:N --endpoint-url http://127.0.0.1:9` "
        "(correct the key if the table has another), or declare it with @table(env=…) on its "
        "PynamoDB model, or in .chalice/resources.json or a --template FILE"
    )
