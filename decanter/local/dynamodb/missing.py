"""Describe a call to missing tables: their names, their probable keys, and a line for the user.

`server.py` loads this file by its path, so this file must not import other modules of Decanter.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

ON_ROWS = {
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
}
"""The operations on a table's rows. Another operation can be a check that a table exists."""

GUESS = "id:S"
DECLARE = "declare it with @table(env=…) on its PynamoDB model, or in .chalice/resources.json"
_COMMON = ("pk", "id")
_RANGE = "sk"
_EQUALS = re.compile(r"([#\w.]+)\s*=\s*(:\w+)")


def table_names(call: Mapping[str, Any]) -> list[str]:
    """Return the names of the tables in a call. The call may be a batch or a transaction."""
    named = [each["TableName"] for each in _parts(call) if "TableName" in each]
    return sorted({*named, *call.get("RequestItems", ())})


def key_of(call: Mapping[str, Any], table: str) -> list[str]:
    """Return a table's probable key, such as `["PK:S", "SK:S"]`; `[GUESS]` if the call has none."""
    for part in _parts_of(call, table):
        if isinstance(key := part.get("Key"), dict) and key:
            return [*map(_attribute, key, key.values())][:2]
        if isinstance(item := part.get("Item"), dict):
            return _key_in(item)
        if "IndexName" not in part and (match := _EQUALS.search(_condition(part))):
            name, value = match.groups()
            name = part.get("ExpressionAttributeNames", {}).get(name, name)
            return [_attribute(name, part.get("ExpressionAttributeValues", {}).get(value))]
    return [GUESS]


def line(table: str, key: Sequence[str], variables: Sequence[str], url: str, tool: str) -> str:
    """Return the line for the user. `variables` are environment variables with the table's name."""
    named = f", which {' and '.join(variables)} names" if variables else ""
    options = zip(("--key", "--sort-key"), key, strict=False)
    words = [f"{option} {shlex.quote(value)}" for option, value in options]
    command = f"{tool} table create --table {table} {' '.join(words)} --endpoint-url {url}"
    return (
        f"there is no table {table}{named}: create it for this run with `{command}` "
        f"(correct the key if the table has another), or {DECLARE} or a --template FILE"
    )


def _parts(call: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a call and, if it is a transaction, its actions."""
    return [call, *(action for each in call.get("TransactItems", ()) for action in each.values())]


def _parts_of(call: Mapping[str, Any], table: str) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of a call that concern one table."""
    yield from (part for part in _parts(call) if part.get("TableName") == table)
    requests = call.get("RequestItems", {}).get(table, ())
    if isinstance(requests, dict):  # BatchGetItem
        yield from ({"Key": key} for key in requests.get("Keys", ()))
    else:
        yield from (action for each in requests for action in each.values())


def _key_in(item: Mapping[str, Any]) -> list[str]:
    """Guess which attributes of a new item are the key, by the names that keys usually have."""
    by_name = {name.lower(): name for name in reversed([*item]) if _type(item[name])}
    names = [*_COMMON, *(name for name in reversed(by_name) if name.endswith("id")), *by_name]
    first = next((by_name[name] for name in names if name in by_name), None)
    if first is None:
        return [GUESS]
    pair = [first, by_name[_RANGE]] if _RANGE in by_name else [first]
    return [_attribute(name, item[name]) for name in pair]


def _condition(part: Mapping[str, Any]) -> str:
    return str(part.get("KeyConditionExpression", ""))


def _attribute(name: str, value: Any) -> str:
    return f"{name}:{_type(value) or 'S'}"


def _type(value: Any) -> str | None:
    """Return the DynamoDB type of a value; None if a key cannot have this type."""
    kinds: Iterable[str] = value if isinstance(value, dict) else ()
    return next((kind for kind in kinds if kind in ("S", "N", "B")), None)
