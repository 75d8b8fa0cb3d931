import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.runtime.errors import BadJson
from decanter.runtime.jsontext import MAX_DEPTH, member_texts, parse

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | TEXT
VALUES = st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(TEXT, v), max_leaves=4)
SPACE = st.text(alphabet=" \t\r\n", max_size=3)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "None", "{", "[1,]", "{'a': 1}", "\ufeff{}", "01", "1."),
        *("NaN", "[Infinity]", '{"a": -Infinity}', '"\ud800"', '"\x00"'),
        *("[" * 10_000, '{"a":' * 10_000, '"' * 10_001),
        *("1e999", "[-1e400]", '{"a": 1.8e308}', "9" * 4301, f"[-{'9' * 4301}]"),
        *('"\\ud800"', '"\\uDFFF"', '"\\udc00\\ud800"', '"\\ud800\\u0041"', '{"\\ud800": 1}'),
        *('"\\ud800\\ud800\\udc00"', '"\\\\\\ud800"'),
    ],
)
def test_text_outside_of_rfc_8259_is_bad_json(text: str) -> None:
    with pytest.raises(BadJson):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        (' {"a": 1, "a": 2}\n', {"a": 2}),
        ('"\\ud83d\\ude00\\u0000"', "😀\0"),
        ('"\\\\ud800"', "\\ud800"),
        ("1.7e308", 1.7e308),
        ("1e-999", 0.0),
        (f"-{'9' * 4300}", -(10**4300 - 1)),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, ...),
        (json.dumps("[" * 10_000), "[" * 10_000),
        (json.dumps(["[", '\\"[{'] * 100), ["[", '\\"[{'] * 100),
        (json.dumps(["\\\\", "[{", '\\\\\\"', "]"] * 100), ["\\\\", "[{", '\\\\\\"', "]"] * 100),
    ],
)
def test_valid_json_is_parsed(text: str, value: Any) -> None:
    assert value is ... or parse(text) == value


def test_nesting_has_its_own_limit_and_not_the_interpreters() -> None:
    with pytest.raises(BadJson, match=f"nested deeper than {MAX_DEPTH} levels"):
        parse("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize("closer", ["", "]", "\\", '"]', "]]\\\\", '\\"'])
def test_a_bracket_in_a_string_does_not_hide_the_depth(closer: str) -> None:
    text = f"[{json.dumps(closer)}," * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1)
    with pytest.raises(BadJson, match="nested deeper"):
        parse(text)


def test_an_unterminated_string_of_escaped_quotes_takes_linear_time() -> None:
    """A pattern that starts again at each character would take minutes here."""
    with pytest.raises(BadJson):
        parse("[" * (MAX_DEPTH + 1) + '"' + '\\"' * 60_000)


def test_the_reason_does_not_quote_the_message() -> None:
    with pytest.raises(BadJson) as caught:
        parse('{"password": hunter2}')
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        *("1.0", "1e5", '"a\\u00e9\\/"', "[ 1,\t2 ]", '{"b":1, "a":2}', "[]", "[ ]", "[[[]]]"),
        *("[[[[]]]]", '["]"]', '["\\"]"]', '[{"}":[1,{}]}]', "[" + "[]," * 20 + "1]"),
    ],
)
def test_a_member_keeps_its_exact_text(data: str) -> None:
    assert member_texts(f'{{"message":"m", "data" : {data} \n}}')["data"] == data


def test_the_last_member_with_a_name_counts_even_if_escaped() -> None:
    assert member_texts('{"a": 1, "\\u0061": 2}') == {"a": "2"}


@given(st.dictionaries(TEXT, VALUES, max_size=4), SPACE, st.booleans())
def test_every_member_of_every_object_is_found(
    value: dict[str, Any], space: str, ascii_only: bool
) -> None:
    separators = (f"{space},{space}", f"{space}:{space}")
    text = space + json.dumps(value, ensure_ascii=ascii_only, separators=separators) + space
    found = {name: json.loads(member) for name, member in member_texts(text).items()}
    assert found == value
    assert parse(text) == value
