"""What a template says of whose its stack is."""

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
    """As `aws cloudformation package` does."""
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
def test_anything_else_is_no_mark(template: dict[str, Any]) -> None:
    assert Owner.marked(template) is None


def test_names_that_run_together_are_told_apart() -> None:
    owners = Owner("chat", "eu-dev"), Owner("chat-eu", "dev")
    assert len({owner.app + "-" + owner.stage for owner in owners}) == 1
    assert owners[0] != owners[1]
    assert str(owners[0]) == "app chat, stage eu-dev"
