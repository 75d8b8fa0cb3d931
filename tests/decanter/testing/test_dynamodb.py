"""The tests' DynamoDB with botocore, with and without a socket."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.session import Session
from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import PynamoDBException
from pynamodb.models import Model
from werkzeug.test import Client

from decanter.errors import ServiceError
from decanter.testing.dynamodb import application, call_dynamodb, moto
from decanter.testing.environ import REGION, environment, local
from decanter.testing.loopback import dynamodb_netloc, dynamodb_server
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


def test_a_written_item_can_be_read(client: Any) -> None:
    item = {"k": {"S": "ü=&%"}, "n": {"N": "1.5"}, "list": {"L": [{"BOOL": True}, {"B": b"\xff"}]}}
    client.put_item(TableName="t", Item=item)
    assert client.get_item(TableName="t", Key={"k": {"S": "ü=&%"}})["Item"] == item
    assert client.scan(TableName="t")["Items"] == [item]


@pytest.mark.parametrize(
    "text", ["&Action=DeleteTable&", "Action=DeleteTable", "&Action=Nothing", "a=b&key=c"]
)
def test_an_operation_in_a_text_is_not_run(client: Any, text: str) -> None:
    item = {"k": {"S": text}, text: {"S": text}}
    client.put_item(TableName="t", Item=item)
    assert client.scan(TableName="t")["Items"] == [item]


def test_an_operation_that_moto_lacks_is_an_error_with_its_cause(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    moto.cache_clear()
    dynamodb_server().moto = moto()
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            client.execute_statement(Statement="SELECT * FROM t WHERE k='x'")
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert answer["Error"]["Code"] == "InternalServerError"
    assert "cannot do ExecuteStatement: AttributeError: " in answer["Error"]["Message"]
    (record,) = caplog.records
    assert "Traceback (most recent call last):" in record.getMessage()
    with pytest.raises(ClientError, match="cannot do DescribeGlobalTable: moto does not have"):
        client.describe_global_table(GlobalTableName="global")


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
def test_errors_are_the_same_as_dynamodbs(client: Any, call: Any, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        call(client)
    assert caught.value.response["Error"]["Code"] == code


MISSING = (
    "Requested resource not found. There is no table 'games' in this test: declare it with "
    "@table(env=…) on its PynamoDB model, or in .chalice/resources.json, or create it in the test"
)


class Games(Model):
    class Meta:
        table_name = "games"
        region = REGION

    k = UnicodeAttribute(hash_key=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda: boto3.client("dynamodb").scan(TableName="games"),
        lambda: boto3.resource("dynamodb").Table("games").put_item(Item={"k": "a"}),
        lambda: boto3.client("dynamodb").batch_get_item(
            RequestItems={name: {"Keys": [{"k": {"S": "a"}}]} for name in ("t", "games")}
        ),
        lambda: boto3.client("dynamodb").transact_write_items(
            TransactItems=[{"Put": {"TableName": "games", "Item": {"TableName": {"S": "a"}}}}]
        ),
        lambda: Games("a").save(),
        lambda: Games.get("a"),
    ],
)
def test_the_error_for_an_undeclared_table_has_its_name_and_the_remedy(
    client: Any, call: Any
) -> None:
    """The calls are those of the low-level client, the resource and PynamoDB, without keys."""
    with redirected("127.0.0.1:9", None), environment(local("http://127.0.0.1:9", None)):
        with pytest.raises((ClientError, PynamoDBException)) as caught:
            call()
        assert MISSING in str(caught.value)
        assert "ResourceNotFoundException" in str(caught.value)


def test_a_test_can_create_an_undeclared_table() -> None:
    """PynamoDB first checks if the table exists, and gets DynamoDB's usual answer."""
    with redirected("127.0.0.1:9", None), environment(local("http://127.0.0.1:9", None)):
        assert not Games.exists()
        Games.create_table(billing_mode="PAY_PER_REQUEST")
        Games("a").save()
        assert Games.get("a").k == "a"
        Games.delete_table()


def test_a_statement_with_a_missing_table_gets_the_usual_answer(client: Any) -> None:
    with pytest.raises(ClientError, match=r"Requested resource not found$"):
        client.execute_statement(Statement="SELECT * FROM games")


def test_a_refusal_of_dynamodb_is_one_line() -> None:
    with pytest.raises(ServiceError, match=r"refuses DeleteTable: .*ResourceNotFoundException"):
        call_dynamodb("DeleteTable", TableName="nobody")


def test_a_client_with_awss_endpoint_is_redirected(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that makes its client at import does not have the endpoints, which are set later."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_DYNAMODB", raising=False)
    client = client_of(None, region="eu-central-1")
    with redirected("127.0.0.1:9", dynamodb_netloc()):
        assert client.list_tables()["TableNames"] == []


def test_a_client_with_another_local_endpoint_is_not_redirected() -> None:
    client = client_of("http://127.0.0.1:9")
    with (
        redirected("127.0.0.1:9", dynamodb_netloc()),
        pytest.raises(EndpointConnectionError),
    ):
        client.list_tables()


def test_an_app_without_tables_can_call_another_local_dynamodb() -> None:
    client = client_of("http://127.0.0.1:9")
    with redirected("127.0.0.1:9", None), pytest.raises(EndpointConnectionError):
        client.list_tables()


def test_with_an_unexpected_moto_its_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("moto.dynamodb.models.DynamoDBBackend")
    client = Client(application.__wrapped__())
    headers = {"X-Amz-Target": "DynamoDB_20120810.DescribeLimits"}
    answer = client.post("/", headers=[*headers.items()], data=b"{}")
    assert answer.status_code == 200
    assert "TableMaxReadCapacityUnits" in answer.text
