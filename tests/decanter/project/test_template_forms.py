"""Values of a wrong form in a template."""

from typing import Any

import pytest

from decanter.project.template_forms import mistakes

TABLE = "AWS::DynamoDB::Table"


@pytest.mark.parametrize(
    ("kind", "properties", "found"),
    [
        ("", {"Environment": {"Variables": {"A": None}}}, "Environment.Variables.A is null or"),
        ("", {"Environment": {"Variables": [{"A": 1}]}}, "Environment.Variables must be an object"),
        ("", {"Environment": {"Variables": {"A": []}}}, "Environment.Variables.A must be text or"),
        ("", {"Environment": "A=1"}, "Environment must be an object"),
        ("AWS::IAM::Role", {"Policies": ["a"]}, "Policies must be a list of objects"),
        (TABLE, {"TimeToLiveSpecification": "e"}, "TimeToLiveSpecification must be an object"),
        (TABLE, {"KeySchema": {"AttributeName": "id"}}, "KeySchema must be a list of objects"),
        (TABLE, {"Tags": [{"Key": None}]}, "Tags[0].Key is null or empty"),
    ],
)
def test_a_mistake_has_its_place(kind: str, properties: Any, found: str) -> None:
    document = {"Resources": {"It": {"Type": kind, "Properties": properties}}}
    assert next(mistakes(document)).startswith(f"Resources.It.Properties.{found}")


def test_properties_are_an_object() -> None:
    assert [*mistakes({"Resources": {"It": {"Properties": "x"}}})] == [
        "Resources.It.Properties must be an object"
    ]


def test_functions_and_other_resources_may_have_any_form() -> None:
    choice = {"Fn::If": ["Wanted", {"A": "1"}, {"Ref": "AWS::NoValue"}]}
    resources = {
        "Function": {"Properties": {"Environment": {"Variables": {"A": {"Ref": "B"}, "C": 1}}}},
        "Chosen": {"Properties": {"Environment": choice}},
        "Table": {"Type": TABLE, "Properties": {"ProvisionedThroughput": choice}},
        "Other": {"Type": "AWS::Other::Thing", "Properties": {"Environment": "text"}},
    }
    assert [*mistakes({"Resources": resources})] == []
