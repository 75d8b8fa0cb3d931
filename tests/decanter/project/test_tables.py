"""Creating, deleting and describing tables, on a slow DynamoDB."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from decanter.errors import DecanterError
from decanter.project.tables import POLLS, Table, create, delete, find, tags_of, ttl_attribute

KEY = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}
TABLE = Table({"TableName": "t", **KEY}, "expires_at")


class SlowDynamoDB:
    """One table with a new status at each request.

    Args:
        statuses: DescribeTable's answers; the last one repeats. None for an unknown table.
        there: True if the table exists for CreateTable.
    """

    def __init__(self, *statuses: str | None, there: bool = False, **description: Any) -> None:
        self.statuses = list(statuses)
        self.there = there
        self.description = {**KEY, **description}
        self.ttl: dict[str, Any] = {"TimeToLiveStatus": "DISABLED"}
        self.calls: list[str] = []
        self.refuses_tags: ClientError | None = None

    def create_table(self, **arguments: Any) -> None:
        self.calls.append(f"create {arguments['TableName']}")
        if self.refuses_tags is not None and "Tags" in arguments:
            raise self.refuses_tags
        if self.there:
            raise fault("ResourceInUseException")

    def describe_table(self, TableName: str) -> Mapping[str, Any]:  # noqa: N803 - botocore's name
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            raise fault("ResourceNotFoundException")
        return {"Table": {"TableStatus": status, "TableName": TableName, **self.description}}

    def delete_table(self, TableName: str) -> None:  # noqa: N803 - botocore's name
        self.calls.append(f"delete {TableName}")
        if self.statuses == [None]:
            raise fault("ResourceNotFoundException")

    def describe_time_to_live(self, **_: Any) -> Mapping[str, Any]:
        return {"TimeToLiveDescription": self.ttl}

    def update_time_to_live(self, **arguments: Any) -> None:
        attribute = arguments["TimeToLiveSpecification"]["AttributeName"]
        self.ttl = {"TimeToLiveStatus": "ENABLING", "AttributeName": attribute}

    def get_paginator(self, name: str) -> "SlowDynamoDB":
        assert name == "list_tags_of_resource"
        return self

    def paginate(self, ResourceArn: str) -> Any:  # noqa: N803 - botocore's name
        if self.refuses_tags is not None:
            raise self.refuses_tags
        yield {"Tags": [{"Key": "a", "Value": ResourceArn}]}
        yield {"Tags": [{"Key": "b", "Value": ""}]}


def fault(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.fixture(name="slept")
def _slept() -> list[float]:
    return []


class TestCreate:
    def test_waits_until_the_table_is_active_then_enables_its_ttl(self, slept: list[float]) -> None:
        client = SlowDynamoDB(None, "CREATING", "ACTIVE")
        assert create(client, TABLE, slept.append) is True
        assert slept == [1, 1]
        assert client.ttl["AttributeName"] == "expires_at"

    def test_a_table_without_ttl_gets_none(self, slept: list[float]) -> None:
        client = SlowDynamoDB("ACTIVE")
        create(client, Table(TABLE.arguments), slept.append)
        assert client.ttl["TimeToLiveStatus"] == "DISABLED"

    def test_an_existing_table_is_completed(self, slept: list[float]) -> None:
        """An earlier command may have been interrupted before it enabled the TTL."""
        client = SlowDynamoDB("ACTIVE", there=True)
        assert create(client, TABLE, slept.append) is False
        assert client.ttl["TimeToLiveStatus"] == "ENABLING"

    def test_a_table_with_another_key_is_an_error(self, slept: list[float]) -> None:
        key = {
            "AttributeDefinitions": [
                {"AttributeName": "a", "AttributeType": "N"},
                {"AttributeName": "b", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "a", "KeyType": "HASH"},
                {"AttributeName": "b", "KeyType": "RANGE"},
            ],
        }
        client = SlowDynamoDB("ACTIVE", there=True, **key)
        with pytest.raises(
            DecanterError,
            match=r"the key HASH a \(N\), RANGE b \(S\), but the app declares HASH id \(S\): it is",
        ):
            create(client, TABLE, slept.append)

    def test_an_index_on_another_attribute_does_not_change_the_key(
        self, slept: list[float]
    ) -> None:
        more = [*KEY["AttributeDefinitions"], {"AttributeName": "x", "AttributeType": "S"}]
        client = SlowDynamoDB("ACTIVE", there=True, AttributeDefinitions=more)
        assert create(client, TABLE, slept.append) is False

    def test_a_table_with_another_ttl_is_an_error(self, slept: list[float]) -> None:
        client = SlowDynamoDB("ACTIVE", there=True)
        client.ttl = {"TimeToLiveStatus": "ENABLED", "AttributeName": "other"}
        with pytest.raises(DecanterError, match="by other, but the app declares expires_at"):
            create(client, TABLE, slept.append)

    def test_a_table_that_is_being_deleted_is_an_error(self, slept: list[float]) -> None:
        with pytest.raises(DecanterError, match="table t is DELETING: wait"):
            create(SlowDynamoDB("DELETING", there=True), TABLE, slept.append)

    def test_does_not_wait_forever(self, slept: list[float]) -> None:
        with pytest.raises(DecanterError, match="table t is not active after 120 s"):
            create(SlowDynamoDB("CREATING"), TABLE, slept.append)
        assert len(slept) == POLLS


class TestTags:
    """DynamoDB Local has no tags."""

    NONE = (
        fault("ValidationException", "Tagging is not currently supported in DynamoDB Local."),
        fault("UnknownOperationException"),
    )

    def test_are_read_from_every_page(self) -> None:
        client = SlowDynamoDB("ACTIVE", TableArn="arn")
        assert tags_of(client, client.description) == {"a": "arn", "b": ""}

    @pytest.mark.parametrize("refusal", NONE)
    def test_are_left_out_if_unsupported(self, refusal: ClientError) -> None:
        client = SlowDynamoDB("ACTIVE", TableArn="arn")
        client.refuses_tags = refusal
        assert tags_of(client, client.description) == {}
        assert create(client, TABLE.tagged({"a": "b"})) is True
        assert client.calls == ["create t", "create t"]

    @pytest.mark.parametrize(
        "refusal", [fault("AccessDeniedException"), fault("ValidationException", "no such table")]
    )
    def test_another_refusal_is_an_error(self, refusal: ClientError) -> None:
        client = SlowDynamoDB("ACTIVE", TableArn="arn")
        client.refuses_tags = refusal
        with pytest.raises(ClientError):
            tags_of(client, client.description)
        with pytest.raises(ClientError):
            create(client, TABLE.tagged({"a": "b"}))
        assert client.calls == ["create t"]


class TestDelete:
    def test_waits_until_the_table_is_gone(self, slept: list[float]) -> None:
        client = SlowDynamoDB("DELETING", "DELETING", None)
        assert delete(client, "t", slept.append) is True
        assert slept == [1, 1]

    def test_a_missing_table_is_not_an_error(self, slept: list[float]) -> None:
        assert delete(SlowDynamoDB(None), "t", slept.append) is False

    def test_does_not_wait_forever(self, slept: list[float]) -> None:
        with pytest.raises(DecanterError, match="table t is still being deleted"):
            delete(SlowDynamoDB("DELETING"), "t", slept.append)


class Refusing:
    """A DynamoDB that denies every call."""

    def __getattr__(self, operation: str) -> Any:
        def refuse(**_: Any) -> None:
            raise fault("AccessDeniedException")

        return refuse


@pytest.mark.parametrize(
    "call",
    [
        lambda client: create(client, TABLE),
        lambda client: delete(client, "t"),
        lambda client: find(client, "t"),
    ],
    ids=["create", "delete", "find"],
)
def test_other_errors_pass_to_the_caller(call: Callable[[Any], object]) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        call(Refusing())


def test_disabled_ttl_is_none() -> None:
    client = SlowDynamoDB("ACTIVE")
    client.ttl = {"TimeToLiveStatus": "DISABLING", "AttributeName": "expires_at"}
    assert ttl_attribute(client, "t") is None
