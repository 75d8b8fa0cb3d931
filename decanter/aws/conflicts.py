"""The two ways onto AWS: a stage that one has made is refused by the other.

`chalice deploy` keeps what it made in `.chalice/deployed/STAGE.json`, beside a table that
`decanter table create` made; `decanter provision` keeps everything in one CloudFormation stack.
Both would have a table and functions of the stage, and neither knows the other's.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

from botocore.exceptions import ClientError

from decanter.aws.errors import DENIED, explained
from decanter.aws.ownership import Owner
from decanter.aws.session import AWS
from decanter.aws.stacks import Stack, Stacks
from decanter.aws.steps import Report
from decanter.errors import AWSError, ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.document import read_json
from decanter.project.tables import find


def stack_name(project: Project) -> str:
    """What the stage's stack is called, unless --stack-name says otherwise."""
    return f"{project.app_name}-{project.chalice_stage}"


def deployed(project: Project) -> list[Mapping[str, Any]]:
    """What `chalice deploy` says that it has made of the stage; nothing if it never ran."""
    path = project.directory / ".chalice" / "deployed" / f"{project.chalice_stage}.json"
    if not path.is_file():
        return []
    resources: list[Mapping[str, Any]] = read_json(path).get("resources", [])
    return resources


def refuse_chalices_stage(
    project: Project, declaration: Declaration, aws: AWS, report: Report
) -> None:
    """Refuse to make a stack of a stage that `chalice deploy` or `decanter table` has made.

    Raises:
        AWSError: they have.
    """
    stage = project.chalice_stage
    if deployed(project):
        raise AWSError(
            f"stage {stage} was made by `chalice deploy` (.chalice/deployed/{stage}.json): delete "
            f"it with `chalice delete --stage {stage}` and `decanter table delete --stage {stage}`,"
            " or go on with `chalice deploy`"
        )
    for name in configured_tables(project, declaration):
        try:
            with explained(f"look whether table {name} exists"):
                found = find(aws.client("dynamodb"), name)
        except AWSError as error:
            if not is_denied(error):
                raise
            report(f"note: {error}; going on as if there were none")
            continue
        if found is not None:
            raise AWSError(
                f"table {name} exists, made by `decanter table create` for `chalice deploy`, and "
                f"the stack would make its own: delete it with `decanter table delete --stage "
                f"{stage}`, or deploy stage {stage} with `chalice deploy`"
            )


def refuse_provisioned_stage(project: Project, aws: AWS, report: Report) -> None:
    """Refuse to make a table for `chalice deploy` where the stage's stack has its own.

    Raises:
        AWSError: there is such a stack. An unmarked one counts: Decanter 0.1 marked none.
    """
    stage, name = project.chalice_stage, stack_name(project)
    stacks = Stacks(aws.client("cloudformation"))
    try:
        stack = stacks.find(name)
        owner = Owner.marked(stacks.template(stack)) if is_there(stack) else None
    except AWSError as error:
        if not is_denied(error):
            raise
        report(f"note: {error}; going on as if stack {name} were not there")
        return
    if is_there(stack) and owner in {None, Owner.of(project)}:
        raise AWSError(
            f"stage {stage} is stack {name}, made by `decanter provision`, and has its own table: "
            f"see `decanter status --stage {stage}`; `decanter delete --stage {stage}` ends it"
        )


def configured_tables(project: Project, declaration: Declaration) -> list[str]:
    """The names that the configuration gives to the declared tables, as far as it does."""
    names = []
    for table in declaration.tables:
        try:
            names.append(project.table_name(table, declaration))
        except ProjectError:
            continue  # the stack's template names its table itself
    return names


def is_there(stack: Stack | None) -> TypeGuard[Stack]:
    """Whether a stack has resources."""
    return stack is not None and stack.exists


def is_denied(error: AWSError) -> bool:
    """Whether AWS refused for want of permission."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and cause.response["Error"].get("Code") in DENIED
