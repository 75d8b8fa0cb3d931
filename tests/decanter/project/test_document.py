"""Templates as files."""

import os
from pathlib import Path
from typing import Any

import pytest
from chalice.package import TemplateDeepMerger

from decanter.errors import ProjectError
from decanter.project.document import merged, parse_template, read_template, write_text

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
        ("t.json", '{"a": }', "t.json:1:7: not valid JSON: Expecting value"),
        ("t.json", "3", "t.json: the content must be an object, not int"),
        ("t.json", '{"Resources": []}', "t.json: Resources must be an object, not list"),
        ("t.json", '{"Resources": {"A": 1}}', "t.json: Resources.A must be an object, not int"),
        ("t.json", '{"Globals": null}', "t.json: Globals is null or empty"),
        ("t.yml", "Resources: {A: {Properties: }}", "Resources.A.Properties is null or empty"),
        (
            "t.yml",
            "Resources: {A: {Properties: {Environment: {Variables: [B]}}}}",
            "t.yml: Resources.A.Properties.Environment.Variables must be an object",
        ),
        (
            "t.yml",
            "Globals: {Function: {Environment: }}",
            "t.yml: Globals.Function.Environment is null or empty",
        ),
        (
            "t.yml",
            "Resources: {A: {DependsOn: [B, null]}}",
            "t.yml: Resources.A.DependsOn[1] is null or empty: give it a value or remove it",
        ),
        ("t.yml", "a: [", "t.yml: not valid YAML: while parsing a flow node"),
        ("t.yaml", "- a", "t.yaml: the content must be an object, not list"),
        ("t.yaml", "a: 1\nb: {c: 1, c: 2}", "t.yaml: not valid YAML: the key 'c' is repeated"),
        ("t.yaml", "a: !!python/name:os.system", "t.yaml: not valid YAML: could not determine"),
    ],
)
def test_an_invalid_template_is_a_one_line_error(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ProjectError) as caught:
        read_template(tmp_path / name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"Resources": {}}', {"Resources": {}}),
        ("A: {B: 1}\nX: !Ref Y\n", {"A": {"B": 1}, "X": {"Ref": "Y"}}),
        ('{"Resources": ', {}),
        ("a: [", {}),
        ("[]", {}),
        ("", {}),
    ],
)
def test_a_templates_text_is_json_or_yaml_or_empty(text: str, expected: object) -> None:
    assert parse_template(text) == expected


def test_a_file_is_replaced_completely_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_text("old")
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    write_text(link, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [path, link]


def test_a_new_file_has_the_default_mode(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "others").touch()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_failed_write_does_not_change_the_file(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "it")
        assert os.read(reader, 10) == b"it"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_merging_gives_what_chalices_own_merger_gives() -> None:
    under = {"a": {"b": {"c": 1, "d": [1]}, "e": 2}, "f": {"g": 1}, "h": 3}
    over = {"a": {"b": {"d": [2]}, "e": {"i": 4}}, "f": None, "j": {"k": 5}}
    assert merged(over, under) == TemplateDeepMerger().merge(over, under)
    assert merged({"a": {"b": {"d": [2]}}}, under)["a"] == {"b": {"c": 1, "d": [2]}, "e": 2}


@pytest.mark.parametrize(
    "under", [{"Fn::Sub": "arn:it"}, {"Fn::GetAtt": ["A", "Name"]}, {"plain": 1}, "text"]
)
def test_a_function_replaces_what_it_overrides(under: Any) -> None:
    """Chalice's merger would give an object with two functions, which CloudFormation refuses."""
    over = {"Fn::GetAtt": ["Jobs", "Arn"]}
    assert merged({"a": {"b": over}}, {"a": {"b": under, "c": 1}}) == {"a": {"b": over, "c": 1}}


def test_an_object_replaces_a_function() -> None:
    assert merged({"a": {"plain": 1}}, {"a": {"Ref": "B"}}) == {"a": {"plain": 1}}
