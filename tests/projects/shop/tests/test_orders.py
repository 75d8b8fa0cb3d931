"""The project's own test, which does not use the framework."""

import boto3
import pytest
from chalice.test import Client
from moto import mock_aws

from app import app

JSON = {"Content-Type": "application/json"}


@pytest.fixture(name="client")
def _client(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(), Client(app) as client:
        boto3.client("dynamodb").create_table(
            TableName="shop-dev-orders",
            KeySchema=[{"AttributeName": "number", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "number", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def test_an_order_is_found(client):
    client.http.put("/orders/1", headers=JSON, body=b'{"items": ["tea", "scone"]}')
    assert client.http.get("/orders/1").json_body == {"items": ["tea", "scone"], "cents": 570}
