"""Data that a change set loses."""

from typing import Any

import pytest

from decanter.aws.losses import Loss, holds_data, removed

TABLE = "AWS::DynamoDB::Table"


def change(action: str, kind: str = TABLE, **facts: str) -> Loss | None:
    named = {"LogicalResourceId": "It", "ResourceType": kind, "Action": action}
    return Loss.read(named | facts)


@pytest.mark.parametrize(
    "kind",
    [
        TABLE,
        "AWS::DynamoDB::GlobalTable",
        "AWS::Serverless::SimpleTable",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::Logs::LogGroup",
        "AWS::Kinesis::Stream",
        "AWS::RDS::DBInstance",
        "AWS::Cognito::UserPool",
        "AWS::SecretsManager::Secret",
        "AWS::KMS::Key",
        "AWS::EFS::FileSystem",
        "AWS::ApiGateway::ApiKey",
        "AWS::CloudFormation::Stack",
        "Custom::Anything",
        "AWS::Next::Year",
    ],
)
@pytest.mark.parametrize(
    ("action", "facts", "words"),
    [
        ("Remove", {}, "removed"),
        ("Remove", {"PolicyAction": "Delete", "PhysicalResourceId": "t"}, "removed; t is deleted"),
        ("Remove", {"PolicyAction": "Retain"}, "removed; left on AWS, outside the stack"),
        ("Modify", {"Replacement": "True"}, "replaced by an empty one"),
        (
            "Modify",
            {"Replacement": "True", "PolicyAction": "ReplaceAndSnapshot"},
            "replaced by an empty one; deleted after a snapshot",
        ),
    ],
)
def test_resources_that_may_have_data_need_a_confirmation(
    kind: str, action: str, facts: dict[str, str], words: str
) -> None:
    assert str(change(action, kind, **facts)) == f"It ({kind}: {words})"


@pytest.mark.parametrize(
    "facts",
    [
        {"action": "Modify", "Replacement": "Conditional"},
        {"action": "Modify"},
        {"action": "Dynamic"},
        {"action": "Later"},
    ],
)
def test_uncertain_replacements_need_a_confirmation(facts: Any) -> None:
    loss = change(**facts)
    assert loss is not None
    assert loss.change == "possibly replaced by an empty one"


def test_changes_inside_a_nested_stack_are_unknown() -> None:
    loss = change("Modify", "AWS::CloudFormation::Stack", Replacement="False")
    assert loss is not None
    assert loss.change == "changed inside, which a change set does not show"


@pytest.mark.parametrize(
    ("action", "replacement"), [("Add", ""), ("Import", ""), ("Modify", "False")]
)
def test_unchanged_resources_lose_nothing(action: str, replacement: str) -> None:
    assert change(action, Replacement=replacement) is None


@pytest.mark.parametrize(
    "kind",
    ["AWS::Lambda::Function", "AWS::IAM::Role", "AWS::ApiGatewayV2::Deployment"],
)
def test_resources_without_data_need_no_confirmation(kind: str) -> None:
    assert not holds_data(kind)
    assert change("Remove", kind) is None


def test_two_templates_show_removed_resources() -> None:
    deployed = {
        "Resources": {"A": {"Type": TABLE}, "B": {"Type": TABLE}, "C": {"Type": "AWS::IAM::Role"}}
    }
    assert list(removed(deployed, {"Resources": {"A": {"Type": TABLE}}})) == [
        Loss("B", TABLE, "removed")
    ]
    assert list(removed({}, {})) == []
