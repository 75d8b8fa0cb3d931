"""The framework and the local gateway evaluate a route selection expression in the same way.

Each has its own evaluator, because neither imports the other. On AWS, the framework's evaluator
replaces API Gateway's if only `$default` is deployed.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.gateway.selection import compile_expression
from decanter.runtime.routing.selection import SelectionExpression

NAMES = st.sampled_from(["a", "b", "message", "x-1", "_"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
PIECES = st.one_of(
    PATHS.map("${{request.body.{}}}".format),
    st.sampled_from(["/", "-", "literal", " ", r"\$", r"\$default"]),
)
EXPRESSIONS = st.one_of(
    PATHS.map("$request.body.{}".format),
    # The framework refuses an expression that reads nothing of a message.
    st.lists(PIECES, min_size=1, max_size=4).map("".join).filter(lambda text: "$" in text),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(expression=EXPRESSIONS, document=VALUES)
def test_both_return_the_same(expression: str, document: Any) -> None:
    document = json.loads(json.dumps(document))
    ours = SelectionExpression.parse(expression).evaluate(document)
    assert compile_expression(expression)(document) == ours


@pytest.mark.parametrize(
    ("expression", "document", "result"),
    [
        ("$request.body.message", {"message": "sendmessage"}, "sendmessage"),
        ("${request.body.a}/${request.body.b.c}", {"a": "x", "b": {"c": "y"}}, "x/y"),
        ("${request.body.a}-${request.body.b}", {"a": "x"}, "x-"),
        ("$request.body.a", {"a": ["one", 2, ["three"]]}, "[one, 2, [three]]"),
        (r"\$default", {}, "$default"),
        ("$request.body.a", {"a": "${request.body.b}", "b": "x"}, "${request.body.b}"),
        ("$request.body.a", [], ""),
    ],
)
def test_both_evaluate_as_documented(expression: str, document: Any, result: str) -> None:
    assert SelectionExpression.parse(expression).evaluate(document) == result
    assert compile_expression(expression)(document) == result
