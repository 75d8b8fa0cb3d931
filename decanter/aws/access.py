"""The rights of each function on AWS, as roles or as Chalice's policy files.

The module `decanter.project.rights` decides which calls a function may make. The roles in the
template refer to the stack's resources. Chalice's policy files cannot contain references, so their
ARNs are for any region and account, and contain names that are known before the deployment, such as
the configured name of a table. Source of the ARN formats: AWS's Service Authorization Reference.
"""

import json
from typing import Any

from decanter.aws.queue import dead_letters_id, queue_id
from decanter.errors import ProjectError
from decanter.project import rights
from decanter.project.config import Project
from decanter.project.declaration import Declaration, TableDeclaration
from decanter.project.declared_queue import QueueDeclaration
from decanter.project.roles import GENERATED
from decanter.project.stack import WEBSOCKET_API, resource_name, role_id

Json = Any
Section = dict[str, Any]


class StackNames:
    """The names of resources, as references, for a policy in the template."""

    log_actions: tuple[str, ...] = rights.STREAM_ACTIONS

    def __init__(self, project: Project) -> None:
        self._project = project

    def table(self, table: TableDeclaration) -> Json:
        """Return a table's ARN."""
        if table.existing is not None:
            return {"Fn::Sub": existing_arn(table.existing)}
        return {"Fn::GetAtt": [table.logical_id, "Arn"]}

    def indexes(self, table: TableDeclaration) -> Json:
        """Return the ARN of all indexes of a table."""
        if table.existing is not None:
            return {"Fn::Sub": f"{existing_arn(table.existing)}/index/*"}
        return {"Fn::Sub": f"${{{table.logical_id}.Arn}}/index/*"}

    def connections(self, method: str) -> Json:
        """Return the ARN of a method of @connections.

        The ARN contains the stage's name, because a reference to the stage would be circular.
        """
        api = (
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
            f"${{{WEBSOCKET_API}}}"
        )
        return {"Fn::Sub": f"{api}/{self._project.api_stage}/{method}/@connections/*"}

    def queue(self, queue: QueueDeclaration) -> Json:
        """Return the ARN of a router's queue."""
        return {"Fn::GetAtt": [queue_id(queue), "Arn"]}

    def dead_letters(self, queue: QueueDeclaration) -> Json:
        """Return the ARN of the dead-letter queue of a router's queue."""
        return {"Fn::GetAtt": [dead_letters_id(queue), "Arn"]}

    def log_group(self, function: str) -> Json:
        """Return the ARN of the declared log group, with the `:*` at the end that IAM needs."""
        return {"Fn::GetAtt": [log_group_id(function), "Arn"]}


class LiteralNames:
    """The names of resources for a policy file. `chalice deploy` sends policy files unchanged."""

    # If `chalice deploy` created no log group, Lambda creates it with the function's role.
    log_actions: tuple[str, ...] = ("logs:CreateLogGroup", *rights.STREAM_ACTIONS)

    def __init__(self, project: Project, declaration: Declaration) -> None:
        self._project = project
        self._declaration = declaration

    def table(self, table: TableDeclaration) -> Json:
        """Return a table's ARN. If only a name is known, the ARN is for any region and account."""
        if table.existing is not None:
            return self._existing(table.existing)
        name = self._project.table_name(
            table, self._declaration, ", as policy files need the table's name"
        )
        return f"arn:*:dynamodb:*:*:table/{name}"

    def indexes(self, table: TableDeclaration) -> Json:
        """Return the ARN of all indexes of a table."""
        return f"{self.table(table)}/index/*"

    def _existing(self, existing: str) -> str:
        if "{{" in existing:
            raise ProjectError(
                f"{self._project.config_path}: stage {self._project.chalice_stage} has policy "
                f"files, which cannot name the table of {existing}: name the table itself, or use "
                "`decanter package` without policy files"
            )
        return existing if existing.startswith("arn:") else f"arn:*:dynamodb:*:*:table/{existing}"

    def connections(self, method: str) -> Json:
        """Return an ARN for any API with this stage name, because the API's id is not known yet."""
        return f"arn:*:execute-api:*:*:*/{self._project.api_stage}/{method}/@connections/*"

    def queue(self, queue: QueueDeclaration) -> Json:
        """Return an ARN that matches the event source's queue in any region and account."""
        return f"arn:*:sqs:*:*:{queue.name}"

    def dead_letters(self, queue: QueueDeclaration) -> Json:
        """Return the ARN of the dead-letter queue, whose name is the queue's name with a suffix."""
        return f"arn:*:sqs:*:*:{queue.dead_letters}"

    def log_group(self, function: str) -> Json:
        """Return the ARN of the log group that Lambda names after the function."""
        name = self._project.stack.function_name(function)
        return f"arn:*:logs:*:*:log-group:/aws/lambda/{name}:*"


def roles(project: Project, declaration: Declaration) -> Section:
    """Return the roles that Decanter writes, by logical id. Each role is for one function.

    Each role contains all rights of its function. Chalice's own role is not extended, because
    functions share this role unless they set `"autogen_policy": false`.
    """
    names = StackNames(project)
    return {
        role_id(function): _role(rights.policy(project, declaration, function, names))
        for function in rights.managed(project, declaration)
    }


def role_references(project: Project, declaration: Declaration) -> dict[str, Json]:
    """Return the property `Role` of each function with a role in `roles`, by configuration key."""
    return {
        function: {"Fn::GetAtt": [role_id(function), "Arn"]}
        for function in rights.managed(project, declaration)
    }


def policy_files(project: Project, declaration: Declaration) -> dict[str, str]:
    """Return the texts of the stage's policy files for `chalice deploy`, by file name.

    The result contains a file only if the stage's configuration names it
    `policy-STAGE-FUNCTION.json`. Any other file belongs to the user.
    """
    names = LiteralNames(project, declaration)
    files = {}
    for function in rights.managed(project, declaration):
        if rights.has_generated_file(project, function):
            document = rights.policy(project, declaration, function, names)
            _refuse_functions(document, function)
            files[rights.policy_file_name(project, function)] = (
                json.dumps(document, indent=2) + "\n"
            )
    return files


def existing_arn(existing: str) -> str:
    """Return the ARN, for `Fn::Sub`, of a table that is not part of the stack.

    Args:
        existing: the table's name, the table's ARN, or a dynamic reference to the table's name.
    """
    if existing.startswith("arn:"):
        return existing
    return "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/" + existing


def _refuse_functions(document: Section, function: str) -> None:
    for statement in document["Statement"]:
        for key in ("Resource", "NotResource"):
            named = statement.get(key, [])
            listed = named if isinstance(named, list) else [named]
            if any(isinstance(each, dict) for each in listed):
                raise ProjectError(
                    f"the policy file of {function} cannot have an intrinsic function in "
                    f"{key}: {json.dumps(named)}. Write ARNs in also= of @uses, or use `decanter "
                    "package` without policy files"
                )


def log_group_id(function: str) -> str:
    """Return the logical id of a function's log group. Chalice uses the same id."""
    return resource_name(f"{function}-log-group")


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
            "Policies": [{"PolicyName": GENERATED, "PolicyDocument": document}],
        },
    }
