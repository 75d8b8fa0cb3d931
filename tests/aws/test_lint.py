"""Linters find no problem in the templates and policies for AWS.

cfn-lint reads templates with their intrinsic functions, in three partitions. In a policy it checks
the syntax, that each action exists, and that it fits its resource. parliament has its own list of
AWS's actions, resources and conditions, and checks every policy again as IAM would get it.
"""

import json
import re
import warnings
from pathlib import Path
from typing import Any

from decanter.project.intrinsics import Resolver
from decanter.project.template import TEMPLATE
from tests.aws.cloudformation import translate
from tests.aws.own import Swept, copy, packaged
from tests.docs.snippets import pages, sections
from tests.support.declarations import NEEDY_TABLE, ROUTER
from tests.support.gateways import ROOT
from tests.support.linting import findings
from tests.support.marks import THOROUGH
from tests.support.projects import APP, TABLE, decanter_here, write_project
from tests.support.queued import APP as QUEUED

HERE = ("eu-west-1",)
"""The region for documents that depend on no partition."""


@THOROUGH
def test_no_findings_before_and_after_translation(tmp_path: Path) -> None:
    template = packaged(copy(tmp_path / "decanter"), tmp_path / "out")
    assert findings(template) == []
    assert findings(json.loads(translate(json.dumps(template)))) == []


def test_no_findings_with_a_sweep(swept: Swept) -> None:
    project, template = swept
    assert template["Resources"]["Sweep"]["Properties"]["Events"]["SweepEvent"]["Properties"] == {
        "Schedule": "rate(5 minutes)"
    }
    assert findings(template) == []
    assert findings(json.loads(translate(json.dumps(template))), HERE) == []
    files = sorted((project / ".chalice").glob("policy-*.json"))
    assert len(files) == 8
    policies = managed_policies(*(json.loads(file.read_text()) for file in files))
    assert findings(policies, HERE) == []


@THOROUGH
def test_no_findings_with_the_documented_overrides(tmp_path: Path) -> None:
    blocks = [block for page in pages() for part in sections(page) for block in part.blocks]
    shown = [block.text for block in blocks if block.language == "json"]
    overrides = [json.loads(text) for text in shown if "AWS::IAM::RolePolicy" in text]
    resources = {name: it for each in overrides for name, it in each["Resources"].items()}
    assert sorted(resources) == ["ReadsAParameter"]
    project = copy(tmp_path / "decanter")
    text = json.dumps({"Resources": resources})
    (project / ".chalice" / "overrides.json").write_text(text)
    assert decanter_here("template", "--project-dir", project).returncode == 0
    assert findings(packaged(project, tmp_path / "out"), HERE) == []


def test_no_findings_with_a_queue(tmp_path: Path) -> None:
    """The merged event source has the queue once."""
    project = write_project(tmp_path / "p", QUEUED)
    assert decanter_here("template", "--project-dir", project).returncode == 0
    template = packaged(project, tmp_path / "out")
    assert findings(template) == []
    translated = json.loads(translate(json.dumps(template)))
    assert findings(translated, HERE) == []
    (mapping,) = (
        each["Properties"]
        for each in translated["Resources"].values()
        if each["Type"] == "AWS::Lambda::EventSourceMapping"
    )
    assert mapping["EventSourceArn"] == {"Fn::Sub": "${BroadcastsQueue.Arn}"}
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (1, {"MaximumConcurrency": 4})
    assert parliament(*template_policies(project / TEMPLATE)) == []


@THOROUGH
def test_no_findings_for_an_app_with_several_resources_of_each_kind(tmp_path: Path) -> None:
    """Two tables, HTTP routes, a schedule; a configuration without policy files."""
    rooms = {**NEEDY_TABLE, "logical_id": "RoomsTable", "environment": "ROOMS_TABLE"}
    app = APP.replace(f"return {TABLE}", f"return {NEEDY_TABLE}") + MORE.format(rooms, ROUTER)
    project = write_project(tmp_path / "p", app)
    assert decanter_here("template", "--project-dir", project).returncode == 0
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
    """Return a template with only these policies."""
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


def policy_files() -> list[Any]:
    """Return the policies that `chalice deploy` sends unchanged, for each stage and function."""
    files = sorted((ROOT / ".chalice").glob("policy-*.json"))
    assert len(files) == 6
    return [json.loads(file.read_text()) for file in files]


def template_policies(file: Path) -> list[Any]:
    """Return a template's policies as CloudFormation resolves them, in an account and a region."""
    template = json.loads(file.read_text())
    resources = template["Resources"]
    resolver = Resolver(
        template,
        lambda name: NAMES.get(name, "it"),
        lambda name, attribute: ARNS[resources[name]["Type"]],
    )
    roles = [it for it in resources.values() if it.get("Type") == "AWS::IAM::Role"]
    policies = [it for role in roles for it in role["Properties"]["Policies"]]
    return [resolver.resolve(it["PolicyDocument"], "") for it in policies]


NAMES = {"AWS::AccountId": "123456789012", "AWS::Partition": "aws", "AWS::Region": "eu-west-1"}
ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-west-1:123456789012:table/it",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-west-1:123456789012:log-group:it:*",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-west-1:123456789012:it",
}


def parliament(*policies: Any) -> list[str]:
    """Return parliament's findings of any severity."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports pkg_resources
        from parliament import analyze_policy_string  # type: ignore[import-untyped]
    analysed = [analyze_policy_string(json.dumps(policy)) for policy in policies]
    return [str(finding) for each in analysed for finding in each.findings]


def test_no_findings_in_any_policy() -> None:
    templates = [ROOT / TEMPLATE, *(ROOT / "examples").glob(f"*/{TEMPLATE}")]
    roles = [policy for file in templates for policy in template_policies(file)]
    assert len(roles) >= 3 * len(templates)
    assert findings(managed_policies(*policy_files(), *roles), HERE) == []
    assert parliament(*policy_files(), *roles) == []


def test_a_wrong_action_and_a_wrong_resource_are_found() -> None:
    statements = [
        {"Effect": "Allow", "Action": ["dynamodb:Skan"], "Resource": ["*"]},
        {"Effect": "Allow", "Action": ["dynamodb:Scan"], "Resource": ["arn:aws:s3:::it"]},
    ]
    policies = [{"Version": "2012-10-17", "Statement": [statement]} for statement in statements]
    found = findings(managed_policies(*policies), HERE)
    assert sorted(re.findall(r"\[([WI]\d{4})", " ".join(found))) == ["I3510", "W3037"]
    unknown, mismatch = parliament(*policies)
    assert ("UNKNOWN_ACTION" in unknown, "RESOURCE_MISMATCH" in mismatch) == (True, True)
