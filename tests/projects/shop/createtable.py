"""Make the table of orders that the stage's configuration names."""

import json
import sys
from pathlib import Path

import boto3

stage = sys.argv[1] if len(sys.argv) > 1 else "dev"
config = json.loads(Path(".chalice/config.json").read_text())
boto3.client("dynamodb").create_table(
    TableName=config["stages"][stage]["environment_variables"]["ORDERS_TABLE"],
    KeySchema=[{"AttributeName": "number", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "number", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
