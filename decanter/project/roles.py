"""The role of each function on this machine, with the same rights as on AWS."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from decanter.errors import ProjectError
from decanter.project import rights
from decanter.project.config import Project
from decanter.project.declaration import Declaration, TableDeclaration
from decanter.project.declared_queue import QueueDeclaration
from decanter.project.stack import Stack, logical_id, role_id
from decanter.project.template import TABLE, Template

GENERATED = "function"
"""The name of the policy that `decanter template` writes into each role."""

DEFAULT_ROLE = "DefaultRole"
"""Chalice's role for the functions whose policy it derives from the code."""


@dataclass(frozen=True)
class Role:
    """The rights of a function on this machine.

    Attributes:
        statements: the statements of the role's policies, with the names on this machine.
        known: False if the role on AWS may have rights that are not in `statements`, such as the
            rights that Chalice adds to a role that it creates.
    """

    name: str
    statements: tuple[Mapping[str, Any], ...]
    known: bool = True


class LocalNames:
    """The names of the resources of the stack on this machine."""

    log_actions: tuple[str, ...] = rights.STREAM_ACTIONS

    def __init__(self, stack: Stack, tables: Mapping[str, str]) -> None:
        self._stack = stack
        self._tables = tables

    def own(self, declaration: Declaration) -> dict[str, str]:
        """Return the names of the tables that belong to the stack, by logical id."""
        return {
            table.logical_id: name
            for table in declaration.tables
            if not table.existing and (name := self._tables.get(table.environment))
        }

    def table(self, table: TableDeclaration) -> str:
        """Return a table's ARN."""
        return self._stack.arn("dynamodb", f"table/{self._tables[table.environment]}")

    def indexes(self, table: TableDeclaration) -> str:
        """Return the ARN of all indexes of a table."""
        return f"{self.table(table)}/index/*"

    def connections(self, method: str) -> str:
        """Return the ARN of all connections of the API, for one HTTP method."""
        return self._stack.connections_arn(method)

    def queue(self, queue: QueueDeclaration) -> str:
        """Return the ARN of a router's queue."""
        return self._stack.arn("sqs", queue.in_stack(self._stack.name).name)

    def dead_letters(self, queue: QueueDeclaration) -> str:
        """Return the ARN of the dead-letter queue of a router's queue."""
        return self._stack.arn("sqs", queue.in_stack(self._stack.name).dead_letters)

    def log_group(self, function: str) -> str:
        """Return the ARN of a function's log group and all streams of the group."""
        return self._stack.arn("logs", f"log-group:/aws/lambda/{self._stack.name}/{function}:*")


def roles(
    project: Project | None,
    declaration: Declaration,
    template: Template | None,
    stack: Stack,
    environments: Mapping[str, Mapping[str, str]],
) -> dict[str, Role]:
    """Return the role of each function, by the function's configuration key.

    `environments` has the variables of each function, which contain the tables' names.

    Raises:
        ProjectError: as in `rights.policy`, or a role does not exist.
    """
    found = {}
    for function in declaration.functions:
        names = LocalNames(stack, environments[function])
        statements = _own(project, declaration, function, names)
        resolve = resolver(stack, names.own(declaration), template)
        resolved = tuple(it for each in statements if (it := resolve(each)) is not None)
        known = len(resolved) == len(statements) and _is_known(project, declaration, function)
        role = Role(f"{stack.name}-{function}", resolved, known)
        chalices = {DEFAULT_ROLE, *map(role_id, declaration.functions)}
        found[function] = _with_template(role, function, template, chalices) if template else role
    return found


def resolver(
    stack: Stack, tables: Mapping[str, str], template: Template | None
) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that evaluates a policy statement, such as one in `also=` of `@uses`.

    The returned function replaces the intrinsic functions in the statement with their values. It
    returns None if a value in the statement is not known. `tables` has the names of the declared
    tables, by logical id. The template need not contain these tables.
    """
    declared = {
        logical_id: {"Type": TABLE, "Properties": {"TableName": name}}
        for logical_id, name in tables.items()
    }
    readers = [Template({"Resources": declared}, stack), *([template] if template else [])]

    def resolve(statement: Mapping[str, Any]) -> Any:
        found = (each.resolved(statement, "also") for each in readers)
        return next((it for it in found if it is not None), None)

    return resolve


def _own(
    project: Project | None, declaration: Declaration, function: str, names: LocalNames
) -> list[dict[str, Any]]:
    """Return the statements of a function's role, without those of the merge template."""
    if not _is_managed(project, function):
        return []
    if rights.is_declared(declaration, function):
        return rights.statements_of(rights.policy(project, declaration, function, names))
    return rights.kept(project, declaration, function)


def _is_known(project: Project | None, declaration: Declaration, function: str) -> bool:
    """True if Decanter writes the role, or if the role has a policy file."""
    is_analysed = project is None or bool(project.scope(function).autogen_policy)
    is_declared = rights.is_declared(declaration, function)
    return _is_managed(project, function) and (is_declared or not is_analysed)


def _is_managed(project: Project | None, function: str) -> bool:
    return project is None or bool(project.scope(function).manage_iam_role)


def _with_template(
    role: Role, function: str, template: Template, chalices: Collection[str]
) -> Role:
    """Return the role with the policies that the merge template attaches to the role.

    Args:
        role: the function's usual role.
        function: the function's configuration key.
        template: the merge template, which may set another role.
        chalices: the logical ids of the roles that Chalice may create.
    """
    usual = role_id(function)
    try:
        name = template.role(function) or usual
    except ProjectError:
        return replace(role, statements=(), known=False)
    if name != usual and not template.has(name):
        if name in chalices:
            return replace(role, statements=(), known=False)
        raise ProjectError(
            f"{function} has the role {name}, which the template lacks and Chalice does not "
            f"create: correct Resources.{logical_id(function)}.Properties.Role in the template"
        )
    documents = [
        document
        for policy, document in template.policies(name)
        if name != usual or policy != GENERATED  # the role's own policy is already known
    ]
    attached = [it for each in documents if each is not None for it in rights.statements_of(each)]
    # A role with another name has only the statements in the template.
    own, known = (role.statements, role.known) if name == usual else ((), True)
    return replace(role, statements=(*own, *attached), known=known and None not in documents)
