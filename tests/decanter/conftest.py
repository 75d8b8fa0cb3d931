"""Fixtures of the tool's tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from botocore.session import Session

from decanter.local.dynamodb.embedded import EmbeddedDynamoDB


@dataclass(frozen=True)
class Database:
    """A DynamoDB for a test."""

    endpoint: str

    def client(self, region: str = "us-east-1", access_key: str = "local") -> Any:
        """Return an ordinary botocore client. Clients are cached, because making one is slow."""
        return _client(self.endpoint, region, access_key)


@cache
def _client(endpoint: str, region: str, access_key: str) -> Any:
    return Session().create_client(
        "dynamodb",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key="local",
    )


@pytest.fixture(name="started", scope="session")
def _started() -> Iterator[Database]:
    with EmbeddedDynamoDB() as database:
        yield Database(database.endpoint)


@pytest.fixture(name="dynamodb")
def _dynamodb(started: Database) -> Iterator[Database]:
    """One DynamoDB for all tests, empty at the start of each."""
    yield started
    client = started.client()
    for name in client.list_tables()["TableNames"]:
        client.delete_table(TableName=name)
