"""CloudFormation's intrinsic functions."""

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.errors import ProjectError
from decanter.project.intrinsics import NO_VALUE, Resolver

DOCUMENT = {
    "Parameters": {
        "Text": {"Type": "String", "Default": "t"},
        "Number": {"Type": "Number", "Default": 5},
        "Names": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Open": {"Type": "String"},
    },
    "Mappings": {"Sizes": {"dev": {"units": 5}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Text"}, "t"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Loop": {"Fn::Not": [{"Condition": "Loop"}]},
        "Odd": {"Fn::Base64": "x"},
        "Two": {"Fn::Not": [], "Fn::And": []},
        "None": {},
        "Text": {"Fn::Not": ["x"]},
    },
}
REFERENCES = {"AWS::Region": "eu-west-1", "Table": "pour-dev-Table"}
ATTRIBUTES = {("Table", "Arn"): "arn:aws:dynamodb:::table/t", ("Nested", "Outputs.Url"): "u"}


def resolver() -> Resolver:
    return Resolver(DOCUMENT, REFERENCES.get, lambda *key: ATTRIBUTES.get(key))


def resolve(value: Any) -> Any:
    return resolver().resolve(value, "Here")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "Table"}, "pour-dev-Table"),
        ({"Ref": "Number"}, 5),
        ({"Ref": "Names"}, ["a", "b"]),
        ({"Ref": "AWS::NoValue"}, NO_VALUE),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
        ([1, {"Ref": "AWS::NoValue"}, None], [1, None]),
        ({"Ref": "Table", "beside": 1}, {"Ref": "Table", "beside": 1}),
        ({"Condition": "Yes"}, {"Condition": "Yes"}),
        ({"Fn::GetAtt": ["Table", "Arn"]}, "arn:aws:dynamodb:::table/t"),
        ({"Fn::GetAtt": "Table.Arn"}, "arn:aws:dynamodb:::table/t"),
        ({"Fn::GetAtt": ["Nested", "Outputs.Url"]}, "u"),
        (
            {"Fn::Sub": "${AWS::Region}/${Table.Arn}/${Number}"},
            "eu-west-1/arn:aws:dynamodb:::table/t/5",
        ),
        ({"Fn::Sub": "${!Kept} $ $$ {} ${ Table }"}, "${Kept} $ $$ {} pour-dev-Table"),
        ({"Fn::Sub": ["${a}-${Table}", {"a": {"Ref": "Text"}}]}, "t-pour-dev-Table"),
        ({"Fn::Sub": ["${Table}", {"Table": True}]}, "true"),
        (
            {"Fn::Join": ["/", ["integrations", {"Ref": "Table"}, 1]]},
            "integrations/pour-dev-Table/1",
        ),
        ({"Fn::Join": [",", {"Ref": "Names"}]}, "a,b"),
        ({"Fn::Join": ["", []]}, ""),
        ({"Fn::Select": ["1", ["a", "b"]]}, "b"),
        ({"Fn::Select": [0, {"Fn::Split": ["-", {"Ref": "Table"}]}]}, "pour"),
        ({"Fn::If": ["Yes", {"Ref": "Text"}, {"Fn::ImportValue": "unasked"}]}, "t"),
        ({"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}, NO_VALUE),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::FindInMap": ["Sizes", "dev", "units"]}, 5),
    ],
)
def test_has_a_value(value: Any, expected: Any) -> None:
    assert expected == resolve(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Queue"}, "Here: Ref Queue has no value on this machine: use a literal,"),
        ({"a": [{"Ref": "Queue"}]}, "Here.a[0]: Ref Queue has no value"),
        ({"Ref": "Open"}, "Parameters.Open: add a Default"),
        ({"Fn::GetAtt": ["Table", "StreamArn"]}, "Here: Fn::GetAtt Table.StreamArn has no value"),
        ({"Fn::ImportValue": "x"}, "Here: Fn::ImportValue has no value"),
        ({"Fn::Sub": "${Queue}"}, "Here: Ref Queue has no value"),
        ({"Fn::Sub": "${}"}, "Here: Fn::Sub cannot read ${}: a name has only letters"),
        ({"Fn::Sub": "${a b}"}, "Here: Fn::Sub cannot read ${a b}"),
        ({"Fn::Sub": ["${a}", {"a": {"Ref": "Queue"}}]}, "Here.a: Ref Queue has no value"),
        ({"Fn::Sub": 3}, "Here: Fn::Sub is malformed"),
        ({"Fn::Sub": ["${a}", {"a": []}]}, "Here: Fn::Sub is malformed"),
        ({"Fn::Join": ["-", "text"]}, "Here: Fn::Join is malformed"),
        ({"Fn::Join": ["-"]}, "Here: Fn::Join is malformed"),
        ({"Fn::Select": [2, ["a", "b"]]}, "Here: Fn::Select is malformed"),
        ({"Fn::Select": [-1, ["a", "b"]]}, "Here: Fn::Select is malformed"),
        ({"Fn::FindInMap": ["Sizes", "prod", "units"]}, "Here: Fn::FindInMap is malformed"),
        ({"Fn::If": ["Maybe", 1, 2]}, "Here: the template has no condition 'Maybe'"),
        ({"Fn::If": ["Loop", 1, 2]}, "Conditions.Loop: the condition depends on itself"),
        ({"Fn::If": ["Odd", 1, 2]}, "Conditions.Odd: Fn::Base64 has no value"),
        ({"Fn::If": ["Two", 1, 2]}, "Conditions.Two: a condition is an object with one function"),
        ({"Fn::If": ["None", 1, 2]}, "Conditions.None: a condition is an object with one function"),
        ({"Fn::If": ["Text", 1, 2]}, "Conditions.Text: a condition is an object with one function"),
        ({"Ref": []}, "Here: Ref is malformed"),
    ],
)
def test_the_error_names_the_place(value: Any, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        resolve(value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failed_condition_fails_again() -> None:
    asked = resolver()
    for _ in range(2):
        with pytest.raises(ProjectError, match=r"Conditions.Odd: Fn::Base64"):
            asked.condition("Odd", "Here")


literals = st.text().filter(lambda text: "${" not in text and not text.endswith("$"))
names = st.from_regex(re.compile(r"[A-Za-z0-9_]+(::[A-Za-z0-9_]+)?", re.ASCII), fullmatch=True)


@given(literals)
def test_sub_does_not_change_text_without_variables(text: str) -> None:
    assert resolve({"Fn::Sub": text}) == text


@given(st.lists(st.tuples(literals, names, st.text())), literals)
def test_sub_replaces_each_variable_once(parts: list[tuple[str, str, str]], rest: str) -> None:
    """The value of a variable is not evaluated again."""
    variables = {name: value for _, name, value in parts}
    text = "".join(f"{literal}${{{name}}}" for literal, name, _ in parts) + rest
    expected = "".join(literal + variables[name] for literal, name, _ in parts) + rest
    assert resolve({"Fn::Sub": [text, variables]}) == expected


@given(names, literals)
def test_sub_keeps_literals(name: str, text: str) -> None:
    assert resolve({"Fn::Sub": f"{text}${{!{name}}}"}) == f"{text}${{{name}}}"


@given(st.lists(literals, min_size=1))
def test_split_undoes_join(items: list[str]) -> None:
    plain = [item.replace("|", "") for item in items]
    assert resolve({"Fn::Split": ["|", {"Fn::Join": ["|", plain]}]}) == plain


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Ref", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::If", "Fn::Split", "a"]
            ),
            inner,
            max_size=2,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_document_gives_a_value_or_our_error(value: Any) -> None:
    with contextlib.suppress(ProjectError):
        resolve(value)
