"""A fake DynamoDB over HTTP, with one table in which any program may have written."""

import json
import random
import zlib
from decimal import Decimal
from typing import Any

from decanter.runtime.recipients import MAX_AGE_MS
from tests.field_cases.servers import Answer, Asked

Row = dict[str, Any]
NAMES = [
    "L0SM9cOFvHcCIhw=",
    "1/3:",
    "-",
    "0/1:",
    "a/b",
    "é",
    "x y",
    "%2F",
    "😀",
    '"',
    "..=",
    "\u2028",
    "z" * 500,
]
DAMAGED: list[Row] = [
    *({"S": text} for text in ("", "yesterday", "1700000000000", "NaN", "😀")),
    *({"B": "AAEC"}, {"BOOL": True}, {"NULL": True}, {"L": []}, {"M": {}}, {"SS": ["a"]}),
    *(
        {"L": [{"N": "1"}]},
        {"M": {"N": {"N": "1700000000000"}}},
        {"NS": ["1", "2"]},
        {"BS": ["AA=="]},
    ),
    *({"N": text} for text in ("0", "-1", "1E+40", "1E-130", "-9.9E+125", "0.5", "9" * 38)),
    *(
        {"N": text}
        for text in ("1700000000", "1795757694839.5", "1700000000000000", "4102444800000")
    ),
    *({"N": text} for text in ("1499999999999", "1700000000000000000")),
]
"""Values that a number's attribute may have in DynamoDB, other than epoch milliseconds."""


class Table:
    """Rows in pages, and conditional deletes.

    Attributes:
        rows: the rows, by connection id.
        page_rows: the size of each page in turn. DynamoDB may send a page without rows.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.page_rows = [1]
        self._pages = 0

    def fill(self, chance: random.Random, now_ms: int) -> None:
        """Make a table with rows of every kind."""
        self.page_rows = [chance.choice([0, 2, 5, 12]) for _ in range(3)] + [4]
        names = [chance.choice(NAMES) + str(number) for number in range(chance.randrange(12))]
        self.rows = {name: self._row(name, chance, now_ms) for name in names}

    def _row(self, name: str, chance: random.Random, now_ms: int) -> Row:
        row: Row = {"connectionID": {"S": name}}
        age_ms = chance.choice([1_000, 60_000, 7_000_000, MAX_AGE_MS + 1, 10 * MAX_AGE_MS])
        if chance.random() < 0.9:
            healthy = {"N": str(now_ms - age_ms)}
            row["connected_at"] = healthy if chance.random() < 0.5 else chance.choice(DAMAGED)
        if chance.random() < 0.5:
            row["identity_expires_at"] = chance.choice([*DAMAGED, {"N": str(now_ms // 1000 - 5)}])
        for extra in ("expires_at", "identity", "nickname"):
            if chance.random() < 0.2:
                row[extra] = chance.choice(DAMAGED)
        return row

    def __call__(self, asked: Asked) -> Answer:
        operation, question = (
            asked.headers["X-Amz-Target"].rpartition(".")[2],
            json.loads(asked.body),
        )
        answer = {"Scan": self._scan, "DeleteItem": self._delete}[operation](question)
        status = 400 if "__type" in answer else 200
        return Answer(
            status, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer).encode()
        )

    def _scan(self, question: Row) -> Row:
        after = question.get("ExclusiveStartKey", {}).get("connectionID", {}).get("S")
        start = -1 if after is None else place(after)
        later = sorted((name for name in self.rows if place(name) > start), key=place)
        self._pages += 1
        most = self.page_rows[self._pages % len(self.page_rows)]
        if most == 0 and after is None:
            most = 1  # an empty first page has no last key
        page = later[:most]
        answer: Row = {"Items": [self.rows[name] for name in page], "Count": len(page)}
        if len(page) < len(later):
            answer["LastEvaluatedKey"] = {"connectionID": {"S": page[-1] if page else after}}
        return answer

    def _delete(self, question: Row) -> Row:
        name = question["Key"]["connectionID"]["S"]
        row = self.rows.get(name, {})
        if not self._holds(question, row.get("connected_at")):
            return {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}
        return {"Attributes": self.rows.pop(name)} if row else {}

    def _holds(self, question: Row, stored: Row | None) -> bool:
        """Return True if the condition of a delete holds."""
        condition = question.get("ConditionExpression", "")
        if condition.startswith("attribute_not_exists"):
            return stored is None
        assert condition == "#0 = :0", condition
        (expected,) = question["ExpressionAttributeValues"].values()
        return same(stored, expected)


def place(name: str) -> int:
    """Return a key's position in a scan: DynamoDB scans in the order of the keys' hashes."""
    return zlib.crc32(name.encode())


def same(one: Row | None, other: Row) -> bool:
    """Return True if DynamoDB calls two values equal: numbers are compared by value."""
    if one and one.keys() == other.keys() == {"N"}:
        return Decimal(one["N"]) == Decimal(other["N"])
    return one == other
