"""The rights that a call to DynamoDB needs, as pairs of an IAM action and a resource's ARN.

The process of the embedded DynamoDB loads this file by its path, so this file imports only the
standard library.
Source: AWS's Service Authorization Reference, "Actions, resources, and condition keys for Amazon
DynamoDB"; DynamoDB Developer Guide, "IAM security policies with PartiQL".
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Pair = tuple[str, str]

Rule = Callable[[str, Mapping[str, Any]], str | None]
"""Takes an operation and its input. Returns AWS's message if the role does not allow the call."""

ANY = "*"
"""The resource of an operation without a table, and of a call that cannot be parsed."""

_TRANSACTED = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_OF_ACCOUNT = {
    "DescribeEndpoints",
    "DescribeLimits",
    "ListBackups",
    "ListContributorInsights",
    "ListExports",
    "ListGlobalTables",
    "ListImports",
    "ListTables",
}
_ARNS = ("ResourceArn", "TableArn", "BackupArn", "ExportArn", "ImportArn", "StreamArn")

_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_]\w*)'
_TARGET = rf'(?P<table>{_NAME})(?:\s*\.\s*(?P<index>{_NAME}))?(?![\w."$-])'
_LIST = r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|(?!\bFROM\b)[^"';])+?"""
_STATEMENTS = {
    "Select": rf"(?:EXISTS\s*\(\s*)?SELECT\b{_LIST}\bFROM\s+{_TARGET}.*",
    "Insert": rf"INSERT\s+INTO\s+{_TARGET}.*",
    "Update": rf"UPDATE\s+{_TARGET}.*",
    "Delete": rf"DELETE\s+FROM\s+{_TARGET}.*",
}
_VERB = re.compile(r"\s*(?:EXISTS\s*\(\s*)?(SELECT|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)


def rule(
    guard: Any, function: str, trace: str = "", needed: Callable[..., list[Pair]] | None = None
) -> Rule:
    """Return the rule for the calls that a function makes. `needed`, if given, replaces `pairs`."""
    rights = needed or pairs

    def refusal(operation: str, call: Mapping[str, Any]) -> str | None:
        if not guard.is_on:
            return None
        denial = guard.refusal(function, rights(operation, call, guard.place), trace)
        return denial.text if denial else None

    return refusal


def pairs(operation: str, call: Mapping[str, Any], place: str) -> list[Pair]:
    """Return the rights that a call needs, without duplicates. The role must allow all of them.

    `place` is the start of the tables' ARNs, such as `arn:aws:dynamodb:us-east-1:123456789012:`.
    """
    try:
        found = [*_found(operation, call, place)]
    except (AttributeError, LookupError, TypeError, ValueError):
        found = [(operation, ANY)]
    needed = found or [(operation, ANY)]
    return [(f"dynamodb:{action}", resource) for action, resource in dict.fromkeys(needed)]


def _found(operation: str, call: Mapping[str, Any], place: str) -> Iterable[Pair]:
    if (read := _READ.get(operation)) is not None:
        return read(operation, call, place)
    if operation in _OF_ACCOUNT:
        return [(operation, ANY)]
    return _of_table(operation, call, place)


def _of_table(operation: str, call: Mapping[str, Any], place: str) -> Iterator[Pair]:
    named = next((call[name] for name in _ARNS if name in call), None) or call["TableName"]
    resource = arn(named, place)
    yield operation, resource
    if operation == "CreateTable" and call.get("Tags"):
        yield "TagResource", resource


def _of_rows(operation: str, call: Mapping[str, Any], place: str) -> Iterator[Pair]:
    table = arn(call["TableName"], place)
    index = call.get("IndexName")
    yield operation, table if index is None else f"{table}/index/{_text(index)}"


def _of_batch(operation: str, call: Mapping[str, Any], place: str) -> Iterator[Pair]:
    for name in call["RequestItems"]:
        yield operation, arn(name, place)


def _of_transaction(_: str, call: Mapping[str, Any], place: str) -> Iterator[Pair]:
    for each in call["TransactItems"]:
        for kind, action in each.items():
            yield _TRANSACTED[kind], arn(action["TableName"], place)


def _of_statement(_: str, call: Mapping[str, Any], place: str) -> Iterator[Pair]:
    yield from statement_pairs(call["Statement"], place)


def _of_statements(operation: str, call: Mapping[str, Any], place: str) -> Iterator[Pair]:
    member = "Statements" if operation == "BatchExecuteStatement" else "TransactStatements"
    for each in call[member]:
        yield from statement_pairs(each["Statement"], place)


def statement_pairs(statement: str, place: str) -> Iterator[Pair]:
    """Yield the rights for a PartiQL statement.

    Only the verb, the table's name and the index's name are read. A statement that cannot be read
    needs rights on all tables.
    """
    verb = _VERB.match(statement)
    if verb is None:
        yield from ((f"PartiQL{each}", ANY) for each in _STATEMENTS)
        return
    kind = verb[1].capitalize()
    match = re.fullmatch(rf"\s*{_STATEMENTS[kind]}", statement, re.IGNORECASE | re.DOTALL)
    if match is None:
        yield f"PartiQL{kind}", ANY
        return
    table = arn(_unquoted(match["table"]), place)
    index = match["index"]
    yield f"PartiQL{kind}", f"{table}/index/{_unquoted(index)}" if index else table


def arn(name: str, place: str) -> str:
    """Return the ARN of a table, from the name or the ARN in a call.

    Raises:
        ValueError: the value is not a string, or is empty.
    """
    return name if _text(name).startswith("arn:") else f"{place}table/{name}"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    return value


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


_READ = {
    "BatchExecuteStatement": _of_statements,
    "BatchGetItem": _of_batch,
    "BatchWriteItem": _of_batch,
    "ExecuteStatement": _of_statement,
    "ExecuteTransaction": _of_statements,
    "Query": _of_rows,
    "Scan": _of_rows,
    "TransactGetItems": _of_transaction,
    "TransactWriteItems": _of_transaction,
}
