"""`decanter table`: create, delete or look at the tables that the app declares.

The model class is the source of the key and the TTL, the stage's configuration that of the name.
In Chalice's default stage, `dev`, a table has the capacity that its class declares; in every other
stage it is on-demand. `--billing-mode` says otherwise.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalice.constants import DEFAULT_STAGE_NAME

from decanter.arguments import add_project_arguments, add_region_argument
from decanter.aws.faults import explained
from decanter.aws.roads import refuse_provisioned_stage
from decanter.aws.session import AWS
from decanter.aws.steps import say
from decanter.describe import describe
from decanter.errors import ProjectError
from decanter.project import Project
from decanter.tables import Table, create, delete, find, ttl_attribute

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


def run(args: argparse.Namespace) -> int:
    """Do one action with each table; 1 if `status` finds one missing."""
    project = Project.load(args.project_dir, args.stage)
    tables = project.declared_tables(describe(project), on_demand=_is_on_demand(args))
    if not tables:
        raise ProjectError(f"{project.directory / 'app.py'} declares no table")
    with explained(f"{args.action} table {', '.join(table.name for table in tables)}"):
        aws = AWS.of(project, args.region, args.endpoint_url)
        if args.action == "create" and args.endpoint_url is None:
            refuse_provisioned_stage(project, aws, say)
        return act(args.action, aws, tables)


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
