"""Functions with roles that call the embedded DynamoDB's own process, with boto3 and PynamoDB."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session
from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import GetError, PutError
from pynamodb.models import Model

from decanter.local.dynamodb.embedded import EmbeddedDynamoDB

PLACE = "arn:aws:dynamodb:us-east-1:123456789012:"
SESSION = "arn:aws:sts::123456789012:assumed-role/app-dev-work/app-dev-work"
KEY = {"k": {"S": "a"}}
ROW = {"k": {"S": "a"}, "i": {"S": "b"}}
INDEX = {
    "IndexName": "by_i",
    "KeySchema": [{"AttributeName": "i", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}


class Database:
    """The process, with two tables, `t` with an index and `u`, each with one row."""

    def __init__(self, embedded: EmbeddedDynamoDB) -> None:
        self.embedded = embedded
        self.developer = self.client("")
        self.work = self.client("/_roles/work")

    def client(self, path: str) -> Any:
        return Session().create_client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=f"{self.embedded.address}{path}",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def create(self) -> None:
        for name in ("t", "u"):
            self.developer.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                AttributeDefinitions=[
                    {"AttributeName": each, "AttributeType": "S"} for each in ("k", "i")
                ],
                GlobalSecondaryIndexes=[INDEX],
                BillingMode="PAY_PER_REQUEST",
            )
            self.developer.put_item(TableName=name, Item=ROW)

    def grant(self, *pairs: tuple[str, str], mode: str = "enforce") -> None:
        """Give the function `work` these actions, on tables or indexes."""
        statements = [
            {
                "Effect": "Allow",
                "Action": f"dynamodb:{action}",
                "Resource": name if name == "*" else f"{PLACE}table/{name}",
            }
            for action, name in pairs
        ]
        role = {"principal": SESSION, "statements": statements, "known": True}
        rights = {"mode": mode, "place": PLACE, "roles": {"work": role}}
        self.embedded.tell({"rights": rights})

    def rows(self) -> list[Any]:
        return [self.developer.scan(TableName=name)["Items"] for name in ("t", "u")]


@pytest.fixture(name="database", scope="module")
def _database() -> Iterator[Database]:
    with EmbeddedDynamoDB() as embedded:
        assert embedded.endpoint
        database = Database(embedded)
        database.create()
        yield database


PUT = {"PutRequest": {"Item": {"k": {"S": "new"}}}}
CALLS: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("get_item", {"TableName": "t", "Key": KEY}, [("GetItem", "t")]),
    ("get_item", {"TableName": f"{PLACE}table/t", "Key": KEY}, [("GetItem", "t")]),
    ("put_item", {"TableName": "t", "Item": {"k": {"S": "new"}}}, [("PutItem", "t")]),
    (
        "update_item",
        {
            "TableName": "t",
            "Key": {"k": {"S": "new"}},
            "UpdateExpression": "SET i = :i",
            "ExpressionAttributeValues": {":i": {"S": "b"}},
        },
        [("UpdateItem", "t")],
    ),
    ("delete_item", {"TableName": "t", "Key": KEY}, [("DeleteItem", "t")]),
    ("scan", {"TableName": "t"}, [("Scan", "t")]),
    ("scan", {"TableName": "t", "IndexName": "by_i"}, [("Scan", "t/index/by_i")]),
    (
        "query",
        {
            "TableName": "t",
            "IndexName": "by_i",
            "KeyConditionExpression": "i = :i",
            "ExpressionAttributeValues": {":i": {"S": "b"}},
        },
        [("Query", "t/index/by_i")],
    ),
    (
        "batch_get_item",
        {"RequestItems": {"t": {"Keys": [KEY]}, "u": {"Keys": [KEY]}}},
        [("BatchGetItem", "t"), ("BatchGetItem", "u")],
    ),
    (
        "batch_write_item",
        {"RequestItems": {"t": [PUT], "u": [{"DeleteRequest": {"Key": KEY}}]}},
        [("BatchWriteItem", "t"), ("BatchWriteItem", "u")],
    ),
    (
        "transact_get_items",
        {"TransactItems": [{"Get": {"TableName": name, "Key": KEY}} for name in ("t", "u")]},
        [("GetItem", "t"), ("GetItem", "u")],
    ),
    (
        "transact_write_items",
        {
            "TransactItems": [
                {"Put": {"TableName": "t", "Item": {"k": {"S": "new"}}}},
                {"Delete": {"TableName": "u", "Key": KEY}},
            ]
        },
        [("PutItem", "t"), ("DeleteItem", "u")],
    ),
    ("execute_statement", {"Statement": "SELECT * FROM t"}, [("PartiQLSelect", "t")]),
    (
        "execute_statement",
        {"Statement": "INSERT INTO t VALUE {'k': 'new'}"},
        [("PartiQLInsert", "t")],
    ),
    (
        "batch_execute_statement",
        {"Statements": [{"Statement": "DELETE FROM t WHERE k = 'a'"}]},
        [("PartiQLDelete", "t")],
    ),
    ("describe_table", {"TableName": "t"}, [("DescribeTable", "t")]),
    ("list_tables", {}, [("ListTables", "*")]),
    ("tag_resource", {"ResourceArn": f"{PLACE}table/t", "Tags": []}, [("TagResource", "t")]),
]


@pytest.mark.parametrize(("method", "arguments", "needed"), CALLS)
def test_each_missing_right_refuses_the_call_and_writes_nothing(
    method: str, arguments: dict[str, Any], needed: list[tuple[str, str]], database: Database
) -> None:
    before = database.rows()
    for missing in needed:
        database.grant(*(each for each in needed if each != missing))
        with pytest.raises(ClientError) as raised:
            getattr(database.work, method)(**arguments)
        action, name = missing
        resource = name if name == "*" else f"{PLACE}table/{name}"
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert raised.value.response["Error"] == {
            "Code": "AccessDeniedException",
            "Message": f"User: {SESSION} is not authorized to perform: dynamodb:{action} on "
            f"resource: {resource} because no identity-based policy allows the "
            f"dynamodb:{action} action",
        }
    assert database.rows() == before


@pytest.mark.parametrize(
    ("method", "arguments", "needed"), [each for each in CALLS if each[0] not in {"tag_resource"}]
)
def test_its_rights_allow_a_call(
    method: str, arguments: dict[str, Any], needed: list[tuple[str, str]], database: Database
) -> None:
    database.grant(*needed)
    getattr(database.work, method)(**arguments)
    for name in ("t", "u"):
        database.developer.put_item(TableName=name, Item=ROW)
        database.developer.delete_item(TableName=name, Key={"k": {"S": "new"}})


def test_a_missing_table_is_not_revealed(database: Database) -> None:
    database.grant()
    with pytest.raises(ClientError, match="AccessDeniedException"):
        database.work.scan(TableName="nowhere")


@pytest.mark.parametrize("mode", ["warn", "off"])
def test_other_modes_allow(mode: str, database: Database) -> None:
    database.grant(mode=mode)
    assert database.work.get_item(TableName="t", Key=KEY)["Item"] == ROW


def test_the_developer_needs_no_right(database: Database) -> None:
    database.grant()
    assert database.developer.get_item(TableName="t", Key=KEY)["Item"] == ROW


def test_roles_apply_to_every_call_that_is_made_after_them(database: Database) -> None:
    """No call is decided by the old roles, not even an immediate call on another connection."""
    for turn in range(200):
        database.grant(*([("GetItem", "t")] if turn % 2 else []))
        try:
            database.work.get_item(TableName="t", Key=KEY)
        except ClientError:
            assert turn % 2 == 0
        else:
            assert turn % 2 == 1


def test_threads_are_refused_alike(database: Database) -> None:
    database.grant(("GetItem", "t"))
    outcomes: list[str] = []

    def call() -> None:
        database.work.get_item(TableName="t", Key=KEY)
        try:
            database.work.scan(TableName="t")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=call) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert outcomes == ["AccessDeniedException"] * 8


class Row(Model):
    """PynamoDB's model of the table."""

    class Meta:
        table_name = "t"
        region = "us-east-1"
        aws_access_key_id = "local"
        aws_secret_access_key = "local"

    k = UnicodeAttribute(hash_key=True)


def test_pynamodb_raises_its_own_errors(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"{database.embedded.address}/_roles/work")
    database.grant()
    denied = rf"\(AccessDeniedException\) .*User: {SESSION} is not authorized to perform: dynamodb:"
    with pytest.raises(GetError, match=f"Failed to get item: .*{denied}GetItem on"):
        Row.get("a")
    with pytest.raises(PutError, match=f"Failed to put item: .*{denied}PutItem on") as put:
        Row("b").save()
    assert put.value.cause_response_code == "AccessDeniedException"
    database.grant(("GetItem", "t"))
    assert Row.get("a").k == "a"


def test_an_explicit_host_of_pynamodb_keeps_the_function(database: Database) -> None:
    database.grant()
    connection = Connection(
        "us-east-1",
        host=f"{database.embedded.address}/_roles/work",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    with pytest.raises(Exception, match="AccessDeniedException"):
        connection.list_tables()


def test_each_right_is_reported_once() -> None:
    with EmbeddedDynamoDB() as embedded:
        assert embedded.endpoint
        database = Database(embedded)
        database.create()
        database.grant(("GetItem", "t"))
        for _ in range(3):
            database.work.get_item(TableName="t", Key=KEY)
            with pytest.raises(ClientError):
                database.work.scan(TableName="u")
        lines = embedded.reports.read(64 * 1024).decode().splitlines()
    reports = [json.loads(each)["right"] for each in lines]
    assert [(it["action"], it["resource"], it["outcome"]) for it in reports] == [
        ("dynamodb:GetItem", f"{PLACE}table/t", "allowed"),
        ("dynamodb:Scan", f"{PLACE}table/u", "not allowed"),
    ]
