"""`decanter connections`: list a stage's connections, or close some of them."""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from decanter.aws.errors import explained
from decanter.publish.target import Target, target
from decanter.publish.target import add_arguments as add_target_arguments
from decanter.runtime.publishing.outside import Report
from decanter.terminal import printable

READERS = 16
"""The maximum number of parallel calls to @connections.

These calls share a quota with messages to clients.
"""

CLOSED, GONE = "closed", "gone"


@dataclass(frozen=True)
class Row:
    """A row of the connection table.

    `connected_at`, in epoch milliseconds, and `age_seconds` are None if the row has no valid time.
    `source` is the client's address, `gone` if the connection is closed, or None if unknown.
    """

    connection_id: str
    connected_at: int | None
    age_seconds: int | None
    identity: str | None
    source: str | None = None

    @classmethod
    def read(cls, item: Mapping[str, Any], key: str, now: float) -> "Row":
        """Read an item of a scan. Other programs may have written it, so any value is possible."""
        at = None
        with suppress(KeyError, ValueError, OverflowError):
            at = int(float(item["connected_at"]["N"]))
        age = None if at is None else max(0, int(now - at / 1000))
        return cls(item[key]["S"], at, age, item.get("identity", {}).get("S"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter connections`."""
    add_target_arguments(parser)
    parser.add_argument(
        "--close",
        action="append",
        metavar="ID",
        help="close this connection instead of listing connections; may be repeated",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="(text)")


def run(args: argparse.Namespace) -> int:
    """List the connections with the oldest first, or close connections.

    Return 1 if a connection could not be closed.

    Raises:
        DecanterError: there is no such stage, its table cannot be read, or a call is refused.
    """
    there = target(args)
    if args.close:
        return close(there, [*dict.fromkeys(args.close)], args.format)
    there.check_table()
    found = sorted(with_sources(there, [*rows(there)]), key=lambda row: row.connected_at or 0)
    for line in lines(found) if args.format == "text" else map(as_json, found):
        print(line)
    return 0


def close(there: Target, ids: list[str], form: str) -> int:
    """Close connections, and print the result for each connection."""
    with there.publishing() as publisher:
        report = publisher.close(ids, None)
    results = {each: result_of(report, each) for each in ids}
    for connection_id, result in results.items():
        fields = {"connection_id": connection_id, "result": result}
        print(json.dumps(fields) if form == "json" else f"{printable(connection_id)}  {result}")
    return 0 if {*results.values()} <= {CLOSED, GONE} else 1


def result_of(report: Report, connection_id: str) -> str:
    """Return the outcome for a connection that should be closed."""
    if connection_id in report.gone_ids:
        return GONE
    if connection_id in report.failed_ids:
        return "failed"
    return "left over" if connection_id in report.left_over_ids else CLOSED


def rows(there: Target) -> Iterator[Row]:
    """Yield the rows of the stage's connection table."""
    names = {"#key": there.stage.key, "#at": "connected_at", "#identity": "identity"}
    with explained(f"read table {there.stage.table}"):
        pages = there.aws.client("dynamodb").get_paginator("scan")
        for page in pages.paginate(
            TableName=there.stage.table,
            ProjectionExpression=", ".join(names),
            ExpressionAttributeNames=names,
        ):
            for item in page["Items"]:
                yield Row.read(item, there.stage.key, time.time())


def with_sources(there: Target, found: list[Row]) -> list[Row]:
    """Return the rows with the clients' addresses, if the caller has the right to read them."""
    with explained(f"ask for the connections of {there.name}"):
        client = there.management()
    refused = False

    def ask(row: Row) -> Row:
        nonlocal refused
        if refused:
            return row
        try:
            answer = client.get_connection(ConnectionId=row.connection_id)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            refused |= status == 403
            return replace(row, source=GONE) if status == 410 else row
        except BotoCoreError:
            refused = True
            return row
        return replace(row, source=answer.get("Identity", {}).get("SourceIp"))

    with ThreadPoolExecutor(READERS) as pool:
        return [*pool.map(ask, found)]


def as_json(row: Row) -> str:
    """Return a row as a line of JSON."""
    return json.dumps(asdict(row))


def lines(found: list[Row]) -> Iterator[str]:
    """Yield the lines of a table with a header."""
    cells = [("connection", "age", "identity", "source")]
    cells += [
        (row.connection_id, age(row.age_seconds), row.identity or "-", row.source or "-")
        for row in found
    ]
    shown = [[printable(text) for text in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        padded = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


def age(seconds: int | None) -> str:
    """Return an age as a text for the user."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"
