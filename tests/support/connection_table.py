"""The connection table of a running gateway, read and changed from outside."""

from collections.abc import Iterable
from typing import Any

import boto3

from tests.support.gateways import Running, wait_until


class Table:
    """The connection table of a running gateway."""

    def __init__(self, running: Running) -> None:
        words = running.banner("DynamoDB").split()
        self._name = words[1].removesuffix(",")  # the first of several tables
        self._subscriptions = self._name.replace("Connections", "Subscriptions")
        self._client = boto3.client(
            "dynamodb",
            endpoint_url=words[0],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def ids(self) -> set[str]:
        """Return the connection ids in it."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._name)
        return {row["connectionID"]["S"] for page in pages for row in page["Items"]}

    def row(self, connection_id: str) -> dict[str, Any]:
        """Return one row."""
        key = {"connectionID": {"S": connection_id}}
        row: dict[str, Any] = self._client.get_item(TableName=self._name, Key=key)["Item"]
        return row

    def put(self, connection_id: str, connected_at: int) -> None:
        """Add a row, as a connect handler would."""
        row = {
            "connectionID": {"S": connection_id},
            "connected_at": {"N": str(connected_at)},
            "expires_at": {"N": str(connected_at // 1000 + 7800)},
        }
        self._client.put_item(TableName=self._name, Item=row)

    def age(self, connection_id: str, seconds: float, channels: Iterable[str] = ()) -> None:
        """Move the connection time to the past, in a row and in its subscriptions to channels."""
        key = {"connectionID": {"S": connection_id}}
        rows = [(self._subscriptions, {**key, "channel": {"S": channel}}) for channel in channels]
        for table, row in [(self._name, key), *rows]:
            self._client.update_item(
                TableName=table,
                Key=row,
                UpdateExpression="ADD connected_at :seconds",
                ExpressionAttributeValues={":seconds": {"N": str(int(-1000 * seconds))}},
            )

    def change(self, connection_id: str, name: str, value: dict[str, str]) -> None:
        """Set an attribute of a row."""
        self._client.update_item(
            TableName=self._name,
            Key={"connectionID": {"S": connection_id}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )

    def delete(self, connection_id: str) -> None:
        """Delete a row."""
        key = {"connectionID": {"S": connection_id}}
        self._client.delete_item(TableName=self._name, Key=key)

    def strip(self, connection_id: str, channel: str) -> None:
        """Remove all attributes of a subscription but its key."""
        key = {"connectionID": {"S": connection_id}, "channel": {"S": channel}}
        self._client.put_item(TableName=self._subscriptions, Item=key)

    def wait_for(self, count: int) -> None:
        """Wait for this number of rows: disconnect handlers run after the close."""
        wait_until(lambda: len(self.ids()) == count, f"{count} rows in the table")
