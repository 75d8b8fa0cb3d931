"""Scans and queries that are faster than moto's.

moto looks up each attribute of each row in the service model.

A row is already in DynamoDB's own form. If rows are written as plain JSON, a scan takes a sixth of
the time. `application.py` loads this file by its path. `test_scans.py` compares the answers.
"""

import base64
import json
from contextlib import suppress
from typing import Any

ROWS = "Items"


def install() -> None:
    """Make moto write rows as plain JSON. An unexpected version of moto is not changed."""
    with suppress(ImportError, AttributeError):
        from moto.dynamodb.responses import DynamoResult

        plain: Any = DynamoResult.execute_result
        if not hasattr(plain, "original"):
            DynamoResult.execute_result = _with_plain_rows(plain)  # type: ignore[method-assign]


def _with_plain_rows(original: Any) -> Any:
    def execute_result(self: Any, context: Any) -> tuple[int, Any, str]:
        rows = self._result.get(ROWS) if isinstance(self._result, dict) else None
        if not rows:
            answer: tuple[int, Any, str] = original(self, context)
            return answer
        self._result[ROWS] = []
        status, headers, body = original(self, context)
        return status, headers, json.dumps(json.loads(body) | {ROWS: rows}, default=_binary)

    execute_result.original = original  # type: ignore[attr-defined]
    return execute_result


def _binary(value: bytes) -> str:
    """Return the value of an attribute with the type B."""
    return base64.b64encode(value).decode()
