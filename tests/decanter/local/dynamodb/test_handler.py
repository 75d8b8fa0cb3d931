"""moto's DynamoDB without its own set-up. These tests fail if moto renames a method."""

import json
import sys
from typing import Any

import pytest
from moto import mock_aws
from moto.core.request import Request
from moto.dynamodb.models import DynamoDBBackend
from werkzeug.test import EnvironBuilder

from decanter.local.dynamodb.handler import ACCOUNT, Handler, handler_of
from decanter.testing.dynamodb import call_dynamodb, respond
from decanter.testing.environ import REGION

TABLE = {
    "TableName": "t",
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
KEY = {"TableName": "t", "Key": {"k": {"S": "a"}}}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("CreateTable", TABLE),
    ("PutItem", {"TableName": "t", "Item": {"k": {"S": "a"}}}),
    ("GetItem", KEY),
    (
        "UpdateItem",
        KEY | {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}},
    ),
    (
        "Query",
        {
            "TableName": "t",
            "KeyConditionExpression": "k = :k",
            "ExpressionAttributeValues": {":k": {"S": "a"}},
        },
    ),
    ("Scan", {"TableName": "t"}),
    ("BatchGetItem", {"RequestItems": {"t": {"Keys": [KEY["Key"]]}}}),
    ("BatchWriteItem", {"RequestItems": {"t": [{"DeleteRequest": {"Key": KEY["Key"]}}]}}),
    ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "t", "Item": KEY["Key"]}}]}),
    ("DescribeTable", {"TableName": "t"}),
    ("DeleteItem", KEY),
    ("DeleteTable", {"TableName": "t"}),
]

HANDLER = handler_of(DynamoDBBackend(REGION, ACCOUNT))


def handled(operation: str, arguments: dict[str, Any]) -> tuple[Handler, int]:
    headers = {
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Content-Type": "application/x-amz-json-1.0",
    }
    body = json.dumps(arguments).encode()
    builder = EnvironBuilder(method="POST", path="/", headers=[*headers.items()], data=body)
    request = Request(builder.get_environ())
    handler = HANDLER()
    handler.setup_class(request, request.url, request.headers)
    status, _, _ = handler.call_action()
    return handler, status


def test_an_apps_calls_do_not_need_motos_set_up() -> None:
    for operation, arguments in CALLS:
        handler, status = handled(operation, arguments)
        assert (operation, status) == (operation, 200)
        assert "current_account" not in vars(handler), operation


def test_every_caller_is_accepted_without_motos_iam(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto's IAM loads seventy modules, which is most of the time of the first call."""
    monkeypatch.setitem(sys.modules, "moto.iam.access_control", None)
    assert handled("ListTables", {})[1] == 200


def test_other_attributes_that_moto_reads_exist() -> None:
    handler, _ = handled("ListTables", {})
    assert handler.current_account == ACCOUNT
    assert handler.region == REGION
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = handler.no_such_thing


def test_motos_mocks_of_other_services_do_not_change_the_tables() -> None:
    call_dynamodb("CreateTable", **TABLE)
    with mock_aws():
        _, _, answer = respond("DynamoDB_20120810.ListTables", b"{}")
    call_dynamodb("DeleteTable", TableName="t")
    assert json.loads(answer) == {"TableNames": ["t"]}
