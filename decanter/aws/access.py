"""What each function may do on AWS: one source, written as roles or as Chalice's policy files.

A function's rights are what its app's objects say that it calls, and its own log. The template
names the stack's own resources. Chalice's policy files are literal, so they name what is known
before anything exists: the table by its configured name, in any region of the account; the API
not at all, only its stage.
Source of the ARNs' shapes: AWS's Service Authorization Reference.
"""

import json
from collections.abc import Iterator
from typing import Any, Protocol

from chalice.utils import to_cfn_resource_name

from decanter.project.config import Project
from decanter.project.declaration import Declaration, TableDeclaration
from decanter.project.stack import WEBSOCKET_API

Json = Any
Section = dict[str, Any]

_STREAM_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")

# What Lambda does as the function, where the configuration asks for it; neither kind of resource
# can be named beforehand (AWS Lambda Developer Guide, "VPC" and "X-Ray").
_VPC_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
]
_XRAY_ACTIONS = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


class Names(Protocol):
    """How a policy calls the resources that it is about."""

    log_actions: tuple[str, ...]

    def table(self, table: TableDeclaration) -> Json:
        """A table's ARN."""
        ...

    def connections(self, method: str) -> Json:
        """The ARN of all connections of the API, for one HTTP method on them."""
        ...

    def log_group(self, function: str) -> Json:
        """The ARN of a function's log group and all streams in it."""
        ...


class StackNames:
    """The resources of the stack that the policy is part of."""

    log_actions: tuple[str, ...] = _STREAM_ACTIONS

    def __init__(self, project: Project) -> None:
        self._project = project

    def table(self, table: TableDeclaration) -> Json:
        """A table's ARN."""
        return {"Fn::GetAtt": [table.logical_id, "Arn"]}

    def connections(self, method: str) -> Json:
        """This API and this stage, the latter by name: a reference to it would be circular."""
        api = (
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
            f"${{{WEBSOCKET_API}}}"
        )
        return {"Fn::Sub": f"{api}/{self._project.api_stage}/{method}/@connections/*"}

    def log_group(self, function: str) -> Json:
        """The declared group: CloudFormation's attribute ends with the `:*` that IAM wants."""
        return {"Fn::GetAtt": [log_group_id(function), "Arn"]}


class LiteralNames:
    """The same before there is a stack, as `chalice deploy` sends a policy as it is written."""

    # Lambda itself makes the log group, as this role, when `chalice deploy` made none.
    log_actions: tuple[str, ...] = ("logs:CreateLogGroup", *_STREAM_ACTIONS)

    def __init__(self, project: Project, declaration: Declaration) -> None:
        self._project = project
        self._declaration = declaration

    def table(self, table: TableDeclaration) -> Json:
        """The table that the stage's configuration names, in any region."""
        name = self._project.table_name(table, self._declaration)
        return f"arn:*:dynamodb:*:*:table/{name}"

    def connections(self, method: str) -> Json:
        """Every API that has a stage of this name, as this API's id is not known yet."""
        return f"arn:*:execute-api:*:*:*/{self._project.api_stage}/{method}/@connections/*"

    def log_group(self, function: str) -> Json:
        """The group that Lambda derives from the function's name, which Chalice makes."""
        name = f"{self._project.app_name}-{self._project.chalice_stage}-{function}"
        return f"arn:*:logs:*:*:log-group:/aws/lambda/{name}:*"


def is_declared(declaration: Declaration, function: str) -> bool:
    """Whether the app says what the function calls; if not, its policy is Chalice's business."""
    needs = [*(t.actions for t in declaration.tables), *(r.posts for r in declaration.routers)]
    return any(function in need for need in needs)


def policy(project: Project, declaration: Declaration, function: str, names: Names) -> Section:
    """The function's policy document."""
    statements = [
        *_declared(declaration, function, names),
        _statement("Logs", [*names.log_actions], [names.log_group(function)]),
        *_configured(project, function),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def roles(project: Project, declaration: Declaration) -> Section:
    """A role for each function that says what it calls, by logical id.

    Whole roles: Chalice makes one for each function only where its configuration names a policy
    file for each; elsewhere all functions share one, which these then replace.
    """
    names = StackNames(project)
    return {
        role_id(function): _role(policy(project, declaration, function, names))
        for function in _managed(project, declaration)
    }


def role_references(project: Project, declaration: Declaration) -> dict[str, Json]:
    """The `Role` property of each function that has a role of its own, by configuration key."""
    return {
        function: {"Fn::GetAtt": [role_id(function), "Arn"]}
        for function in _managed(project, declaration)
    }


def policy_files(project: Project, declaration: Declaration) -> dict[str, str]:
    """The policy files for `chalice deploy`, by name, for the project's stage.

    Only those that the stage's configuration names as `policy-STAGE-FUNCTION.json`: another file
    is the user's own.
    """
    names = LiteralNames(project, declaration)
    files = {}
    for function in _managed(project, declaration):
        name = f"policy-{project.chalice_stage}-{function}.json"
        if project.scope(function).iam_policy_file == name:
            document = policy(project, declaration, function, names)
            files[name] = json.dumps(document, indent=2) + "\n"
    return files


def role_id(function: str) -> str:
    """What Chalice calls a function's role in a template, where it has one of its own."""
    return str(to_cfn_resource_name(f"{function}_role"))


def log_group_id(function: str) -> str:
    """What Chalice calls a function's log group, where the configuration sets a retention."""
    return str(to_cfn_resource_name(f"{function}-log-group"))


def _managed(project: Project, declaration: Declaration) -> list[str]:
    """The functions whose role is ours to write."""
    return [
        function
        for function in declaration.functions
        if project.scope(function).manage_iam_role and is_declared(declaration, function)
    ]


def _declared(declaration: Declaration, function: str, names: Names) -> Iterator[Section]:
    for table in declaration.tables:
        if actions := table.actions.get(function):
            yield _statement(table.logical_id, list(actions), [names.table(table)])
    methods = sorted({m for router in declaration.routers for m in router.posts.get(function, ())})
    if methods:
        arns = [names.connections(method) for method in methods]
        yield _statement("Connections", ["execute-api:ManageConnections"], arns)


def _configured(project: Project, function: str) -> Iterator[Section]:
    config = project.scope(function)
    if config.subnet_ids and config.security_group_ids:
        yield _statement("Network", _VPC_ACTIONS, ["*"])
    if config.xray_enabled:
        yield _statement("Traces", _XRAY_ACTIONS, ["*"])


def _statement(sid: str, actions: list[str], resources: list[Json]) -> Section:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def _role(document: Section) -> Section:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "",
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": trust,
            "Policies": [{"PolicyName": "function", "PolicyDocument": document}],
        },
    }
