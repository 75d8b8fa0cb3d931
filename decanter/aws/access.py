"""The permissions of each function on AWS, as roles or as Chalice's policy files.

A function may do the calls that its app's objects declare, and write its own log. The template
refers to the stack's own resources. Chalice's policy files are literal and can only use what is
known in advance: the table's configured name in any region of the account, and the API's stage but
not its id. Source of the ARNs' shapes: AWS's Service Authorization Reference.
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

# Lambda uses the function's role for these if the configuration asks for it. Neither kind of
# resource can be named in advance (AWS Lambda Developer Guide, "VPC" and "X-Ray").
_VPC_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
]
_XRAY_ACTIONS = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


class Names(Protocol):
    """How a policy names the resources that it covers."""

    log_actions: tuple[str, ...]

    def table(self, table: TableDeclaration) -> Json:
        """Return a table's ARN."""
        ...

    def connections(self, method: str) -> Json:
        """Return the ARN of all connections of the API, for one HTTP method."""
        ...

    def log_group(self, function: str) -> Json:
        """Return the ARN of a function's log group and all its streams."""
        ...


class StackNames:
    """The resources of the stack that contains the policy."""

    log_actions: tuple[str, ...] = _STREAM_ACTIONS

    def __init__(self, project: Project) -> None:
        self._project = project

    def table(self, table: TableDeclaration) -> Json:
        """Return a table's ARN."""
        return {"Fn::GetAtt": [table.logical_id, "Arn"]}

    def connections(self, method: str) -> Json:
        """Return this API at this stage; the stage by name, as a reference would be circular."""
        api = (
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
            f"${{{WEBSOCKET_API}}}"
        )
        return {"Fn::Sub": f"{api}/{self._project.api_stage}/{method}/@connections/*"}

    def log_group(self, function: str) -> Json:
        """Return the declared group; its `Arn` attribute ends with the `:*` that IAM needs."""
        return {"Fn::GetAtt": [log_group_id(function), "Arn"]}


class LiteralNames:
    """The resources before there is a stack: `chalice deploy` sends a policy as it is written."""

    # Lambda creates the log group with this role if `chalice deploy` created none.
    log_actions: tuple[str, ...] = ("logs:CreateLogGroup", *_STREAM_ACTIONS)

    def __init__(self, project: Project, declaration: Declaration) -> None:
        self._project = project
        self._declaration = declaration

    def table(self, table: TableDeclaration) -> Json:
        """Return the table with the name in the stage's configuration, in any region."""
        name = self._project.table_name(table, self._declaration)
        return f"arn:*:dynamodb:*:*:table/{name}"

    def connections(self, method: str) -> Json:
        """Return every API with a stage of this name: this API's id is not known yet."""
        return f"arn:*:execute-api:*:*:*/{self._project.api_stage}/{method}/@connections/*"

    def log_group(self, function: str) -> Json:
        """Return the group that Lambda derives from the name that Chalice gives the function."""
        name = f"{self._project.app_name}-{self._project.chalice_stage}-{function}"
        return f"arn:*:logs:*:*:log-group:/aws/lambda/{name}:*"


def is_declared(declaration: Declaration, function: str) -> bool:
    """True if the app declares what the function calls. If not, its policy is left to Chalice."""
    needs = [*(t.actions for t in declaration.tables), *(r.posts for r in declaration.routers)]
    return any(function in need for need in needs)


def policy(project: Project, declaration: Declaration, function: str, names: Names) -> Section:
    """Return the function's policy document."""
    statements = [
        *_declared(declaration, function, names),
        _statement("Logs", [*names.log_actions], [names.log_group(function)]),
        *_configured(project, function),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def roles(project: Project, declaration: Declaration) -> Section:
    """Return a role for each function that declares its calls, by logical id.

    These are whole roles. Chalice makes a role for each function only if its configuration names a
    policy file for each. Otherwise all functions share one role, which these replace.
    """
    names = StackNames(project)
    return {
        role_id(function): _role(policy(project, declaration, function, names))
        for function in _managed(project, declaration)
    }


def role_references(project: Project, declaration: Declaration) -> dict[str, Json]:
    """Return the `Role` property of each function with its own role, by configuration key."""
    return {
        function: {"Fn::GetAtt": [role_id(function), "Arn"]}
        for function in _managed(project, declaration)
    }


def policy_files(project: Project, declaration: Declaration) -> dict[str, str]:
    """Return the policy files for `chalice deploy` at the project's stage, by name.

    Only files that the stage's configuration names as `policy-STAGE-FUNCTION.json`: any other file
    belongs to the user.
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
    """Return Chalice's logical id for a function's own role."""
    return str(to_cfn_resource_name(f"{function}_role"))


def log_group_id(function: str) -> str:
    """Return Chalice's logical id for a function's log group, if a retention is configured."""
    return str(to_cfn_resource_name(f"{function}-log-group"))


def _managed(project: Project, declaration: Declaration) -> list[str]:
    """Return the functions whose role Decanter writes."""
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
