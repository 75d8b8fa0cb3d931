"""`decanter table`: create, delete or look at the tables that the app declares.

The model class is the source of the key and the TTL, the stage's configuration that of the name.
In Chalice's default stage, `dev`, a table has the capacity that its class declares; in every other
stage it is on-demand. `--billing-mode` says otherwise.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalice.constants import DEFAULT_STAGE_NAME

from decanter.arguments import add_adopt_argument, add_project_arguments, add_region_argument
from decanter.aws.conflicts import refuse_provisioned_stage
from decanter.aws.errors import explained
from decanter.aws.ownership import Owner
from decanter.aws.session import AWS
from decanter.aws.steps import agreed, ask, say
from decanter.errors import AWSError, ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.describe import describe
from decanter.project.tables import Table, check_key, create, delete, find, tags_of, ttl_attribute

ON_DEMAND = "on-demand"
PROVISIONED = "provisioned"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter table`."""
    parser.add_argument("action", choices=sorted(ACTIONS), help="what to do with the tables")
    add_project_arguments(parser)
    add_region_argument(parser)
    parser.add_argument("--endpoint-url", metavar="URL", help="another DynamoDB than AWS's")
    parser.add_argument(
        "--billing-mode",
        choices=[ON_DEMAND, PROVISIONED],
        help=f"for create (default: {PROVISIONED}, as the app declares, in stage "
        f"{DEFAULT_STAGE_NAME}, else {ON_DEMAND})",
    )
    add_adopt_argument(parser, "table")
    parser.add_argument("--yes", action="store_true", help="delete without a question")


def run(args: argparse.Namespace) -> int:
    """Do one action with each table; 1 if `status` finds one missing."""
    project = Project.load(args.project_dir, args.stage)
    tables = declared(project, describe(project), on_demand=_is_on_demand(args))
    if not tables:
        raise ProjectError(f"{project.directory / 'app.py'} declares no table")
    with explained(f"{args.action} table {', '.join(table.name for table in tables)}"):
        aws = AWS.of(project, args.region, args.endpoint_url)
        if args.action == "create" and args.endpoint_url is None:
            refuse_provisioned_stage(project, aws, say)
        found = [] if args.action == "status" else claimed(args.action, aws, tables, args.adopt)
        if args.action == "delete" and found and not args.yes and not agreed(_question(found), ask):
            say("nothing is deleted")
            return 1
        return act(args.action, aws, tables)


def _question(tables: Sequence[Table]) -> str:
    return f"Delete table {', '.join(table.name for table in tables)} and all that is in it?"


def declared(project: Project, declaration: Declaration, *, on_demand: bool = False) -> list[Table]:
    """The tables that the app declares, tagged with the stage."""
    owner = Owner.of(project)
    tags = {"decanter:app": owner.app, "decanter:stage": owner.stage}
    tables = project.declared_tables(declaration, on_demand=on_demand)
    return [table.tagged(tags) for table in tables]


def claimed(
    action: str, aws: AWS, tables: Sequence[Table], adopt: str | None = None
) -> list[Table]:
    """The tables that are there, each checked to be the stage's.

    Args:
        action: what is to be done with them.
        aws: where they are.
        tables: those that the app declares.
        adopt: the name of an untagged table that is the stage's, or None.

    Raises:
        DecanterError: one is not, or may not be deleted.
    """
    names = [table.name for table in tables]
    if adopt is not None and adopt not in names:
        raise ProjectError(f"--adopt {adopt} is no table of this stage; it has {', '.join(names)}")
    client, found = aws.client("dynamodb"), []
    for table in tables:
        with explained(f"{action} table {table.name}"):
            if (description := find(client, table.name)) is not None:
                _check(action, client, table, description, adopted=table.name == adopt)
                found.append(table)
    return found


def _check(
    action: str, client: Any, table: Table, description: Mapping[str, Any], *, adopted: bool
) -> None:
    """Refuse a table that is not the stage's, or that is protected from what is to be done."""
    check_key(table, description)
    tags = tags_of(client, description)
    owner = {key: tags[key] for key in table.tags if key in tags}
    if stack := tags.get("aws:cloudformation:stack-name"):
        raise AWSError(f"table {table.name} is part of stack {stack}: only that may change it")
    if owner and owner != table.tags:
        raise AWSError(
            f"table {table.name} is tagged {_shown(owner)}, this stage's is {_shown(table.tags)}: "
            "name another table in .chalice/config.json"
        )
    if not owner and not adopted and (action == "delete" or _lacks_ttl(client, table)):
        raise AWSError(
            f"table {table.name} is untagged, so it may not be this stage's: if it is, as a table "
            f"that Decanter 0.1 made, give --adopt {table.name}; if not, name another table in "
            ".chalice/config.json"
        )
    if action == "delete" and description.get("DeletionProtectionEnabled"):
        raise AWSError(
            f"table {table.name} is protected from deletion: `aws dynamodb update-table "
            f"--table-name {table.name} --no-deletion-protection-enabled` ends that"
        )


def _lacks_ttl(client: Any, table: Table) -> bool:
    """True if `create` would have the items of a table that is there expire."""
    return table.ttl_attribute is not None and ttl_attribute(client, table.name) is None


def _shown(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in tags.items())


def act(action: str, aws: AWS, tables: Sequence[Table]) -> int:
    """Do one action with each table: the worst exit status."""
    client = aws.client("dynamodb")
    return max(_act(ACTIONS[action], action, client, table) for table in tables)


def _act(action: Callable[[Any, Table], int], verb: str, client: Any, table: Table) -> int:
    with explained(f"{verb} table {table.name}"):
        return action(client, table)


def _create(client: Any, table: Table) -> int:
    if create(client, table):
        print(f"created table {table.name}: {_billing(table.arguments)}, {_expiry(table)}")
    else:
        print(f"table {table.name} is already there, with the key and the TTL that it should have")
    return 0


def _delete(client: Any, table: Table) -> int:
    deleted = delete(client, table.name)
    print(f"deleted table {table.name}" if deleted else f"there is no table {table.name}")
    return 0


def _status(client: Any, table: Table) -> int:
    description = find(client, table.name)
    if description is None:
        print(f"there is no table {table.name}: `decanter table create` makes it")
        return 1
    # DynamoDB counts a table's items about every six hours (DescribeTable in its API reference).
    items = f"{description['ItemCount']} items when last counted"
    expiry = _expiry(Table(description, ttl_attribute(client, table.name)))
    facts = [description["TableStatus"], _billing(description), expiry, items]
    print(f"table {table.name}: {', '.join(facts)}")
    return 0


ACTIONS: dict[str, Callable[[Any, Table], int]] = {
    "create": _create,
    "delete": _delete,
    "status": _status,
}


def _is_on_demand(args: argparse.Namespace) -> bool:
    default = PROVISIONED if args.stage == DEFAULT_STAGE_NAME else ON_DEMAND
    return (args.billing_mode or default) == ON_DEMAND


def _billing(table: Mapping[str, Any]) -> str:
    """How a table is billed, from CreateTable's arguments or from DescribeTable's answer."""
    mode = table.get("BillingMode") or table.get("BillingModeSummary", {}).get("BillingMode")
    if mode == "PAY_PER_REQUEST":
        return ON_DEMAND
    capacity = table["ProvisionedThroughput"]
    return (
        f"{PROVISIONED} with {capacity['ReadCapacityUnits']} read and "
        f"{capacity['WriteCapacityUnits']} write units"
    )


def _expiry(table: Table) -> str:
    return f"items expire by {table.ttl_attribute}" if table.ttl_attribute else "items never expire"
