"""The merge template that an app's declarations make, for `chalice package --merge-template`.

One file serves every stage: what differs between stages is a parameter, so a file in the
repository never depends on who wrote it last.
"""

import json
from typing import Any

from decanter.declaration import Declaration, TableDeclaration
from decanter.stack import logical_id

BILLING_PARAMETER = "TableBillingMode"
PROVISIONED_CONDITION = "TablesAreProvisioned"

Section = dict[str, Any]


def render(declaration: Declaration) -> str:
    """The template as the text of its file: sorted, so that it follows from the app alone."""
    return json.dumps(build(declaration), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def build(declaration: Declaration) -> Section:
    """The template; its sections are empty where the app declares nothing for them."""
    template: Section = {"Resources": tables(declaration) | functions(declaration)}
    if declaration.tables:
        template |= billing() | {"Outputs": outputs(declaration)}
    return template


def billing() -> Section:
    """The parameter that says how the tables are billed, and the condition that reads it."""
    return {
        "Parameters": {
            BILLING_PARAMETER: {
                "Type": "String",
                "AllowedValues": ["PROVISIONED", "PAY_PER_REQUEST"],
                "Default": "PROVISIONED",
                "Description": (
                    "PROVISIONED is the capacity that the app declares, for development; "
                    "PAY_PER_REQUEST is on-demand, for production."
                ),
            }
        },
        "Conditions": {
            PROVISIONED_CONDITION: {"Fn::Equals": [{"Ref": BILLING_PARAMETER}, "PROVISIONED"]}
        },
    }


def tables(declaration: Declaration) -> Section:
    """The tables, by logical id."""
    return {table.logical_id: _table(table) for table in declaration.tables}


def functions(declaration: Declaration) -> Section:
    """What is laid over Chalice's functions: the tables' names, instead of the configured ones."""
    variables = {table.environment: {"Ref": table.logical_id} for table in declaration.tables}
    if not variables:
        return {}
    return {
        logical_id(function): {"Properties": {"Environment": {"Variables": dict(variables)}}}
        for function in declaration.functions
    }


def outputs(declaration: Declaration) -> Section:
    """The tables' names and ARNs."""
    found: Section = {}
    for table in declaration.tables:
        name = table.logical_id
        found[f"{name}Name"] = {"Value": {"Ref": name}}
        found[f"{name}Arn"] = {"Value": {"Fn::GetAtt": [name, "Arn"]}}
    return found


def _table(table: TableDeclaration) -> Section:
    """A table without a name of its own: CloudFormation can then replace it.

    A connection's row is worth nothing once its API is gone, so the table goes with its stack.
    """
    capacity = {"Fn::If": [PROVISIONED_CONDITION, table.capacity(), {"Ref": "AWS::NoValue"}]}
    properties: Section = {
        **table.schema(),
        "BillingMode": {"Ref": BILLING_PARAMETER},
        "ProvisionedThroughput": capacity,
        "SSESpecification": {"SSEEnabled": True},
    }
    if table.ttl_attribute is not None:
        properties["TimeToLiveSpecification"] = {
            "AttributeName": table.ttl_attribute,
            "Enabled": True,
        }
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": properties,
    }
