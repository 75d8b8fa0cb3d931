"""`decanter table`: create, delete or show the tables that the app declares.

The key, the indexes and the TTL of a table come from its model class. The name comes from the
stage's configuration. If the class sets no `billing_mode`, `--billing-mode` sets it. By default, in
Chalice's default stage, `dev`, a table has the capacity that its class declares. In every other
stage, the table is on demand.

A table whose class sets `existing=` does not belong to the app, so the command does not change it.

The option `--table` creates one table in a DynamoDB on this machine, even if no app declares the
table.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalice.constants import DEFAULT_STAGE_NAME

from decanter.arguments import add_adopt_argument, add_project_arguments, add_region_argument
from decanter.aws.conflicts import refuse_provisioned_stage
from decanter.aws.errors import explained
from decanter.aws.overrides import described
from decanter.aws.ownership import Owner
from decanter.aws.session import AWS
from decanter.aws.steps import agreed, ask, say
from decanter.aws_hosts import is_local_url
from decanter.errors import AWSError, ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.tables import Table, check_key, create, delete, find, tags_of, ttl_attribute

ON_DEMAND = "on-demand"
PROVISIONED = "provisioned"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter table`."""
    parser.add_argument("action", choices=sorted(ACTIONS), help="the action for the tables")
    add_project_arguments(parser)
    add_region_argument(parser)
    parser.add_argument(
        "--endpoint-url", metavar="URL", help="a DynamoDB endpoint other than AWS's"
    )
    parser.add_argument(
        "--billing-mode",
        choices=[ON_DEMAND, PROVISIONED],
        help=f"the billing mode for create (default: in stage {DEFAULT_STAGE_NAME}, "
        f"{PROVISIONED} with the app's capacities; otherwise, {ON_DEMAND})",
    )
    add_adopt_argument(parser, "table")
    _add_local_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="delete without confirmation")


def _add_local_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    form = "NAME[:TYPE]"
    add(
        "--table",
        metavar="NAME",
        help="create this table on this machine, even if the app does not declare it",
    )
    add("--key", metavar=form, type=attribute, help="the partition key of --table; S, N or B (S)")
    add("--sort-key", metavar=form, type=attribute, help="the sort key of --table")


def run(args: argparse.Namespace) -> int:
    """Perform the action. Return 1 if `status` does not find a table, or if the user declines."""
    if args.table is not None:
        return create_here(args)
    project = Project.load(args.project_dir, args.stage)
    declaration = described(project)
    for line in existing(declaration):
        say(line)
    tables = declared(project, declaration, on_demand=_is_on_demand(args))
    if not tables and declaration.tables:
        return 0
    if not tables:
        raise ProjectError(f"{project.directory / 'app.py'} declares no table")
    with explained(f"{VERBS[args.action]} table {', '.join(table.name for table in tables)}"):
        aws = AWS.of(project, args.region, args.endpoint_url)
        if args.action == "create" and args.endpoint_url is None:
            refuse_provisioned_stage(project, aws, say)
        found = [] if args.action == "status" else claimed(args.action, aws, tables, args.adopt)
        if args.action == "delete" and found and not args.yes and not agreed(_question(found), ask):
            say("nothing was deleted")
            return 1
        return act(args.action, aws, tables)


def attribute(text: str) -> tuple[str, str]:
    """Return the name and the type in an option's value, such as `room:S`."""
    name, colon, kind = text.rpartition(":")
    if not colon:
        name, kind = text, "S"
    if not name or kind not in ("S", "N", "B"):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME, NAME:S, NAME:N or NAME:B")
    return name, kind


def create_here(args: argparse.Namespace) -> int:
    """Create the table that `--table` names, in the embedded or another DynamoDB on this machine.

    Raises:
        ProjectError: the action is not `create`, an option is missing, or DynamoDB is on another
            machine.
    """
    if args.action != "create" or args.key is None or not is_local_url(args.endpoint_url or ""):
        raise ProjectError(
            "--table creates a table on this machine: decanter table create --table "
            f"{args.table} --key NAME --endpoint-url http://127.0.0.1:PORT"
        )
    key = [args.key, *([args.sort_key] if args.sort_key else [])]
    arguments = {
        "TableName": args.table,
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in key],
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind}
            for (name, _), kind in zip(key, ("HASH", "RANGE"), strict=False)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    aws = AWS.here(args.region, args.endpoint_url)
    return _act(_create, args.action, aws.client("dynamodb"), Table(arguments))


def _question(tables: Sequence[Table]) -> str:
    return f"Delete table {', '.join(table.name for table in tables)} and everything in it?"


def existing(declaration: Declaration) -> list[str]:
    """Return a line for each table that the app uses but does not own."""
    return [
        f"table {table.existing} is not this app's: {table.model} only uses it (existing=)"
        for table in declaration.tables
        if table.existing
    ]


def declared(project: Project, declaration: Declaration, *, on_demand: bool = False) -> list[Table]:
    """Return the app's own tables, with tags that name the app and the stage."""
    owner = Owner.of(project)
    tags = {"decanter:app": owner.app, "decanter:stage": owner.stage}
    tables = project.declared_tables(declaration, on_demand=on_demand)
    return [table.tagged(tags) for table in tables]


def claimed(
    action: str, aws: AWS, tables: Sequence[Table], adopt: str | None = None
) -> list[Table]:
    """Check that the stage may perform the action on its existing tables. Return these tables.

    Raises:
        DecanterError: the key, the tags or the deletion protection of a table do not allow the
            action, or `adopt` names no table of the stage.
    """
    names = [table.name for table in tables]
    if adopt is not None and adopt not in names:
        raise ProjectError(
            f"--adopt {adopt} is not a table of this stage; it has {', '.join(names)}"
        )
    client, found = aws.client("dynamodb"), []
    for table in tables:
        with explained(f"{VERBS[action]} table {table.name}"):
            if (description := find(client, table.name)) is not None:
                _check(action, client, table, description, adopted=table.name == adopt)
                found.append(table)
    return found


def _check(
    action: str, client: Any, table: Table, description: Mapping[str, Any], *, adopted: bool
) -> None:
    """Refuse the action if the table's key, tags or deletion protection do not allow it."""
    check_key(table, description)
    tags = tags_of(client, description)
    owner = {key: tags[key] for key in table.tags if key in tags}
    if stack := tags.get("aws:cloudformation:stack-name"):
        raise AWSError(f"table {table.name} is part of stack {stack}: only the stack may change it")
    if owner and owner != table.tags:
        raise AWSError(
            f"table {table.name} has tags {_shown(owner)}, this stage needs {_shown(table.tags)}: "
            "name another table in .chalice/config.json"
        )
    if not owner and not adopted and (action == "delete" or _lacks_ttl(client, table)):
        raise AWSError(
            f"table {table.name} has no tags that name an owner. If it belongs to this stage "
            f"(Decanter 0.1 wrote no tags), use --adopt {table.name}; if not, name another table "
            "in .chalice/config.json"
        )
    if action == "delete" and description.get("DeletionProtectionEnabled"):
        raise AWSError(
            f"table {table.name} is protected from deletion: allow it by `aws dynamodb update-table"
            f" --table-name {table.name} --no-deletion-protection-enabled`"
        )


def _lacks_ttl(client: Any, table: Table) -> bool:
    """True if `create` would enable the TTL of the existing table."""
    return table.ttl_attribute is not None and ttl_attribute(client, table.name) is None


def _shown(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in tags.items())


def act(action: str, aws: AWS, tables: Sequence[Table]) -> int:
    """Perform an action on each table. Return the highest exit status."""
    client = aws.client("dynamodb")
    return max(_act(ACTIONS[action], action, client, table) for table in tables)


def _act(action: Callable[[Any, Table], int], verb: str, client: Any, table: Table) -> int:
    with explained(f"{VERBS[verb]} table {table.name}"):
        return action(client, table)


def _create(client: Any, table: Table) -> int:
    if create(client, table):
        print(f"created table {table.name}: {_billing(table.arguments)}, {_expiry(table)}")
    else:
        print(f"table {table.name} already exists, with the right key and TTL")
    return 0


def _delete(client: Any, table: Table) -> int:
    deleted = delete(client, table.name)
    print(f"deleted table {table.name}" if deleted else f"there is no table {table.name}")
    return 0


def _status(client: Any, table: Table) -> int:
    description = find(client, table.name)
    if description is None:
        print(f"there is no table {table.name}: create it with `decanter table create`")
        return 1
    # DynamoDB updates this number about every six hours (API reference, DescribeTable).
    items = f"{description['ItemCount']} items at the last count"
    expiry = _expiry(Table(description, ttl_attribute(client, table.name)))
    facts = [description["TableStatus"], _billing(description), expiry, items]
    print(f"table {table.name}: {', '.join(facts)}")
    return 0


ACTIONS: dict[str, Callable[[Any, Table], int]] = {
    "create": _create,
    "delete": _delete,
    "status": _status,
}
VERBS = {"create": "create", "delete": "delete", "status": "describe"}
"""The verb of each action, for errors."""


def _is_on_demand(args: argparse.Namespace) -> bool:
    default = PROVISIONED if args.stage == DEFAULT_STAGE_NAME else ON_DEMAND
    return (args.billing_mode or default) == ON_DEMAND


def _billing(table: Mapping[str, Any]) -> str:
    """Describe the billing in CreateTable's arguments or in DescribeTable's answer."""
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
