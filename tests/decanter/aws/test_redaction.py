"""Secrets are not printed: a canary in each place of a template, of a value and of an error."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.aws.ownership import Owner
from decanter.aws.redaction import CHANGED, HIDDEN, Secrets, redacted
from decanter.aws.stacks import Stack
from decanter.aws.submission import Submission, completed
from decanter.errors import AWSError, ProjectError

CANARY = "canary-{}-4711"


def template(variables: Any, **more: Any) -> dict[str, Any]:
    properties = {"Environment": {"Variables": variables}, "MemorySize": 128}
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    return {"Resources": {"F": function, **more.pop("Resources", {})}, **more}


def places(value: str) -> Iterator[dict[str, Any]]:
    """Yield a template for each place that may have a secret."""
    yield template({"KEY": value})
    yield template({"KEY": {"Fn::Sub": value}})
    yield template({"KEY": {"Fn::Sub": ["${A}", {"A": value}]}})
    yield template({"KEY": {"Fn::If": ["IsProd", value, {"Ref": "AWS::NoValue"}]}})
    yield template({"KEY": {"Fn::Join": ["", ["Bearer ", value]]}})
    yield template({"Fn::If": ["IsProd", {"KEY": value}, {}]})
    yield template([{"Name": "KEY", "Value": value}])
    yield template(value)
    yield template(
        {"KEY": {"Ref": "Param"}}, Parameters={"Param": {"Type": "String", "Default": value}}
    )
    yield template(
        {"KEY": {"Fn::FindInMap": ["Map", "a", "b"]}}, Mappings={"Map": {"a": {"b": value}}}
    )
    yield template({}, Parameters={"P": {"Type": "String", "NoEcho": True, "Default": value}})
    yield template({}, Parameters={"P": {"NoEcho": "true", "AllowedValues": [value]}})
    yield template({}, Parameters={"ApiToken": {"Type": "String", "Default": value}})
    yield template({}, Globals={"Function": {"Environment": {"Variables": {"KEY": value}}}})
    yield template({}, Resources={"S": {"Type": "X", "Properties": {"SecretString": value}}})
    yield template(
        {}, Resources={"S": {"Type": "X", "Properties": {"StageVariables": {"K": value}}}}
    )
    yield template(
        {}, Resources={"S": {"Properties": {"C": [{"Environment": [{"Value": value}]}]}}}
    )
    yield template({"KEY": value}, Outputs={"Copy": {"Value": f"it is {value}"}})


@pytest.mark.parametrize("number", range(len(list(places("")))))
def test_no_place_of_a_template_shows_its_secret_in_a_difference(number: int) -> None:
    old, new = (list(places(CANARY.format(word)))[number] for word in ("old", "new"))
    new["Resources"]["F"]["Properties"]["MemorySize"] = 256
    secrets = Secrets({})
    secrets.learn(old)
    secrets.learn(new)
    owner = Owner("pour", "dev")
    stack = Stack("arn", "pour-dev", "CREATE_COMPLETE", "", {}, {}, "")
    difference = Submission(completed(new, "s3://b/c", None, owner), {}).difference(stack, old)
    shown = "\n".join(map(secrets.hide, difference))
    assert "4711" not in shown
    assert CHANGED in shown
    assert '+        "MemorySize": 256' in shown


@given(st.text(min_size=8).filter(lambda text: text.strip() == text and not text.isspace()))
def test_any_value_stays_hidden(value: str) -> None:
    shown, same = redacted(template({"KEY": value}), template({"KEY": value}))
    assert shown == same == template({"KEY": HIDDEN})
    secrets = Secrets({"stages": {"dev": {"environment_variables": {"KEY": value}}}})
    if len(value) >= 8:
        assert secrets.hide(f"Value '{value}' is wrong") == f"Value '{HIDDEN}' is wrong"


def test_names_are_shown_and_equal_values_are_not_a_difference() -> None:
    old = template({"SAME": "a", "OLD": "b", "OTHER": "c"})
    new = template({"SAME": "a", "OTHER": "d", "NEW": "e"})
    shown = [it["Resources"]["F"]["Properties"]["Environment"] for it in redacted(old, new)]
    assert shown == [
        {"Variables": {"SAME": HIDDEN, "OLD": HIDDEN, "OTHER": HIDDEN}},
        {"Variables": {"SAME": HIDDEN, "OTHER": CHANGED, "NEW": HIDDEN}},
    ]


def test_a_given_secret_parameter_is_named_without_its_value() -> None:
    declared = {
        "Key": {"Type": "String", "NoEcho": True},
        "Used": {"Type": "String"},
        "Days": {"Type": "Number"},
    }
    wanted = template({"IT": {"Ref": "Used"}}, Parameters=declared)
    values = {"Key": CANARY, "Used": CANARY, "Days": "7"}
    there = {"Key": "****", "Used": "canary", "Days": "30"}
    stack = Stack("arn", "pour-dev", "CREATE_COMPLETE", "", there, {}, "")
    assert Submission(wanted, values).difference(stack, wanted) == [
        "parameter Key: changed",
        "parameter Used: changed",
        "parameter Days: 30 → 7",
    ]


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("two\nlines of it", "two lines of it"),
        ("first line of it\nsecond line of it", "at second line of it"),
        ('a "quoted" one', json.dumps('a "quoted" one')),
        ("p4ss", "p4ss"),
        (123456, "123456"),
    ],
)
def test_a_value_is_found_in_the_forms_that_errors_use(value: object, quoted: str) -> None:
    secrets = Secrets({"environment_variables": {"KEY": value}})
    assert quoted.removeprefix("at ").strip('"') not in secrets.hide(f"it is {quoted}.")


@pytest.mark.parametrize("value", ["true", "5", "prod", "", "v1", None])
def test_a_short_word_is_not_a_secret(value: object) -> None:
    """Hiding it would hide ordinary text."""
    line = f"true 5 prod v1 None {value}"
    assert Secrets({"environment_variables": {"KEY": value}}).hide(line) == line


def test_names_that_a_template_refers_to_are_not_secrets() -> None:
    secrets = Secrets({"environment_variables": {"TABLE": "pour-dev-table"}}, frozenset({"TABLE"}))
    variables = {
        "TABLE": "pour-dev-table",
        "ARN": {"Fn::GetAtt": ["ConnectionsTable", "Arn"]},
        "NAME": {"Fn::If": ["TablesAreThere", {"Ref": "ConnectionsTable"}, "else"]},
    }
    secrets.learn(template(variables))
    line = "ConnectionsTable pour-dev-table TablesAreThere"
    assert secrets.hide(line) == line


@pytest.mark.parametrize("kind", [AWSError, ProjectError])
def test_errors_keep_their_type_and_cause_without_the_values(kind: Any) -> None:
    secrets = Secrets({"environment_variables": {"KEY": CANARY}})
    with pytest.raises(kind) as caught, secrets.hidden():
        raise kind(f"cannot: {CANARY}", detail=f"{CANARY} at line 1") from ValueError("it")
    assert (str(caught.value), caught.value.detail) == (
        f"cannot: {HIDDEN}",
        f"{HIDDEN} at line 1",
    )
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_output_with_a_secret_parameter_is_hidden() -> None:
    secrets = Secrets({})
    outputs = {
        "Told": {"Value": {"Ref": "Key"}},
        "Written": {"Value": {"Fn::Sub": "it is ${Key}"}},
        "Other": {"Value": {"Ref": "Table"}},
    }
    secrets.learn({"Parameters": {"Key": {"NoEcho": True}}, "Outputs": outputs})
    shown = {name: secrets.output(name, "x") for name in outputs}
    assert shown == {"Told": HIDDEN, "Written": HIDDEN, "Other": "x"}


def test_values_of_secret_parameters_are_learned() -> None:
    secrets = Secrets({})
    declared = {"Parameters": {"Key": {"NoEcho": True}, "Days": {}}}
    secrets.learn_parameters(declared, {"Key": CANARY, "Days": "thirty-one"})
    assert secrets.hide(f"{CANARY} thirty-one") == f"{HIDDEN} thirty-one"
