"""The DynamoDB of tests through botocore, over a socket and without one."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.session import Session
from werkzeug.test import Client

from decanter.errors import ServiceError
from decanter.testing.dynamodb import application, call_dynamodb
from decanter.testing.environ import REGION
from decanter.testing.loopback import dynamodb_netloc
from decanter.testing.redirect import redirected


@pytest.fixture(name="client", params=["over a socket", "without a socket"])
def _client(request: pytest.FixtureRequest) -> Iterator[Any]:
    key = {"AttributeName": "k", "KeyType": "HASH"}
    attribute = {"AttributeName": "k", "AttributeType": "S"}
    call_dynamodb(
        "CreateTable",
        TableName="t",
        KeySchema=[key],
        AttributeDefinitions=[attribute],
        BillingMode="PAY_PER_REQUEST",
    )
    with ExitStack() as stack:
        if request.param == "without a socket":
            stack.enter_context(redirected("127.0.0.1:9", dynamodb_netloc()))
        yield client_of(f"http://{dynamodb_netloc()}")
    call_dynamodb("DeleteTable", TableName="t")


def client_of(endpoint: str | None, region: str = REGION) -> Any:
    return Session().create_client(
        "dynamodb",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_what_is_written_is_read(client: Any) -> None:
    item = {"k": {"S": "ü=&%"}, "n": {"N": "1.5"}, "list": {"L": [{"BOOL": True}, {"B": b"\xff"}]}}
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


def test_what_dynamodb_refuses_is_one_line() -> None:
    with pytest.raises(ServiceError, match=r"refuses DeleteTable: .*ResourceNotFoundException"):
        call_dynamodb("DeleteTable", TableName="nobody")


def test_a_client_of_awss_own_endpoint_never_gets_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that makes its client at import knows nothing of the endpoints that are set later."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_DYNAMODB", raising=False)
    client = client_of(None, region="eu-central-1")
    with redirected("127.0.0.1:9", dynamodb_netloc()):
        assert client.list_tables()["TableNames"] == []


def test_a_client_with_an_endpoint_of_its_own_is_left_alone() -> None:
    client = client_of("http://127.0.0.1:9")
    with (
        redirected("127.0.0.1:9", dynamodb_netloc()),
        pytest.raises(EndpointConnectionError),
    ):
        client.list_tables()


def test_an_app_without_tables_calls_whom_it_called() -> None:
    client = client_of("http://127.0.0.1:9")
    with redirected("127.0.0.1:9", None), pytest.raises(EndpointConnectionError):
        client.list_tables()


def test_where_moto_is_not_as_expected_its_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decanter.testing.handler", None)
    client = Client(application.__wrapped__())
    headers = {"X-Amz-Target": "DynamoDB_20120810.DescribeLimits"}
    answer = client.post("/", headers=[*headers.items()], data=b"{}")
    assert answer.status_code == 200
    assert "TableMaxReadCapacityUnits" in answer.text
