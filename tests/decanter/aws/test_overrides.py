"""A merge template in the project's root is packaged; a complete template is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.overrides import described, overrides, variables, warn_of_root_template
from decanter.aws.template import build
from decanter.errors import ProjectError
from decanter.project.config import Project
from tests.support.declarations import declaration
from tests.support.projects import table_resource, write_project

ROWS = table_resource("rows")
NAMED = {"Properties": {"Environment": {"Variables": {"ROWS": {"Ref": "Rows"}}}}}
POLICY = {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [{"Ref": "DefaultRole"}]}}


def project(folder: Path, root: Any, own: Any = None) -> Project:
    found = Project.load(write_project(folder / "p"))
    text = root if isinstance(root, str) else json.dumps(root)
    (found.directory / "resources.json").write_text(text)
    if own is not None:
        found.config_path.with_name("overrides.json").write_text(json.dumps(own))
    return found


@pytest.mark.parametrize(
    "root",
    [
        {"Resources": {"Rows": ROWS, "WebsocketMessage": NAMED}},
        {"Resources": {"Rows": ROWS, "RowsPolicy": POLICY}},
        {"Resources": {"Rows": ROWS}, "Globals": {"Function": {"MemorySize": 512}}},
    ],
)
def test_a_template_that_is_incomplete_alone_is_merged(root: Any, tmp_path: Path) -> None:
    where, said = project(tmp_path, root), list[str]()
    assert build(where, declaration())["Resources"].items() >= {"Rows": ROWS}.items()
    warn_of_root_template(where, said.append)
    assert said == []


def test_a_complete_template_may_be_another_stacks(tmp_path: Path) -> None:
    where, said = project(tmp_path, {"Resources": {"Rows": ROWS}}), list[str]()
    assert overrides(where) == {}
    warn_of_root_template(where, said.append)
    (line,) = said
    assert line.startswith("warning: resources.json is a complete template of its own")


@pytest.mark.parametrize("root", [[], {"colours": ["red"]}, {"Resources": ["red"]}, "no JSON"])
def test_another_file_of_this_name_is_ignored(root: Any, tmp_path: Path) -> None:
    where, said = project(tmp_path, root), list[str]()
    assert overrides(where) == {}
    warn_of_root_template(where, said.append)
    assert said == []


def test_overrides_are_merged_over_it(tmp_path: Path) -> None:
    root = {"Resources": {"Rows": ROWS, "WebsocketMessage": NAMED}}
    own = {"Resources": {"Rows": {"DeletionPolicy": "Retain"}}}
    where = project(tmp_path, root, own)
    assert overrides(where)["Resources"]["Rows"] == {**ROWS, "DeletionPolicy": "Retain"}


@pytest.mark.parametrize("name", ["overrides.yaml", "overrides.yml"])
def test_overrides_in_yaml_are_refused_unless_they_are_also_in_json(
    name: str, tmp_path: Path
) -> None:
    where = project(tmp_path, {})
    (where.config_path.with_name(name)).write_text("Resources: {}\n")
    with pytest.raises(ProjectError, match=rf"{name} is not read: write its content as JSON into"):
        overrides(where)
    where.config_path.with_name("overrides.json").write_text("{}")
    assert overrides(where) == {}


LATE = """\
import os
from chalice import Chalice
app = Chalice(app_name=os.environ["ROWS"])
assert os.environ["SIZE"]
"""


def test_an_app_may_read_variables_of_the_template_at_import(tmp_path: Path) -> None:
    """The stack's own table has no name yet; a variable without a value here has a placeholder."""
    shared = {"Function": {"Environment": {"Variables": {"SIZE": {"Fn::ImportValue": "Size"}}}}}
    root = {"Resources": {"Rows": ROWS, "WebsocketMessage": NAMED}, "Globals": shared}
    where = project(tmp_path, root)
    (where.directory / "app.py").write_text(LATE)
    assert described(where).app_name == "rows"
    assert variables(where) == {"ROWS": "rows", "SIZE": "SIZE"}
