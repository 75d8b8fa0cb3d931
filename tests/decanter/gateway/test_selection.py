"""The route selection expression and its grammar."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.gateway.selection import NotJsonError, compile_expression, parse

NAMES = st.text(alphabet="abcXYZ019_-", min_size=1, max_size=6)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.rule(20)
@pytest.mark.parametrize(
    ("expression", "body", "selected"),
    [
        ("$request.body.action", {"action": "join"}, "join"),
        ("$request.body.a.b", {"a": {"b": "deep"}}, "deep"),
        ("${request.body.a}", {"a": "braced"}, "braced"),
        ("${request.body.a}/${request.body.b}", {"a": "x", "b": "y"}, "x/y"),
        ("v1-${request.body.a}!", {"a": "x"}, "v1-x!"),
        ("static", {"a": 1}, "static"),
        (r"\$default", {}, "$default"),
        ("$request.body.none", {"a": 1}, ""),
        ("$request.body.a.b", {"a": "text"}, ""),
        ("$request.body.a", ["a"], ""),
        ("$request.body.a", {"a": [1, 2]}, "[1, 2]"),
        ("$request.body.a", {"a": {"b": None}}, '{"b": null}'),
        ("$request.body.a", {"a": 7}, "7"),
        ("$request.body.a", {"a": True}, "true"),
        ("$request.body.a", {"a": "${request.body.b}", "b": "no"}, "${request.body.b}"),
    ],
)
def test_what_an_expression_selects(expression: str, body: Any, selected: str) -> None:
    assert compile_expression(expression)(body) == selected


@pytest.mark.parametrize("expression", ["$", "$body.a", "${request.header.a}", "a$", "${request"])
def test_a_dollar_sign_without_a_path_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="must start"):
        compile_expression(expression)


@pytest.mark.rule(20)
@given(body=JSON, name=NAMES)
def test_any_json_selects_a_text_and_a_top_level_text_itself(body: Any, name: str) -> None:
    select = compile_expression(f"${{request.body.{name}}}")
    selected = select(body)
    assert isinstance(selected, str)
    if isinstance(body, dict) and isinstance(body.get(name), str):
        assert selected == body[name]


@given(JSON)
def test_json_is_parsed_unchanged(value: Any) -> None:
    assert parse(json.dumps(value)) == value


@given(st.text())
def test_any_text_is_parsed_or_is_not_json(text: str) -> None:
    with contextlib.suppress(NotJsonError):
        parse(text)
