"""The linters find nothing in what goes to AWS: templates, and the policies in them and beside."""

import json
import re
from pathlib import Path
from typing import Any

from cfnlint.api import ManualArgs, lint

from tests.aws.cloudformation import translate
from tests.aws.own import copy, packaged
from tests.decanter.declarations import NEEDY_TABLE, ROUTER
from tests.decanter.projects import APP, TABLE, decanter, write_project
from tests.gateways import ROOT

# Informational rules are on: that actions fit the resources of their statement is one of them.
STRICT = ManualArgs(regions=["eu-west-1", "cn-north-1", "us-gov-west-1"], include_checks=["I"])


def findings(template: dict[str, Any]) -> list[str]:
    """What cfn-lint finds, in three partitions."""
    return [str(match) for match in lint(json.dumps(template), config=STRICT)]


def test_nothing_before_and_after_translation(tmp_path: Path) -> None:
    template = packaged(copy(tmp_path / "decanter"), tmp_path / "out")
    assert findings(template) == []
    assert findings(json.loads(translate(json.dumps(template)))) == []


def test_nothing_for_an_app_with_more_than_one_of_everything(tmp_path: Path) -> None:
    """Two tables, HTTP routes, a schedule; a configuration without policy files."""
    rooms = {**NEEDY_TABLE, "logical_id": "RoomsTable", "environment": "ROOMS_TABLE"}
    app = APP.replace(f"return {TABLE}", f"return {NEEDY_TABLE}") + MORE.format(rooms, ROUTER)
    project = write_project(tmp_path / "p", app)
    assert decanter("template", "--project-dir", project).returncode == 0
    template = packaged(project, tmp_path / "out")
    assert {"APIHandler", "DefaultRole", "RoomsTable", "Nightly"} <= set(template["Resources"])
    assert findings(template) == []


MORE = """

class Rooms:
    @classmethod
    def __decanter__(cls):
        return {}


class Routes:
    @classmethod
    def __decanter__(cls):
        return {}


@app.on_ws_disconnect()
def disconnect(event):
    pass


@app.route("/")
def index():
    pass


@app.schedule("rate(1 day)")
def nightly(event):
    pass
"""


def managed_policies(*documents: Any) -> dict[str, Any]:
    """A template with these policies alone."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            f"Policy{number}": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": document},
            }
            for number, document in enumerate(documents)
        },
    }


def test_nothing_in_the_policy_files() -> None:
    files = sorted((ROOT / ".chalice").glob("policy-*.json"))
    assert len(files) == 6
    assert findings(managed_policies(*(json.loads(file.read_text()) for file in files))) == []


def test_it_would_find_a_wrong_action_and_a_wrong_resource() -> None:
    statements = [
        {"Effect": "Allow", "Action": ["dynamodb:Skan"], "Resource": ["*"]},
        {"Effect": "Allow", "Action": ["dynamodb:Scan"], "Resource": ["arn:aws:s3:::it"]},
    ]
    found = findings(managed_policies({"Version": "2012-10-17", "Statement": statements}))
    assert sorted(re.findall(r"\[([WI]\d{4})", " ".join(found))) == ["I3510", "W3037"]
