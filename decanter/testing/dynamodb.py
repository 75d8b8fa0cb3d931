"""moto's DynamoDB in the process of the test, without a socket if possible.

With a socket and a second thread, a call of a botocore client would take about twice as long.
"""

import json
import logging
from functools import cache
from typing import Any

from decanter.errors import ServiceError
from decanter.gc_paused import gc_paused
from decanter.local.dynamodb.application import application as load
from decanter.local.dynamodb.missing import DECLARE
from decanter.local.dynamodb.notes import Notes
from decanter.local.dynamodb.server import Answer, Moto, Refusal
from decanter.project.tables import Table
from decanter.testing.environ import REGION

FIVE_YEARS = 5 * 365 * 86400
"""DynamoDB does not delete an item that expired more than this number of seconds ago."""

logger = logging.getLogger(__name__)


@cache
def application() -> Any:
    """Return moto's DynamoDB. The first call imports moto, which is slow."""
    with gc_paused():
        return load(REGION)


@cache
def moto() -> Moto:
    """Return the embedded DynamoDB of this process."""
    hint = f"in this test: {DECLARE}, or create it in the test"
    return Moto(application(), REGION, Notes(_tell), hint)


def respond(target: str, body: bytes, refusal: Refusal | None = None) -> Answer:
    """Answer a call, like `Moto.answer`."""
    return moto().answer(target, body, refusal)


def _tell(line: str, detail: str) -> None:
    logger.error("%s\n%s", line, detail)


def call_dynamodb(operation: str, **arguments: Any) -> Any:
    """Call the embedded DynamoDB directly, because creating a client takes longer than the call.

    Raises:
        ServiceError: DynamoDB refuses the call.
    """
    status, _, answer = respond(f"DynamoDB_20120810.{operation}", json.dumps(arguments).encode())
    if status != 200:
        raise ServiceError(f"the embedded DynamoDB refuses {operation}: {answer.decode()}")
    return json.loads(answer)


def expire(table: Table, now: float) -> None:
    """Delete a table's items that have expired at the Unix time `now`, like DynamoDB's TTL."""
    if table.ttl_attribute is None:
        return
    names = [part["AttributeName"] for part in table.arguments["KeySchema"]]
    page: dict[str, Any] = {"LastEvaluatedKey": None}
    while "LastEvaluatedKey" in page:
        start = page["LastEvaluatedKey"]
        page = call_dynamodb(
            "Scan",
            TableName=table.name,
            FilterExpression="#expiry BETWEEN :oldest AND :now",
            ExpressionAttributeNames={"#expiry": table.ttl_attribute},
            ExpressionAttributeValues={
                ":oldest": {"N": str(int(now) - FIVE_YEARS)},
                ":now": {"N": str(int(now))},
            },
            **({"ExclusiveStartKey": start} if start else {}),
        )
        for item in page["Items"]:
            key = {name: item[name] for name in names}
            call_dynamodb("DeleteItem", TableName=table.name, Key=key)
