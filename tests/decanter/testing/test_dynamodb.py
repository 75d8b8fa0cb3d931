"""The DynamoDB of tests, through boto3."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from decanter.testing.environ import REGION
from decanter.testing.loopback import call_dynamodb, dynamodb_endpoint


@pytest.fixture(name="client")
def _client() -> Iterator[Any]:
    key = {"AttributeName": "k", "KeyType": "HASH"}
    attribute = {"AttributeName": "k", "AttributeType": "S"}
    call_dynamodb(
        "CreateTable",
        TableName="t",
        KeySchema=[key],
        AttributeDefinitions=[attribute],
        BillingMode="PAY_PER_REQUEST",
    )
    yield Session().create_client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=dynamodb_endpoint(),
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    call_dynamodb("DeleteTable", TableName="t")


def test_what_is_written_is_read(client: Any) -> None:
    item = {"k": {"S": "ü=&%"}, "n": {"N": "1.5"}, "list": {"L": [{"BOOL": True}]}}
    client.put_item(TableName="t", Item=item)
    assert client.get_item(TableName="t", Key={"k": {"S": "ü=&%"}})["Item"] == item
    assert client.scan(TableName="t")["Items"] == [item]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (
            lambda client: client.put_item(
                TableName="t",
                Item={"k": {"S": "a"}},
                ConditionExpression="attribute_exists(k)",
            ),
            "ConditionalCheckFailedException",
        ),
        (lambda client: client.scan(TableName="nobody"), "ResourceNotFoundException"),
        (
            lambda client: client.put_item(TableName="t", Item={"other": {"S": "a"}}),
            "ValidationException",
        ),
    ],
)
def test_errors_are_those_of_dynamodb(client: Any, call: Any, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        call(client)
    assert caught.value.response["Error"]["Code"] == code
