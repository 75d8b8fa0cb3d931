"""Create, delete and describe DynamoDB tables, on AWS or for the local gateway.

The functions that call DynamoDB take a botocore client. They handle the errors of a table that
already exists, of a table that does not exist, and of a service that does not support tags. They
raise botocore's other errors unchanged.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from decanter.errors import DecanterError

POLL_SECONDS = 1.0
# AWS creates and deletes a table within seconds. After this many polls, something is wrong.
POLLS = 120

INDEXES = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
SCHEMA = ("AttributeDefinitions", "KeySchema", *INDEXES)

# Waits for a number of seconds. Tests replace it.
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Table:
    """A table to create.

    Attributes:
        arguments: CreateTable's arguments.
        ttl_attribute: the attribute that contains the expiry time of items, or None without TTL.
    """

    arguments: Mapping[str, Any]
    ttl_attribute: str | None = None

    @property
    def name(self) -> str:
        """The table's name."""
        name: str = self.arguments["TableName"]
        return name

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the table. They name its owner."""
        return {tag["Key"]: tag["Value"] for tag in self.arguments.get("Tags", ())}

    def tagged(self, tags: Mapping[str, str]) -> "Table":
        """Return the table with these tags and no others."""
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        return Table({**self.arguments, "Tags": pairs}, self.ttl_attribute)

    def encrypted(self) -> "Table":
        """Return the table, encrypted with a KMS key of the account. This matters only on AWS."""
        encryption = {"SSESpecification": {"Enabled": True}}
        return Table({**self.arguments, **encryption}, self.ttl_attribute)

    def is_outdated_by(self, other: "Table") -> bool:
        """True if the other table has the same name, but a different key or different indexes."""
        return self.name == other.name and any(
            self.arguments.get(part) != other.arguments.get(part) for part in SCHEMA
        )

    def with_indexes_of(self, other: "Table") -> "Table":
        """Return the table with the additional indexes of another table.

        If this table has no TTL attribute, the result has the other table's TTL attribute.
        """
        arguments = {**self.arguments}
        known = {each["AttributeName"] for each in arguments["AttributeDefinitions"]}
        for kind in INDEXES:
            own = arguments.get(kind, [])
            names = {index["IndexName"] for index in own}
            more = [it for it in other.arguments.get(kind, ()) if it["IndexName"] not in names]
            if not more:
                continue
            used = {key["AttributeName"] for index in more for key in index["KeySchema"]} - known
            known |= used
            arguments[kind] = [*own, *more]
            arguments["AttributeDefinitions"] = [
                *arguments["AttributeDefinitions"],
                *(
                    each
                    for each in other.arguments["AttributeDefinitions"]
                    if each["AttributeName"] in used
                ),
            ]
        return Table(arguments, self.ttl_attribute or other.ttl_attribute)


def create(client: Any, table: Table, sleep: Sleep = time.sleep) -> bool:
    """Create the table, wait until it is active, and enable its TTL.

    Return False if a table with this name and key already existed.

    Raises:
        DecanterError: a table with this name has another key or TTL attribute, or the table does
            not become active.
    """
    try:
        _create(client, table.arguments)
        created = True
    except ClientError as error:
        if _code(error) != "ResourceInUseException":
            raise
        created = False
    check_key(table, _wait_until_active(client, table.name, sleep))
    if table.ttl_attribute is not None:
        _enable_ttl(client, table.name, table.ttl_attribute)
    return created


def delete(client: Any, name: str, sleep: Sleep = time.sleep) -> bool:
    """Delete the table and wait until it is gone. Return False if the table does not exist.

    Raises:
        DecanterError: the table still exists after `POLLS` polls.
    """
    try:
        client.delete_table(TableName=name)
    except ClientError as error:
        if _code(error) != "ResourceNotFoundException":
            raise
        return False
    for _ in range(POLLS):
        if find(client, name) is None:
            return True
        sleep(POLL_SECONDS)
    raise DecanterError(
        f"table {name} is still being deleted: check again with `decanter table status`"
    )


def find(client: Any, name: str) -> dict[str, Any] | None:
    """Return the table's description from DescribeTable; None if the table does not exist."""
    try:
        description: dict[str, Any] = client.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if _code(error) != "ResourceNotFoundException":
            raise
        return None
    return description


def ttl_attribute(client: Any, name: str) -> str | None:
    """Return the attribute that contains the expiry time of items; None if TTL is off."""
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    enabled = ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    return ttl["AttributeName"] if enabled else None


def _wait_until_active(client: Any, name: str, sleep: Sleep) -> dict[str, Any]:
    for _ in range(POLLS):
        # Right after CreateTable, AWS does not always find the table.
        description = find(client, name)
        status = description["TableStatus"] if description else "CREATING"
        if description and status in {"ACTIVE", "UPDATING"}:
            return description
        if status != "CREATING":
            raise DecanterError(f"table {name} is {status}: wait until it is gone, or name another")
        sleep(POLL_SECONDS)
    raise DecanterError(f"table {name} is not active after {POLLS * POLL_SECONDS:.0f} s")


def tags_of(client: Any, description: Mapping[str, Any]) -> dict[str, str]:
    """Return a table's tags; empty if the service does not support tags."""
    try:
        pages = client.get_paginator("list_tags_of_resource").paginate(
            ResourceArn=description["TableArn"]
        )
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    except ClientError as error:
        if not _has_no_tags(error):
            raise
        return {}


def _create(client: Any, arguments: Mapping[str, Any]) -> None:
    try:
        client.create_table(**arguments)
    except ClientError as error:
        if "Tags" not in arguments or not _has_no_tags(error):
            raise
        client.create_table(**{key: it for key, it in arguments.items() if key != "Tags"})


def _has_no_tags(error: ClientError) -> bool:
    """True if the service does not support tags, for example because it is DynamoDB Local."""
    message = error.response["Error"].get("Message", "").lower()
    return _code(error) == "UnknownOperationException" or (
        _code(error) == "ValidationException" and "tagging" in message
    )


def check_key(table: Table, description: Mapping[str, Any]) -> None:
    """Raise DecanterError if the existing table does not have the key that the app declares."""
    there, asked = _key(description), _key(table.arguments)
    if there != asked:
        raise DecanterError(
            f"table {table.name} has the key {there}, but the app declares {asked}: it is not this "
            "app's table. Name another in .chalice/config.json"
        )


def _key(table: Mapping[str, Any]) -> str:
    """Return a table's key as text, such as `HASH connectionID (S)`."""
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    return ", ".join(
        f"{part['KeyType']} {part['AttributeName']} ({types[part['AttributeName']]})"
        for part in table["KeySchema"]
    )


def _enable_ttl(client: Any, name: str, attribute: str) -> None:
    enabled = ttl_attribute(client, name)
    if enabled is None:
        specification = {"AttributeName": attribute, "Enabled": True}
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    elif enabled != attribute:
        raise DecanterError(
            f"table {name} expires items by {enabled}, but the app declares {attribute}: "
            "delete it, or name another table in .chalice/config.json"
        )


def _code(error: ClientError) -> str:
    code: str = error.response["Error"]["Code"]
    return code
