"""Scans and queries that are faster than moto's.

moto copies each row and its values, wraps keys in objects to compare them, and looks up each
attribute of each row in the service model. These steps are not needed, because moto stores rows in
DynamoDB's own form, and the answer is written as JSON before the next call. moto also lists the
methods of its class at each call, which takes a third of the time of a PutItem (measured).

`application.py` loads this file by its path. `test_scans.py` compares the answers with moto's
answers.
"""

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from types import FunctionType, SimpleNamespace
from typing import Any

ROWS = "Items"

ORIGINALS = "originals_of_decanter"
"""The attribute of `DynamoResult` that keeps moto's own methods by class and name."""


def install() -> None:
    """Make moto return rows without copying them. Do not change an unexpected version of moto."""
    with suppress(ImportError, AttributeError):
        from moto.core import responses
        from moto.dynamodb.models.dynamo_type import Item
        from moto.dynamodb.models.table import Table
        from moto.dynamodb.models.utilities import dynamo_to_dict
        from moto.dynamodb.responses import DynamoResult

        calls: Any = responses
        replaced: dict[tuple[Any, str], Any] = {
            (DynamoResult, "__init__"): _with_plain_rows(DynamoResult.__init__, dynamo_to_dict),
            (DynamoResult, "execute_result"): _with_rows_as_json(DynamoResult.execute_result),
            (Item, "size"): _size,
            (Item, "project"): _with_own_columns(Item.project),
            (Table, "all_items"): _sorted_rows,
            (Table, "_item_comes_before_dct"): _with_text_keys(Table._item_comes_before_dct),
            (Table, "scan"): _without_copies(Table.scan),
            (Table, "query"): _without_copies(Table.query),
            (calls, "method_names_from_class"): cache(calls.method_names_from_class),
        }
        if not hasattr(DynamoResult, ORIGINALS):
            originals = {place: getattr(*place) for place in replaced}
            setattr(DynamoResult, ORIGINALS, originals)
            for (owner, name), method in replaced.items():
                setattr(owner, name, method)


def _without_copies(method: Any) -> Any:
    """Return moto's method with a `copy.deepcopy` that returns its argument."""
    names = method.__globals__ | {"copy": SimpleNamespace(deepcopy=lambda rows: rows)}
    return FunctionType(method.__code__, names, method.__name__, method.__defaults__)


def _size(row: Any) -> int:
    """Return the size of a row in bytes, by moto's rules."""
    total = 0
    for name, attribute in row.attrs.items():
        value = attribute.value
        total += len(name.encode())
        total += len(value.encode()) if type(value) is str else attribute.size()
    return total


def _with_own_columns(original: Any) -> Any:
    def project(self: Any, expressions: list[list[str]]) -> Any:
        """Return some attributes of a row. moto's own method also returns parts of attributes."""
        names = [name for name, *parts in expressions if not parts and "[" not in name]
        if len(names) < len(expressions):
            return original(self, expressions)
        kind: Any = type(self)
        row, attributes = kind.__new__(kind), type(self.attrs)()
        row.hash_key, row.range_key, row.attrs = self.hash_key, self.range_key, attributes
        # The size is not checked, because the whole row has passed the check.
        dict.update(attributes, {name: self.attrs[name] for name in names if name in self.attrs})
        return row

    return project


def _sorted_rows(table: Any) -> list[Any]:
    """Return the rows of a table, sorted by their keys."""
    groups = table.items.values()
    rows = [row for group in groups for row in group.values()] if table.range_key_attr else groups
    return sorted(rows, key=_key)


def _key(row: Any) -> Any:
    hash_key = _comparable(row.hash_key)
    return (hash_key, _comparable(row.range_key)) if row.range_key else hash_key


def _comparable(key: Any) -> Any:
    return key.value if key.type == "S" else key.cast_value


def _with_text_keys(original: Any) -> Any:
    def comes_before(
        table: Any, row: Any, start: Any, hashes: Any, ranges: Any, forward: Any
    ) -> Any:
        """Return True for a row of an earlier page. For each page, moto checks all earlier rows."""
        name = table.hash_key_attr
        if (hashes, ranges, forward, row.hash_key.type) == ([name], [None], True, "S"):
            return row.hash_key.value <= start[name]["S"]
        return original(table, row, start, hashes, ranges, forward)

    return comes_before


def _with_plain_rows(original: Any, converted: Callable[[Any], Any]) -> Any:
    def init(self: Any, result: Any) -> None:
        rows = result.get(ROWS) if isinstance(result, dict) else None
        if rows:
            original(self, {**result, ROWS: []})
            self._result[ROWS] = [_row(each, converted) for each in rows]
        else:
            original(self, result)

    return init


def _row(row: Mapping[str, Any], converted: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a row in DynamoDB's form. Values are converted, except for texts."""
    return {
        name: {attribute.type: attribute.value}
        if type(getattr(attribute, "value", None)) is str
        else converted(attribute)
        for name, attribute in row.items()
    }


def _with_rows_as_json(original: Any) -> Any:
    def execute_result(self: Any, context: Any) -> tuple[int, Any, str]:
        rows = self._result.get(ROWS) if isinstance(self._result, dict) else None
        if not rows:
            answer: tuple[int, Any, str] = original(self, context)
            return answer
        self._result[ROWS] = []
        status, headers, body = original(self, context)
        return status, headers, json.dumps(json.loads(body) | {ROWS: rows}, default=_binary)

    return execute_result


def _binary(value: bytes) -> str:
    """Return the value of an attribute with the type B."""
    return base64.b64encode(value).decode()
