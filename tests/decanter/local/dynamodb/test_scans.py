"""Rows that are written as plain JSON are those that moto would write."""

import base64
import json
from typing import Any

import pytest
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


def test_moto_writes_rows_where_it_is_replaced() -> None:
    """With another moto, scans are slow, but their results are correct."""
    scans.install()
    scans.install()
    replaced: Any = DynamoResult.execute_result
    assert not hasattr(replaced.original, "original")


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
