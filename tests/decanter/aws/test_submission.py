"""The submitted template, made from the packaged one, and its commit."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.ownership import Owner
from decanter.aws.stacks import Stack
from decanter.aws.submission import Submission, artifacts, commit, commit_of, completed, given, kept
from decanter.errors import ProjectError

PACKAGED: dict[str, Any] = {
    "Parameters": {"Days": {"Type": "Number", "Default": 30}, "Mode": {"Type": "String"}},
    "Resources": {
        "F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./d.zip"}},
        "T": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
        "N": {"Type": "AWS::SNS::Topic"},
    },
}
OWNER = Owner("pour", "dev")
CODE = "s3://bucket/decanter/pour-dev/0.zip"


def stack(**parameters: str) -> Stack:
    return Stack("arn", "pour-dev", "CREATE_COMPLETE", "", parameters, {}, "")


def test_code_and_commit_are_filled_in_and_found_again() -> None:
    template = completed(PACKAGED, CODE, "abc-dirty", OWNER)
    assert template["Resources"]["F"]["Properties"]["CodeUri"] == CODE
    assert template["Resources"]["T"] == PACKAGED["Resources"]["T"]
    assert (artifacts(template), commit_of(template)) == ({"bucket"}, "abc-dirty")
    assert PACKAGED["Resources"]["F"]["Properties"]["CodeUri"] == "./d.zip"


def test_outside_git_the_template_has_only_the_mark() -> None:
    template = completed(PACKAGED, CODE, None, OWNER)
    assert template["Metadata"] == {"Decanter": {"App": "pour", "Stage": "dev"}}
    assert commit_of(template) is None


def test_a_commit_alone_is_not_a_difference() -> None:
    old, new = (completed(PACKAGED, CODE, commit, OWNER) for commit in ("a", "b"))
    assert Submission(new, {}).difference(stack(), old) == []


def test_a_difference_names_lines_and_parameters() -> None:
    old = completed(PACKAGED, "s3://bucket/old.zip", "a", OWNER)
    new = Submission(completed(PACKAGED, CODE, "a", OWNER), {"Days": "7"})
    lines = new.difference(stack(Days="30"), old)
    assert '-        "CodeUri": "s3://bucket/old.zip"' in lines
    assert f'+        "CodeUri": "{CODE}"' in lines
    assert lines[-1] == "parameter Days: 30 → 7"


def test_only_parameters_that_were_set_are_kept() -> None:
    assert kept(stack(Days="30", Mode="x", Gone="1"), PACKAGED, PACKAGED) == ["Mode"]
    assert kept(stack(Days="7", Mode="x"), PACKAGED, PACKAGED) == ["Days", "Mode"]


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("Days", "--parameter number 1 has no '=': write it as NAME=VALUE"),
        ("None=1", "the template has no parameter None; it has Days, Mode"),
    ],
)
def test_an_invalid_parameter_is_a_one_line_error(argument: str, line: str) -> None:
    with pytest.raises(ProjectError) as caught:
        given([argument], PACKAGED)
    assert str(caught.value) == line


def test_a_value_may_contain_an_equals_sign() -> None:
    assert given(["Mode=a=b"], PACKAGED) == {"Mode": "a=b"}


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_it_says_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git(tmp_path, "init")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "a")
    clean = commit(tmp_path)
    assert clean is not None
    assert not clean.endswith("-dirty")
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path) == f"{clean}-dirty"
