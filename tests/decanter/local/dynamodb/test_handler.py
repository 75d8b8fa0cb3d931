"""moto's DynamoDB without its own set-up. These tests fail if moto renames a method."""

import json
import re
import sys
from typing import Any

import pytest
from moto import mock_aws
from moto.core.loaders import Loader
from moto.core.utils import get_service_model
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler
from werkzeug.test import EnvironBuilder

from decanter.local.dynamodb.handler import ACCOUNT, NAMES, Call, Handler, handler_of, load_model
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

VALUES: dict[str, Any] = {
    "k": {"S": "b"},
    "all": {
        "M": {
            "number": {"N": "1.50"},
            "bytes": {"B": "AAE="},
            "sets": {"L": [{"SS": ["a"]}, {"NS": ["1", "2"]}, {"BS": ["AA==", "AQ=="]}]},
            "none": {"NULL": True},
            "no": {"BOOL": False},
            "empty": {"L": [{"M": {}}, {"L": []}, {"S": ""}]},
        }
    },
}
B = {"TableName": "t", "Key": {"k": {"S": "b"}}}
ON_VALUES: list[tuple[str, dict[str, Any]]] = [
    ("CreateTable", TABLE),
    ("PutItem", {"TableName": "t", "Item": VALUES, "ReturnConsumedCapacity": "TOTAL"}),
    ("PutItem", {"TableName": "t", "Item": VALUES, "ReturnValues": "ALL_OLD"}),
    ("GetItem", B),
    ("GetItem", {"TableName": "t", "Key": {"k": {"S": "absent"}}}),
    ("GetItem", {"TableName": "absent", "Key": {"k": {"S": "b"}}}),
    ("Scan", {"TableName": "t"}),
    (
        "PutItem",
        {
            "TableName": "t",
            "Item": VALUES,
            "ConditionExpression": "attribute_not_exists(k)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    (
        "TransactGetItems",
        {"TransactItems": [{"Get": {"TableName": "t", "Key": {"k": {"S": "b"}}}}]},
    ),
    ("DescribeTimeToLive", {"TableName": "t"}),
    ("DeleteItem", B | {"ReturnValues": "ALL_OLD"}),
]

HANDLER = handler_of(DynamoDBBackend(REGION, ACCOUNT))

OWN_VALUES = re.compile(r'"(CreationDateTime|TableId)": [^,}]+')
"""The values that differ between two equal tables."""


def handled(
    operation: str, arguments: dict[str, Any], kind: type[Handler] = HANDLER
) -> tuple[Handler, int, str]:
    headers = {
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Content-Type": "application/x-amz-json-1.0",
    }
    body = json.dumps(arguments).encode()
    builder = EnvironBuilder(method="POST", path="/", headers=[*headers.items()], data=body)
    call = Call(builder.get_environ())
    handler = kind()
    handler.setup_class(call, None, call.headers)
    status, _, answer = handler.call_action()
    return handler, status, answer


def test_an_apps_calls_do_not_need_motos_set_up() -> None:
    for operation, arguments in CALLS:
        handler, status, _ = handled(operation, arguments)
        assert (operation, status) == (operation, 200)
        assert "current_account" not in vars(handler), operation


def test_every_caller_is_accepted_without_motos_iam(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto's IAM loads seventy modules, which is most of the time of the first call."""
    monkeypatch.setitem(sys.modules, "moto.iam.access_control", None)
    assert handled("ListTables", {})[1] == 200


def test_other_attributes_that_moto_reads_exist() -> None:
    handler, _, _ = handled("ListTables", {})
    assert handler.current_account == ACCOUNT
    assert handler.region == REGION
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = handler.no_such_thing


def test_answers_are_those_of_motos_serializer() -> None:
    own = handler_of(DynamoDBBackend(REGION, ACCOUNT))
    methods = {"tables": DynamoDBBackend(REGION, ACCOUNT), "serialized": DynamoHandler.serialized}
    motos: type[Handler] = type("Motos", (own,), methods)
    for operation, arguments in [*CALLS, *ON_VALUES]:
        (_, *answer), (_, *expected) = (
            handled(operation, arguments, kind) for kind in (own, motos)
        )
        assert _comparable(answer) == _comparable(expected), operation
    output = get_service_model("dynamodb").operation_model("GetItem").output_shape
    assert vars(output.members["Item"])[NAMES] == ["Item", "item"]


def _comparable(answer: list[Any]) -> tuple[int, str]:
    status, text = answer
    return status, OWN_VALUES.sub("", text)


def test_the_service_model_loads_without_a_list_of_all_services(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Loader, "list_available_services", None)
    get_service_model.cache_clear()
    with pytest.raises(TypeError):
        get_service_model("dynamodb")
    load_model()
    assert get_service_model("dynamodb").service_id == "DynamoDB"


def test_motos_mocks_of_other_services_do_not_change_the_tables() -> None:
    call_dynamodb("CreateTable", **TABLE)
    with mock_aws():
        _, _, answer = respond("DynamoDB_20120810.ListTables", b"{}")
    call_dynamodb("DeleteTable", TableName="t")
    assert json.loads(answer) == {"TableNames": ["t"]}
