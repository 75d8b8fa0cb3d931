"""Refuse to deploy a stage with one tool if it was deployed with the other tool.

`chalice deploy` records its resources in `.chalice/deployed/STAGE.json` and uses a table that
`decanter table create` created. `decanter provision` keeps everything in one CloudFormation stack.
Each tool would create its own table and functions for the stage, and would ignore those of the
other tool.
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
    """Return the default name of the stage's stack, which `--stack-name` overrides."""
    return f"{project.app_name}-{project.chalice_stage}"


def deployed(project: Project) -> list[Mapping[str, Any]]:
    """Return the resources that `chalice deploy` has recorded for the stage; empty if none."""
    path = project.directory / ".chalice" / "deployed" / f"{project.chalice_stage}.json"
    if not path.is_file():
        return []
    resources: list[Mapping[str, Any]] = read_json(path).get("resources", [])
    return resources


def refuse_chalices_stage(
    project: Project, declaration: Declaration, aws: AWS, report: Report
) -> None:
    """Raise an AWSError if `chalice deploy` has deployed the stage, or a configured table exists.

    If AWS denies the call for a table, report this, and continue as if the table did not exist.
    """
    stage = project.chalice_stage
    if deployed(project):
        raise AWSError(
            f"stage {stage} was made by `chalice deploy` (.chalice/deployed/{stage}.json): delete "
            f"it with `chalice delete --stage {stage}` and `decanter table delete --stage {stage}`,"
            " or continue with `chalice deploy`"
        )
    for name in configured_tables(project, declaration):
        try:
            with explained(f"check if table {name} exists"):
                found = find(aws.client("dynamodb"), name)
        except AWSError as error:
            if not is_denied(error):
                raise
            report(f"note: {error}; continuing as if the table did not exist")
            continue
        if found is not None:
            raise AWSError(
                f"table {name} was created by `decanter table create` for `chalice deploy`, and "
                f"the stack would create its own: delete it with `decanter table delete --stage "
                f"{stage}`, or deploy stage {stage} with `chalice deploy`"
            )


def refuse_provisioned_stage(project: Project, aws: AWS, report: Report) -> None:
    """Raise an AWSError if the stage has a stack, before a table is created for `chalice deploy`.

    A stack without a mark counts too, because Decanter 0.1 wrote no marks. If AWS denies a call,
    report this, and continue as if the stack did not exist.
    """
    stage, name = project.chalice_stage, stack_name(project)
    stacks = Stacks(aws.client("cloudformation"))
    try:
        stack = stacks.find(name)
        owner = Owner.marked(stacks.template(stack)) if is_there(stack) else None
    except AWSError as error:
        if not is_denied(error):
            raise
        report(f"note: {error}; continuing as if stack {name} did not exist")
        return
    if is_there(stack) and owner in {None, Owner.of(project)}:
        raise AWSError(
            f"stage {stage} is stack {name}, created by `decanter provision`, with its own table: "
            f"see `decanter status --stage {stage}`; `decanter delete --stage {stage}` deletes it"
        )


def configured_tables(project: Project, declaration: Declaration) -> list[str]:
    """Return the names of the app's own tables that have exactly one configured name."""
    names = []
    for table in declaration.tables:
        if table.existing:
            continue
        try:
            names.append(project.table_name(table, declaration))
        except ProjectError:
            continue  # without exactly one configured name, CloudFormation names the table
    return names


def is_there(stack: Stack | None) -> TypeGuard[Stack]:
    """True if the stack exists and may have resources."""
    return stack is not None and stack.exists


def is_denied(error: AWSError) -> bool:
    """True if AWS refused the call because a permission is missing."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and cause.response["Error"].get("Code") in DENIED
