"""Calls to DynamoDB, and the rights that they need."""

import string
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.gateway.dynamodb_rights import Pair, pairs, statement_pairs
from decanter.local.dynamodb.missing import ON_ROWS, table_names

PLACE = "arn:aws:dynamodb:us-east-1:123456789012:"
OTHER = "arn:aws:dynamodb:eu-west-1:210987654321:table/far"
T, U = f"{PLACE}table/t", f"{PLACE}table/u"


def needs(operation: str, **call: Any) -> list[Pair]:
    return pairs(operation, call, PLACE)


@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "UpdateItem", "DeleteItem"])
def test_a_call_about_one_item_needs_its_own_action(operation: str) -> None:
    assert needs(operation, TableName="t", Key={}) == [(f"dynamodb:{operation}", T)]
    assert needs(operation, TableName=OTHER) == [(f"dynamodb:{operation}", OTHER)]


@pytest.mark.parametrize("operation", ["Query", "Scan"])
def test_rows_of_an_index_need_the_index(operation: str) -> None:
    action = f"dynamodb:{operation}"
    assert needs(operation, TableName="t") == [(action, T)]
    assert needs(operation, TableName="t", IndexName="i") == [(action, f"{T}/index/i")]
    assert needs(operation, TableName=OTHER, IndexName="i") == [(action, f"{OTHER}/index/i")]


WRITES = [
    {"Put": {"TableName": "t"}},
    {"Update": {"TableName": "u"}},
    {"Delete": {"TableName": "t"}},
    {"ConditionCheck": {"TableName": "u"}},
    {"Put": {"TableName": "t"}},
]


@pytest.mark.parametrize(
    ("operation", "call", "expected"),
    [
        (
            "BatchGetItem",
            {"RequestItems": {"t": {}, "u": {}}},
            [("BatchGetItem", T), ("BatchGetItem", U)],
        ),
        (
            "BatchWriteItem",
            {"RequestItems": {"t": [], OTHER: []}},
            [("BatchWriteItem", T), ("BatchWriteItem", OTHER)],
        ),
        (
            "TransactGetItems",
            {"TransactItems": [{"Get": {"TableName": "t"}}] * 2},
            [("GetItem", T)],
        ),
        (
            "TransactWriteItems",
            {"TransactItems": WRITES},
            [("PutItem", T), ("UpdateItem", U), ("DeleteItem", T), ("ConditionCheckItem", U)],
        ),
        ("ExecuteStatement", {"Statement": "SELECT * FROM t"}, [("PartiQLSelect", T)]),
        (
            "BatchExecuteStatement",
            {"Statements": [{"Statement": "DELETE FROM t"}, {"Statement": "SELECT a FROM u"}]},
            [("PartiQLDelete", T), ("PartiQLSelect", U)],
        ),
        (
            "ExecuteTransaction",
            {"TransactStatements": [{"Statement": "INSERT INTO t VALUE {}"}]},
            [("PartiQLInsert", T)],
        ),
        ("DescribeTable", {"TableName": "t"}, [("DescribeTable", T)]),
        ("DeleteTable", {"TableName": "t"}, [("DeleteTable", T)]),
        ("CreateTable", {"TableName": "t"}, [("CreateTable", T)]),
        ("CreateTable", {"TableName": "t", "Tags": [{}]}, [("CreateTable", T), ("TagResource", T)]),
        ("UpdateTimeToLive", {"TableName": "t"}, [("UpdateTimeToLive", T)]),
        ("TagResource", {"ResourceArn": T, "Tags": []}, [("TagResource", T)]),
        ("ListTagsOfResource", {"ResourceArn": OTHER}, [("ListTagsOfResource", OTHER)]),
        ("ExportTableToPointInTime", {"TableArn": T}, [("ExportTableToPointInTime", T)]),
        ("DescribeBackup", {"BackupArn": f"{T}/backup/1"}, [("DescribeBackup", f"{T}/backup/1")]),
        ("ListTables", {}, [("ListTables", "*")]),
        ("ListTables", {"ExclusiveStartTableName": "t"}, [("ListTables", "*")]),
        ("ListBackups", {"TableName": "t"}, [("ListBackups", "*")]),
        ("DescribeLimits", {}, [("DescribeLimits", "*")]),
        ("DescribeEndpoints", {}, [("DescribeEndpoints", "*")]),
    ],
)
def test_calls_need_the_actions_of_the_authorization_reference(
    operation: str, call: dict[str, Any], expected: list[Pair]
) -> None:
    assert needs(operation, **call) == [(f"dynamodb:{action}", arn) for action, arn in expected]


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("GetItem", {}),
        ("GetItem", {"TableName": 7}),
        ("GetItem", {"TableName": ""}),
        ("Query", {"TableName": "t", "IndexName": 7}),
        ("BatchGetItem", {"RequestItems": {}}),
        ("BatchGetItem", {"RequestItems": 7}),
        ("TransactWriteItems", {"TransactItems": [{"Steal": {"TableName": "t"}}]}),
        ("TransactWriteItems", {"TransactItems": ["Put"]}),
        ("ExecuteStatement", {"Statement": None}),
        ("MakeCoffee", {}),
    ],
)
def test_a_call_that_cannot_be_read_needs_its_action_on_everything(
    operation: str, call: dict[str, Any]
) -> None:
    assert needs(operation, **call) == [(f"dynamodb:{operation}", "*")]


@pytest.mark.parametrize(
    ("statement", "action", "resource"),
    [
        ('SELECT * FROM "t"', "Select", T),
        ("select*from t", "Select", T),
        ("\n SELECT a, b\nFROM t\nWHERE a = 'FROM u'", "Select", T),
        ("SELECT 'FROM u', \"from u\" FROM t", "Select", T),
        ("SELECT fromage FROM t", "Select", T),
        ('SELECT * FROM "t"."i" WHERE a = ?', "Select", f"{T}/index/i"),
        ("SELECT * FROM t . i", "Select", f"{T}/index/i"),
        ('SELECT * FROM "a.b-c"', "Select", f"{PLACE}table/a.b-c"),
        (f'SELECT * FROM "{OTHER}"."i"', "Select", f"{OTHER}/index/i"),
        ("EXISTS(SELECT * FROM t WHERE a = 1)", "Select", T),
        ("INSERT INTO \"t\" VALUE {'a': 1}", "Insert", T),
        ("UPDATE t SET a = 1 WHERE b = 2", "Update", T),
        ("DELETE FROM t WHERE a = 1", "Delete", T),
        ("SELECT * FROM t.i.x", "Select", "*"),
        ("SELECT * FROM a-b", "Select", "*"),
        ("SELECT * FROM 't'", "Select", "*"),
        ('SELECT * FROM "t', "Select", "*"),
        ("SELECT *", "Select", "*"),
        ("UPDATE", "Update", "*"),
        ("DELETE t", "Delete", "*"),
    ],
)
def test_partiql_needs_the_action_of_its_verb(statement: str, action: str, resource: str) -> None:
    assert [*statement_pairs(statement, PLACE)] == [(f"PartiQL{action}", resource)]


@pytest.mark.parametrize("statement", ["", "DROP TABLE t", "WITH x AS", "-- SELECT * FROM t"])
def test_an_unknown_statement_needs_every_action(statement: str) -> None:
    verbs = {"PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete"}
    assert {*statement_pairs(statement, PLACE)} == {(verb, "*") for verb in verbs}


NAMES = st.text(string.ascii_letters + string.digits + "_.-", min_size=3, max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
OPERATIONS = botocore.session.Session().get_service_model("dynamodb").operation_names


@given(
    st.sampled_from(OPERATIONS),
    st.dictionaries(
        st.sampled_from(
            [
                "TableName",
                "IndexName",
                "RequestItems",
                "TransactItems",
                "Statement",
                "Statements",
                "Tags",
                "TransactStatements",
                "ResourceArn",
            ]
        ),
        JSON,
    ),
)
def test_every_call_needs_a_right(operation: str, call: dict[str, Any]) -> None:
    """This includes calls that cannot be read."""
    found = pairs(operation, call, PLACE)
    assert found
    assert all(action.startswith("dynamodb:") for action, _ in found)


@given(st.sampled_from(sorted(ON_ROWS)), st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_every_table_of_a_call_is_needed(operation: str, names: list[str]) -> None:
    kind = {"TransactGetItems": "Get", "TransactWriteItems": "Put"}.get(operation)
    call: dict[str, Any] = {"TableName": names[0]}
    if kind:
        call = {"TransactItems": [{kind: {"TableName": name}} for name in names]}
    elif operation.startswith("Batch"):
        call = {"RequestItems": {name: {} for name in names}}
    needed = {f"{PLACE}table/{name}" for name in table_names(call)}
    assert {resource for _, resource in pairs(operation, call, PLACE)} == needed


@given(
    st.sampled_from(["SELECT a FROM", "INSERT INTO", "UPDATE", "DELETE FROM"]),
    NAMES,
    st.none() | NAMES,
    st.sampled_from(["", " WHERE a = 'x FROM y'", "\nSET b = ?"]),
)
def test_quoted_names_are_read(verb: str, table: str, index: str | None, rest: str) -> None:
    target = f'"{table}"' + (f'."{index}"' if index else "")
    ((_, resource),) = statement_pairs(f"{verb} {target}{rest}", PLACE)
    assert resource == f"{PLACE}table/{table}" + (f"/index/{index}" if index else "")
