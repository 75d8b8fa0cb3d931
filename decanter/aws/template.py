"""`decanter template`: write the merge template and the policies from an app's declarations.

The command `chalice package --merge-template` merges this template into the template that Chalice
generates. This template adds the tables, a queue, the routers' routes, and a deployment whose
logical id changes with the routes. It also sets the role, the log group and the environment of each
function. The user writes all other resources into `.chalice/overrides.json`, which is merged by the
same rules.
"""

import argparse
import difflib
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from decanter.arguments import add_project_arguments
from decanter.aws import access, alarms, api, queue
from decanter.aws.chalice_resources import chalice_resources
from decanter.aws.generated import is_generated, refuse_foreign, signed
from decanter.aws.overrides import described, overrides
from decanter.aws.ownership import EXISTING, SOURCES, Owner
from decanter.aws.redaction import redacted
from decanter.aws.references import refuse_dangling
from decanter.aws.settings import stage_warnings
from decanter.errors import ProjectError
from decanter.project import rights
from decanter.project.config import Project
from decanter.project.declaration import (
    ON_DEMAND,
    Declaration,
    LambdaFunction,
    TableDeclaration,
)
from decanter.project.declared_tables import refuse_taken_ids
from decanter.project.describe import Reports
from decanter.project.document import merged, write_text
from decanter.project.framework import framework_in_use
from decanter.project.record import RECORD, record
from decanter.project.stack import logical_id
from decanter.project.template import OVERRIDES, TABLE, TEMPLATE

BILLING_PARAMETER = "TableBillingMode"
PROVISIONED_CONDITION = "TablesAreProvisioned"
RETENTION_PARAMETER = "LogRetentionInDays"
DEFAULT_RETENTION_DAYS = 30
MANAGEMENT_ENDPOINT = "DECANTER_MANAGEMENT_ENDPOINT"

_RETENTION = {"RetentionInDays": {"Ref": RETENTION_PARAMETER}}

Section = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter template`."""
    add_project_arguments(parser)
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write only the template, to this file, or - for standard output "
        f"(default: the project's {TEMPLATE}, and its stages' policy files)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing, print the differences, and exit with 1 if there are differences",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="overwrite files that this command did not write, or that were changed later",
    )


def run(args: argparse.Namespace) -> int:
    """Write or check the files. Return 1 if a checked file differs."""
    project = Project.load(args.project_dir, args.stage)
    texts = _texts(project, Path(args.output) if args.output else None, cache(_warn))
    if args.check:
        # All files are checked, so that the output has every difference.
        option = f" --output {args.output}" if args.output else ""
        return max([_check(path, text, option) for path, text in texts.items()])
    if args.output == "-":
        sys.stdout.write(*texts.values())
        return 0
    if not args.force:
        for path, text in texts.items():
            refuse_foreign(path, text)
    for path, text in texts.items():
        write_text(path, text)
        print(f"wrote {path}")
    return 0


def _warn(line: str) -> None:
    print(line, file=sys.stderr)


def _texts(project: Project, output: Path | None, report: Callable[[str], None]) -> dict[Path, str]:
    """Return the texts of the stage's template and of the policy files of all stages.

    An app's declarations may depend on the stage's variables. For example, a schedule may exist in
    only one stage.
    """
    declaration = described(project, reports := Reports())
    framework_in_use(project.directory, declaration.framework)
    template = render(project, declaration)
    for warning in stage_warnings(project, declaration):
        report(warning)
    if output is not None:
        return {output: template}
    policies: dict[Path, str] = {}
    for stage in project.stages:
        other = Project.load(project.directory, stage)
        if stage == project.chalice_stage:
            own = declaration
        else:
            own = described(other, reports)
            for warning in stage_warnings(other, own):
                report(warning)
        for warning in rights.missing_policies(other, own, for_chalice=True):
            report(f"warning: {warning}")
        files = access.policy_files(other, own)
        policies |= {project.directory / ".chalice" / name: text for name, text in files.items()}
    texts = {project.directory / TEMPLATE: template, **policies}
    if policies:
        texts[project.directory / ".chalice" / RECORD] = record(policies)
    return texts


def _check(path: Path, text: str, option: str) -> int:
    found = path.read_text(encoding="utf-8") if path.is_file() else "{}"
    if found == text:
        print(f"{path} matches the app")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in _difference(path, found, text))
    print(f"{path} does not match the app: run `decanter template{option}`", file=sys.stderr)
    return 1


def _difference(path: Path, found: str, text: str) -> list[str]:
    """Return the differences between a file and the new text, without values of variables."""
    try:
        there = json.loads(found)
    except json.JSONDecodeError:
        there = None
    if not isinstance(there, dict):
        return [f"{path} is not a JSON object, so its content is not shown"]
    shown = redacted(there, json.loads(text))
    old, new = (json.dumps(it, indent=2, ensure_ascii=False).splitlines() for it in shown)
    return list(difflib.unified_diff(old, new, str(path), "the app's declarations", lineterm=""))


def render(project: Project, declaration: Declaration) -> str:
    """Return the template as sorted text. The same project always has the same text."""
    template = signed(build(project, declaration))
    return json.dumps(template, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def build(project: Project, declaration: Declaration) -> Section:
    """Return the template of the project's stage, without empty sections.

    Raises:
        ProjectError: Chalice would refuse the app, a declaration is invalid, or the overrides
            cannot be read or contain a dangling reference.
    """
    if declaration.refusal:
        raise ProjectError(declaration.refusal)
    sections = {
        "Parameters": parameters(project, declaration),
        "Conditions": conditions(declaration),
        "Resources": resources(project, declaration),
        "Outputs": outputs(project, declaration),
    }
    template = {name: section for name, section in sections.items() if section}
    if own := overrides(project):
        template = merged(own, template)
        refuse_dangling(template, project.chalice_stage, chalice_resources(project, declaration))
    mark: Section = {**Owner.of(project).mark, **_sources(declaration), **_existing(declaration)}
    return merged({"Metadata": {"Decanter": mark}}, template)


def _sources(declaration: Declaration) -> Section:
    """Return the event sources of functions that no WebSocket client invokes, for `describe`."""
    found = {
        logical_id(each.name): [each.kind, _source(each, declaration)]
        for each in declaration.lambdas.values()
        if each.kind != "websocket"
    }
    return {SOURCES: found} if found else {}


def _source(function: LambdaFunction, declaration: Declaration) -> str:
    if function.name in declaration.workers and declaration.queue:
        return queue.queue_id(declaration.queue)
    return " ".join(declaration.http_routes) if function.kind == "http" else function.source


def _existing(declaration: Declaration) -> Section:
    """Return the tables that the app uses but does not own."""
    found = [table.existing for table in declaration.tables if table.existing]
    return {EXISTING: found} if found else {}


def warn_of_own_template(project: Project, text: str, report: Callable[[str], None]) -> None:
    """Warn if the project has a template that the user wrote, because the package does not use it.

    `text` is the template that `decanter template` would write.
    """
    path = project.directory / TEMPLATE
    if path.is_file() and not is_generated(path, text):
        report(
            f"warning: {TEMPLATE} has content that `decanter template` did not write, which is "
            f"not packaged: move it to {OVERRIDES}"
        )


def public_variables(declaration: Declaration) -> frozenset[str]:
    """Return the names of those variables that contain a name or a URL, but no secret."""
    names = {table.environment for table in declaration.tables} | {*queue.variables(declaration)}
    return frozenset(names | {MANAGEMENT_ENDPOINT, alarms.NAMESPACE})


def parameters(project: Project, declaration: Declaration) -> Section:
    """Return the parameters, with the defaults for the project's stage."""
    found: Section = {}
    if _is_billed_by_parameter(declaration):
        found[BILLING_PARAMETER] = {
            "Type": "String",
            "AllowedValues": ["PROVISIONED", "PAY_PER_REQUEST"],
            "Default": "PROVISIONED" if project.for_development else "PAY_PER_REQUEST",
            "Description": (
                "PROVISIONED is the capacity that the app declares, for development; "
                "PAY_PER_REQUEST is on-demand, for production."
            ),
        }
    if declaration.functions:
        found[RETENTION_PARAMETER] = {
            "Type": "Number",
            "Default": project.retention() or DEFAULT_RETENTION_DAYS,
            "Description": "The number of days after which log events are deleted.",
        }
    found |= alarms.parameters(declaration)
    return found | (api.parameters() if declaration.websocket else {})


def conditions(declaration: Declaration) -> Section:
    """Return the conditions that read the parameters."""
    found: Section = {}
    if _is_billed_by_parameter(declaration):
        found[PROVISIONED_CONDITION] = {"Fn::Equals": [{"Ref": BILLING_PARAMETER}, "PROVISIONED"]}
    found |= alarms.conditions(declaration)
    return found | (api.conditions() if declaration.websocket else {})


def resources(project: Project, declaration: Declaration) -> Section:
    """Return all resources, by logical id."""
    found = queue.resources(project, declaration) | alarms.resources(project, declaration)
    found |= access.roles(project, declaration)
    found |= functions(project, declaration)
    found |= {access.log_group_id(f): _log_group(project, f) for f in declaration.functions}
    if declaration.websocket:
        found |= api.resources(project, declaration, _RETENTION)
    own = _own(declaration)
    taken = found.keys() | chalice_resources(project, declaration).keys()
    refuse_taken_ids(((table.logical_id, table.model) for table in own), taken)
    return found | {table.logical_id: _table(table) for table in own}


def functions(project: Project, declaration: Declaration) -> Section:
    """Return the parts to merge into Chalice's functions."""
    roles = access.role_references(project, declaration)
    found: Section = {}
    for function in declaration.functions:
        properties: Section = {
            "LoggingConfig": {"LogGroup": {"Ref": access.log_group_id(function)}}
        }
        if variables := _variables(project, declaration, function):
            properties["Environment"] = {"Variables": variables}
        if function in roles:
            properties["Role"] = roles[function]
        properties |= queue.function(declaration, function)
        found[logical_id(function)] = {"Properties": properties}
    return found


def outputs(project: Project, declaration: Declaration) -> Section:
    """Return the URL for clients, the tables' names and ARNs, and the queues' URLs."""
    found = api.outputs(project) if declaration.websocket else {}
    for table in _own(declaration):
        name = table.logical_id
        found[f"{name}Name"] = {"Value": {"Ref": name}}
        found[f"{name}Arn"] = {"Value": {"Fn::GetAtt": [name, "Arn"]}}
    return found | queue.outputs(declaration)


def _variables(project: Project, declaration: Declaration, function: str) -> Section:
    """Return the variables for metrics, table names, and the URLs of queues and @connections.

    Functions that may call @connections get its URL, which works behind a custom domain too. If the
    app has a router, functions without a WebSocket event also get the URL, because their events do
    not contain it.
    """
    variables: Section = {
        table.environment: table.existing or {"Ref": table.logical_id}
        for table in declaration.tables
    } | queue.variables(declaration)
    variables |= alarms.variables(project, declaration, function)
    posts = rights.sends(declaration, function)
    blind = declaration.lambdas[function].kind != "websocket"
    if declaration.websocket and (posts or (declaration.routers and blind)):
        variables[MANAGEMENT_ENDPOINT] = api.management_endpoint(project)
    return variables


def _log_group(project: Project, function: str) -> Section:
    """Return a log group with a name that refers to no other resource.

    The default name of a log group contains the function's name. With the default name, the role
    would refer to the function and the function to the role, which CloudFormation refuses. The
    parameter does not set the retention of a function with its own setting.
    """
    own = project.retention(function)
    has_own = own != project.retention()
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "LogGroupName": {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}/{function}"},
            **({"RetentionInDays": own} if has_own else _RETENTION),
        },
    }


def _table(table: TableDeclaration) -> Section:
    """Return a table without a fixed name, so that CloudFormation can replace it.

    Rows of connections, jobs and subscriptions are useless without their API, so CloudFormation
    deletes their tables with the stack. CloudFormation keeps all other tables, because they contain
    data.
    """
    properties: Section = {**table.schema(), "SSESpecification": {"SSEEnabled": True}}
    properties |= table.throughput(None if table.billing_mode == ON_DEMAND else _capacity(table))
    properties["BillingMode"] = table.billing_mode or {"Ref": BILLING_PARAMETER}
    if table.ttl_attribute is not None:
        properties["TimeToLiveSpecification"] = {
            "AttributeName": table.ttl_attribute,
            "Enabled": True,
        }
    is_ours = table.is_connections or table.is_jobs or table.is_subscriptions
    policy = "Delete" if is_ours else "Retain"
    return {
        "Type": TABLE,
        "DeletionPolicy": policy,
        "UpdateReplacePolicy": policy,
        "Properties": properties,
    }


def _capacity(table: TableDeclaration) -> Callable[[Section], Section]:
    """Return a function that writes a table's capacity, which may depend on the parameter."""

    def written(capacity: Section) -> Section:
        if table.billing_mode:
            return capacity
        return {"Fn::If": [PROVISIONED_CONDITION, capacity, {"Ref": "AWS::NoValue"}]}

    return written


def _is_billed_by_parameter(declaration: Declaration) -> bool:
    return any(not it.existing and it.billing_mode is None for it in declaration.tables)


def _own(declaration: Declaration) -> list[TableDeclaration]:
    """Return the tables that the stack creates."""
    return [table for table in declaration.tables if not table.existing]
