"""Scans and queries answer as moto's own."""

import base64
import json
from typing import Any

import pytest
from moto.core import responses as motos_responses
from moto.dynamodb.responses import DynamoResult

from decanter.local.dynamodb import scans
from decanter.testing.dynamodb import respond

B = base64.b64encode(b"\x00\xff").decode()
ROW = {
    "k": {"S": "ü 😀"},
    "n": {"N": "1e3"},
    "yes": {"BOOL": True},
    "none": {"NULL": True},
    "photo": {"B": B},
    "sets": {"M": {"s": {"SS": ["a", "b"]}, "n": {"NS": ["1", "2"]}, "b": {"BS": [B]}}},
    "list": {"L": [{"M": {"deep": {"L": [{"B": B}, {"N": "2"}]}}}, {"L": []}, {"M": {}}]},
}


NAMED = {"ExpressionAttributeNames": {"#l": "list", "#s": "sets"}}


def call(operation: str, **arguments: Any) -> dict[str, Any]:
    status, _, body = respond(
        f"DynamoDB_20120810.{operation}", json.dumps({"TableName": "zoo", **arguments}).encode()
    )
    assert status == 200, body
    answer: dict[str, Any] = json.loads(body)
    return answer


@pytest.fixture(name="zoo", scope="module", autouse=True)
def _zoo() -> Any:
    key = [{"AttributeName": "k", "AttributeType": "S"}]
    schema = [{"AttributeName": "k", "KeyType": "HASH"}]
    billing = {"BillingMode": "PAY_PER_REQUEST"}
    call("CreateTable", AttributeDefinitions=key, KeySchema=schema, **billing)
    yield call("PutItem", Item=ROW)
    call("DeleteTable")


scans.install()
responses: Any = motos_responses
ORIGINALS: dict[tuple[Any, str], Any] = getattr(DynamoResult, scans.ORIGINALS)


def test_moto_is_replaced_once() -> None:
    """With another moto, scans are slow, but their results are correct."""
    scans.install()
    assert getattr(DynamoResult, scans.ORIGINALS) is ORIGINALS
    assert not any(getattr(*place) is method for place, method in ORIGINALS.items())


def test_moto_lists_its_methods_once() -> None:
    call("Scan")
    before = responses.method_names_from_class.cache_info()
    call("Scan")
    after = responses.method_names_from_class.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


def test_a_scan_has_each_type_as_it_was_written() -> None:
    assert call("Scan") == {"Count": 1, "ScannedCount": 1, "Items": [ROW]}
    filtered = {"FilterExpression": "n > :n", "ExpressionAttributeValues": {":n": {"N": "5000"}}}
    assert call("Scan", **filtered) == {"Count": 0, "ScannedCount": 1, "Items": []}
    assert call("Scan", Select="COUNT") == {"Count": 1, "ScannedCount": 1}


def test_a_query_has_each_type_as_it_was_written() -> None:
    condition = {"KeyConditionExpression": "k = :k", "ExpressionAttributeValues": {":k": ROW["k"]}}
    answer = call("Query", **condition)
    assert answer["Items"] == [ROW]
    projected = call("Query", **condition, ProjectionExpression="k, photo")
    assert projected["Items"] == [{"k": ROW["k"], "photo": ROW["photo"]}]


def test_a_page_has_the_key_to_continue() -> None:
    call("PutItem", Item={"k": {"S": "second"}})
    first = call("Scan", Limit=1)
    assert (first["Count"], len(first["Items"])) == (1, 1)
    second = call("Scan", ExclusiveStartKey=first["LastEvaluatedKey"])
    rows = first["Items"] + second["Items"]
    assert sorted(rows, key=len) == [{"k": {"S": "second"}}, ROW]
    call("DeleteItem", Key={"k": {"S": "second"}})


GAMES = {
    "AttributeDefinitions": [
        {"AttributeName": "player", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
        {"AttributeName": "photo", "AttributeType": "B"},
    ],
    "KeySchema": [
        {"AttributeName": "player", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "photos",
            "KeySchema": [{"AttributeName": "photo", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["list"]},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
ANN = {
    "KeyConditionExpression": "player = :p",
    "ExpressionAttributeValues": {":p": {"S": "ann"}},
}
PHOTO = {
    "KeyConditionExpression": "photo = :p",
    "ExpressionAttributeValues": {":p": {"B": B}},
    "IndexName": "photos",
}
READS: list[tuple[str, dict[str, Any]]] = [
    ("Scan", {}),
    ("Scan", {"ProjectionExpression": "photo, #s.n, #l, gone", **NAMED}),
    ("Scan", {"ProjectionExpression": "player, photo, #s, #l, gone", **NAMED}),
    ("Scan", {"Limit": 3}),
    ("Scan", {"Limit": 2, "FilterExpression": "attribute_exists(photo)"}),
    ("Scan", {"IndexName": "photos", "Limit": 1}),
    ("Scan", {"IndexName": "photos", "ProjectionExpression": "photo"}),
    ("Scan", {"Segment": 1, "TotalSegments": 2}),
    ("Scan", {"Select": "COUNT"}),
    ("Query", ANN),
    ("Query", {**ANN, "ScanIndexForward": False, "Limit": 1}),
    ("Query", {**ANN, "ProjectionExpression": "player, photo"}),
    ("Query", PHOTO),
]


def is_plain(operation: str, arguments: dict[str, Any]) -> bool:
    """True for a read of any table: without an index, a key, or a column of `games`."""
    return operation == "Scan" and not {"IndexName", "FilterExpression"} & arguments.keys()


def ordered(value: dict[str, Any]) -> dict[str, Any]:
    """Sort a set: moto gives it another order."""
    return {name: sorted(it) if name in {"SS", "NS", "BS"} else it for name, it in value.items()}


def pages(operation: str, arguments: dict[str, Any]) -> Any:
    """Return the answers with each page of a read."""
    found = [call(operation, **arguments)]
    while "LastEvaluatedKey" in found[-1]:
        start = found[-1]["LastEvaluatedKey"]
        found.append(call(operation, **arguments, ExclusiveStartKey=start))
    return json.loads(json.dumps(found), object_hook=ordered)


@pytest.fixture(name="games", scope="module")
def _games() -> Any:
    """Rows in no order, with equal and different hash keys; numbers that differ from their text."""
    call("CreateTable", TableName="games", **GAMES)
    for number, player in enumerate(["zoe", "ann", "bob", "ann", "élan", "ann"]):
        row = {name: value for name, value in ROW.items() if (name, player) != ("photo", "bob")}
        key = {"player": {"S": player}, "at": {"N": str(10 - number)}}
        call("PutItem", TableName="games", Item={**row, **key})
    yield
    call("DeleteTable", TableName="games")


@pytest.mark.parametrize(
    ("table", "operation", "arguments"),
    [*(("games", *each) for each in READS), *(("zoo", *each) for each in READS if is_plain(*each))],
)
def test_the_answers_are_those_of_moto(
    games: None,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    operation: str,
    arguments: dict[str, Any],
) -> None:
    found = pages(operation, {**arguments, "TableName": table})
    for (owner, name), method in ORIGINALS.items():
        monkeypatch.setattr(owner, name, method)
    assert found == pages(operation, {**arguments, "TableName": table})


def test_a_row_that_was_read_is_not_changed_by_a_later_write() -> None:
    first = call("Scan")
    change = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "7"}}}
    call("UpdateItem", Key={"k": ROW["k"]}, **change)
    assert (first["Items"][0]["n"], call("Scan")["Items"][0]["n"]) == ({"N": "1e3"}, {"N": "7"})
    call("PutItem", Item=ROW)
