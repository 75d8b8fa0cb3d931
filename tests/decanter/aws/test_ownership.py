"""The owner of a stack, read from its template."""

from typing import Any

import pytest

from decanter.aws.ownership import Owner
from decanter.aws.stacks import as_template
from decanter.aws.submission import as_text, commit_of

YAML = """\
AWSTemplateFormatVersion: 2010-09-09
Metadata:
  Decanter: {App: chat, Stage: eu-dev, Commit: abc}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {Role: !GetAtt Role.Arn}
"""


def test_a_template_that_another_tool_turned_into_yaml_keeps_its_mark() -> None:
    """`aws cloudformation package` writes YAML."""
    template = as_template(YAML)
    assert Owner.marked(template) == Owner("chat", "eu-dev")
    assert commit_of(template) == "abc"
    assert '"AWSTemplateFormatVersion": "2010-09-09"' in as_text(template)


@pytest.mark.parametrize(
    "template",
    [
        {},
        {"Metadata": None},
        {"Metadata": {"Decanter": None}},
        {"Metadata": {"Decanter": {"App": "chat"}}},
        {"Metadata": {"Decanter": {"App": "chat", "Stage": 1}}},
    ],
)
def test_other_metadata_is_not_a_mark(template: dict[str, Any]) -> None:
    assert Owner.marked(template) is None


def test_equal_stack_names_have_different_owners() -> None:
    owners = Owner("chat", "eu-dev"), Owner("chat-eu", "dev")
    assert len({owner.app + "-" + owner.stage for owner in owners}) == 1
    assert owners[0] != owners[1]
    assert str(owners[0]) == "app chat, stage eu-dev"
