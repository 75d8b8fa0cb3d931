"""Read a merge template: the local form of its resources.

A merge template (`chalice package --merge-template`) is merged into the template that Chalice
generates, so it may contain parts of Chalice's own resources. Their logical ids are a contract.
Source: Chalice 1.34, `package.py`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from decanter.errors import ProjectError
from decanter.project.document import read_template
from decanter.project.intrinsics import NO_VALUE, Resolver, as_text
from decanter.project.stack import WEBSOCKET_API, Stack, integration, logical_id
from decanter.project.tables import Table

TABLE = "AWS::DynamoDB::Table"
ROUTE = "AWS::ApiGatewayV2::Route"
ROUTE_RESPONSE = "AWS::ApiGatewayV2::RouteResponse"

# Chalice's own routes: a merge template may add to them without repeating them.
CHALICE_ROUTES = {
    f"Websocket{part}Route": {
        "RouteKey": route_key,
        "Target": f"integrations/{integration(part)}",
    }
    for part, route_key in (
        ("Connect", "$connect"),
        ("Message", "$default"),
        ("Disconnect", "$disconnect"),
    )
}
_TARGET = re.compile(r"integrations/Websocket(Connect|Message|Disconnect)APIIntegration")

# CreateTable's arguments that matter for behaviour; encryption, backups, tags and others have no
# effect on this machine.
_TABLE_ARGUMENTS = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
)
_INDEX_ARGUMENTS = ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput")


@dataclass(frozen=True)
class Route:
    """A route of the WebSocket API.

    Attributes:
        route_key: the value of the route selection expression that selects it.
        operation_name: the route's name in metrics and SDKs, or None.
        function: the configuration key of the function behind it, such as `websocket_message`.
        route_response: True if the function's result is returned to the client.
    """

    route_key: str
    operation_name: str | None
    function: str
    route_response: bool


class Template:
    """A merge template, read for one stack.

    Args:
        document: the template.
        stack: the stack that its references are resolved for.
        source: its name in errors.
    """

    def __init__(self, document: Mapping[str, Any], stack: Stack, source: str = "template") -> None:
        self._resources: Mapping[str, Mapping[str, Any]] = document.get("Resources", {})
        self._globals: Mapping[str, Any] = document.get("Globals", {})
        self._stack = stack
        self._source = source
        self._resolver = Resolver(document, self._reference, self._attribute)

    @classmethod
    def read(cls, path: Path, stack: Stack) -> Self:
        """Read a template: YAML if its name says so, otherwise JSON.

        Raises:
            ProjectError: it cannot be read, or is not a template.
        """
        return cls(read_template(path), stack, str(path))

    def tables(self) -> list[Table]:
        """Return the DynamoDB tables, in the order of the template."""
        return [self._table(name) for name in self._of_type(TABLE)]

    def routes(self) -> list[Route]:
        """Return the WebSocket API's routes that the template adds to Chalice's or changes."""
        answered = {
            self._value(name, "Properties", "RouteId") for name in self._of_type(ROUTE_RESPONSE)
        }
        names = [*self._of_type(ROUTE)]
        names += [name for name in CHALICE_ROUTES if name in self._resources and name not in names]
        return [self._route(name, route_response=name in answered) for name in names]

    def selection_expression(self) -> str | None:
        """Return the route selection expression that the template sets on the API, if any."""
        expression = self._value(WEBSOCKET_API, "Properties", "RouteSelectionExpression")
        return None if expression is None else as_text(expression)

    def environment(self, function: str) -> dict[str, str]:
        """Return the environment variables that the template sets for a function.

        Args:
            function: the function's configuration key, such as `websocket_connect`.
        """
        path = ("Environment", "Variables")
        shared = self._resolve(_dig(self._globals, "Function", *path), "Globals.Function") or {}
        own = self._value(logical_id(function), "Properties", *path) or {}
        return {name: as_text(value) for name, value in (shared | own).items()}

    def _of_type(self, kind: str) -> Iterator[str]:
        """Return the logical ids of a type's resources whose condition, if any, is true."""
        for name, resource in self._resources.items():
            if resource.get("Type") == kind and self._holds(name, resource):
                yield name

    def _holds(self, name: str, resource: Mapping[str, Any]) -> bool:
        condition = resource.get("Condition")
        return condition is None or self._resolver.condition(condition, f"Resources.{name}")

    def _table(self, name: str) -> Table:
        arguments = self._properties(name, _TABLE_ARGUMENTS)
        for key in ("AttributeDefinitions", "KeySchema"):
            self._required(name, arguments, key)
        for key in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            if key in arguments:
                arguments[key] = [_only(_INDEX_ARGUMENTS, index) for index in arguments[key]]
        ttl = self._value(name, "Properties", "TimeToLiveSpecification") or {}
        return Table(
            {"TableName": self._reference(name), **_with_numbers(arguments)},
            ttl["AttributeName"] if str(ttl.get("Enabled")).lower() == "true" else None,
        )

    def _route(self, name: str, *, route_response: bool) -> Route:
        own = self._properties(name, ("RouteKey", "OperationName", "Target"))
        properties = {**CHALICE_ROUTES.get(name, {}), **own}
        operation_name = properties.get("OperationName")
        return Route(
            route_key=as_text(self._required(name, properties, "RouteKey")),
            operation_name=None if operation_name is None else as_text(operation_name),
            function=self._function(name, as_text(self._required(name, properties, "Target"))),
            route_response=route_response,
        )

    def _function(self, name: str, target: str) -> str:
        """Return the configuration key of the function behind a route's target."""
        if (match := _TARGET.fullmatch(target)) is None:
            raise ProjectError(
                f"{self._source}: Resources.{name}.Properties.Target: {target!r} is not one of "
                "Chalice's integrations: integrations/Websocket(Connect|Message|Disconnect)"
                "APIIntegration"
            )
        return f"websocket_{match[1].lower()}"

    def _required(self, name: str, properties: Mapping[str, Any], key: str) -> Any:
        if key not in properties:
            raise ProjectError(f"{self._source}: Resources.{name}.Properties has no {key}")
        return properties[key]

    def _reference(self, name: str) -> str | None:
        """Return Ref's value for a name that is not a parameter."""
        kind = self._resources.get(name, {}).get("Type", "")
        if kind == TABLE:
            table_name = self._value(name, "Properties", "TableName")
            return f"{self._stack.name}-{name}" if table_name is None else as_text(table_name)
        return name if kind == ROUTE else self._stack.references().get(name)

    def _attribute(self, name: str, attribute: str) -> str | None:
        """Return Fn::GetAtt's value: the ARNs of tables and of Chalice's functions."""
        reference = self._reference(name)
        if attribute != "Arn" or reference is None:
            return None
        if self._resources.get(name, {}).get("Type") == TABLE:
            return self._stack.arn("dynamodb", f"table/{reference}")
        is_function = reference.startswith(self._stack.name)
        return self._stack.arn("lambda", f"function:{reference}") if is_function else None

    def _properties(self, name: str, keys: Sequence[str]) -> dict[str, Any]:
        """Return these properties of a resource, resolved, if it has them."""
        values = {key: self._value(name, "Properties", key) for key in keys}
        return {key: value for key, value in values.items() if value is not None}

    def _value(self, name: str, *path: str) -> Any:
        """Return a resource's value at a path, resolved; None if it has none."""
        return self._resolve(
            _dig(self._resources, name, *path), ".".join(("Resources", name, *path))
        )

    def _resolve(self, value: Any, where: str) -> Any:
        try:
            resolved = self._resolver.resolve(value, where)
        except ProjectError as error:
            raise ProjectError(f"{self._source}: {error}") from error
        return None if resolved is NO_VALUE else resolved


def _dig(value: Any, *path: str) -> Any:
    """Return a document's value at a path; None if the path ends before."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _only(keys: Sequence[str], members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: members[key] for key in keys if key in members}


def _with_numbers(value: Any) -> Any:
    """Return it with integer capacity units: CloudFormation accepts `"5"`, CreateTable does not."""
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: int(item) if key.endswith("CapacityUnits") else _with_numbers(item)
        for key, item in value.items()
    }
