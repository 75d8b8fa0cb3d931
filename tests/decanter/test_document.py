"""Templates as files."""

from pathlib import Path

import pytest

from decanter.document import read_template
from decanter.errors import ProjectError

YAML = """\
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Condition: Wanted
    Properties:
      TableName: !Sub "${AWS::StackName}-t"
      Arn: !GetAtt Other.Arn
      Joined: !Join ["-", [!Ref A, b]]
      Chosen: !If [Wanted, {X: !Ref B}, !Ref "AWS::NoValue"]
Conditions:
  Both: !And [!Condition Wanted, !Equals [a, a]]
"""


def test_yaml_has_cloudformations_short_tags(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(YAML)
    document = read_template(path)
    assert document["Resources"]["Table"]["Properties"] == {
        "TableName": {"Fn::Sub": "${AWS::StackName}-t"},
        "Arn": {"Fn::GetAtt": "Other.Arn"},
        "Joined": {"Fn::Join": ["-", [{"Ref": "A"}, "b"]]},
        "Chosen": {"Fn::If": ["Wanted", {"X": {"Ref": "B"}}, {"Ref": "AWS::NoValue"}]},
    }
    assert document["Conditions"]["Both"] == {
        "Fn::And": [{"Condition": "Wanted"}, {"Fn::Equals": ["a", "a"]}]
    }


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.json", '{"a": }', "t.json:1:7: this is no JSON: Expecting value"),
        ("t.json", "3", "t.json: the whole has to be an object, not int"),
        ("t.json", '{"Resources": []}', "t.json: Resources has to be an object, not list"),
        ("t.json", '{"Resources": {"A": 1}}', "t.json: Resources.A has to be an object, not int"),
        ("t.yml", "a: [", "t.yml: this is no YAML: while parsing a flow node"),
        ("t.yaml", "- a", "t.yaml: the whole has to be an object, not list"),
        ("t.yaml", "a: !!python/name:os.system", "t.yaml: this is no YAML: could not determine"),
    ],
)
def test_a_file_that_is_no_template_is_one_line(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ProjectError) as caught:
        read_template(tmp_path / name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
