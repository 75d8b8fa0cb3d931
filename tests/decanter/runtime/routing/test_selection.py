from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.runtime.errors import DeclarationError
from decanter.runtime.routing.selection import MAX_ROUTE_KEY, SelectionExpression

MESSAGE = {
    "service": "chat",
    "action": "join",
    "data": {"room": "room1234", "my-key": "dash"},
    "dollar": "$request.body.action",
    "list": ["item1", "item2"],
    "number": 1.5,
    "yes": True,
    "none": None,
}


@pytest.mark.parametrize(
    ("expression", "route_key"),
    [
        ("$request.body.action", "join"),
        ("${request.body.action}", "join"),
        ("$request.body.data.room", "room1234"),
        ("${request.body.data.my-key}", "dash"),
        ("${request.body.service}/${request.body.action}", "chat/join"),
        ("$request.body.service/$request.body.action", "chat/join"),
        ("${request.body.action}-${request.body.invalidPath}", "join-"),
        ("${request.body.version}-beta", "-beta"),
        ("$request.body.action.deeper", ""),
        (r"\$default", "$default"),
        (r"\$${request.body.action}", "$join"),
        ("$request.body.dollar", "$request.body.action"),
        ("$request.body.list", "[item1, item2]"),
        ("$request.body.data", '{"room": "room1234", "my-key": "dash"}'),
        ("$request.body.number", "1.5"),
        ("$request.body.yes", "true"),
        ("$request.body.none", "null"),
    ],
)
def test_the_forms_that_aws_documents_and_our_choice_for_the_rest(
    expression: str, route_key: str
) -> None:
    assert SelectionExpression.parse(expression).evaluate(MESSAGE) == route_key


@pytest.mark.parametrize("document", [None, [], 3, "x", True, {"a": 1}])
def test_a_message_without_the_path_selects_the_empty_string(document: Any) -> None:
    assert SelectionExpression.parse("$request.body.message").evaluate(document) == ""


@pytest.mark.parametrize(
    "expression",
    [
        *("$", "$request.body", "$request.body.", "${request.body}", "${request.body.a", "a}"),
        *("$request.body.a..b", "$request.body.a.", "$request.body.a[0]", "${request.body.a b}"),
        *("$request.header.x-api-key", "$context.stage", "$default", "\\a", "${request.body.*}"),
    ],
)
def test_an_invalid_expression_is_refused_with_the_valid_forms(expression: str) -> None:
    with pytest.raises(DeclarationError, match="cannot be read from character") as caught:
        SelectionExpression.parse(expression)
    assert repr(expression) in str(caught.value)
    assert "$request.body.name" in str(caught.value)


@pytest.mark.parametrize("expression", ["", "action", "request.body.action"])
def test_an_expression_that_reads_nothing_is_refused(expression: str) -> None:
    with pytest.raises(DeclarationError, match=r"reads nothing of a message: write \$request.body"):
        SelectionExpression.parse(expression)


NAMES = st.from_regex(r"[\w-]+", fullmatch=True)


@given(NAMES, NAMES, st.text(alphabet=st.characters(exclude_characters="$\\{}")), st.text())
def test_every_path_is_evaluated_and_other_text_is_kept(
    outer: str, inner: str, literal: str, value: str
) -> None:
    expression = SelectionExpression.parse(f"{literal}${{request.body.{outer}.{inner}}}{literal}")
    assert expression.evaluate({outer: {inner: value}}) == literal + value + literal


@given(st.text())
def test_every_text_is_either_valid_or_refused(source: str) -> None:
    try:
        SelectionExpression.parse(source).evaluate({"a": 1})
    except DeclarationError:
        return


@pytest.mark.parametrize("item", [1, {}, "", ["a"], [[[]]]])
def test_the_text_of_a_long_array_is_not_completed(item: Any) -> None:
    """No route key is as long, and a client may send 65,000 items."""
    text = SelectionExpression.parse("$request.body.a").evaluate({"a": [item] * 40_000})
    assert MAX_ROUTE_KEY < len(text) < 2 * MAX_ROUTE_KEY
