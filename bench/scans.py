"""Measure scans of the embedded DynamoDB: `python bench/scans.py`.

The table has 10,000 rows with unordered keys, like a table of connections. Each kind of read scans
the whole table in ten runs. The figures are processor time, including the caller's decoding of the
JSON. No socket is used.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from decanter.testing.dynamodb import call_dynamodb

ROWS = 10_000
RUNS = 10
MOST_MS = 600
"""If a scan takes longer than this, the script fails."""

TABLE = {
    "AttributeDefinitions": [{"AttributeName": "connectionID", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "connectionID", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
READS: dict[str, dict[str, Any]] = {
    "whole rows": {},
    "two attributes": {"ProjectionExpression": "connectionID, connected_at"},
    "a filter": {
        "FilterExpression": "expires_at > :now",
        "ExpressionAttributeValues": {":now": {"N": "5"}},
    },
    "pages of 2,000": {"Limit": 2_000},
}


def main() -> int:
    """Print a line for each kind of read. Return the exit status, 1 if a scan takes too long."""
    call_dynamodb("CreateTable", TableName="rows", **TABLE)
    for number in range(ROWS):
        call_dynamodb("PutItem", TableName="rows", Item=_row(number))
    slowest = 0.0
    for name, arguments in READS.items():
        times = sorted(_scan(arguments) for _ in range(RUNS))
        slowest = max(slowest, times[-1])
        print(f"{name}: median {times[RUNS // 2]:.0f} ms, from {times[0]:.0f} to {times[-1]:.0f}")
    return int(slowest > MOST_MS)


def _row(number: int) -> dict[str, Any]:
    key = number * 7_919 * 104_729 % 10_000_000_019
    return {
        "connectionID": {"S": f"Z{key:012d}="},
        "connected_at": {"N": str(1_795_757_694_839 + number)},
        "expires_at": {"N": str(1_795_765_694 + number)},
    }


def _scan(arguments: dict[str, Any]) -> float:
    """Read the whole table. Return the milliseconds of processor time."""
    began, count = time.process_time(), 0
    page: dict[str, Any] = {"LastEvaluatedKey": None}
    while "LastEvaluatedKey" in page:
        start = page["LastEvaluatedKey"]
        start = {"ExclusiveStartKey": start} if start else {}
        page = call_dynamodb("Scan", TableName="rows", **arguments, **start)
        count += page["Count"]
    assert count == ROWS, json.dumps(page)[:200]
    return (time.process_time() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
