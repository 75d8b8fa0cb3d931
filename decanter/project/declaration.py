"""A Chalice app's declarations, as reported by the process that imported it (`app_process`)."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from decanter.errors import ProjectError

# Each function's rights, by its configuration key.
Needs = Mapping[str, tuple[str, ...]]

# Chalice's name of the function behind all HTTP routes of an app (chalice.deploy.appgraph).
HTTP_FUNCTION = "api_handler"


@dataclass(frozen=True)
class Handler:
    """A WebSocket handler: its name in Chalice, and its function's configuration key."""

    name: str
    function: str


@dataclass(frozen=True)
class TableDeclaration:
    """A table that a model class declares.

    Attributes:
        environment: the environment variable that names the table.
        logical_id: its logical id in a template.
        hash_key: the partition key's attribute.
        hash_key_type: `S`, `N` or `B`.
        ttl_attribute: the attribute with the expiry, or None.
        read_capacity_units: the provisioned read capacity, if the table is provisioned.
        write_capacity_units: the same for writes.
        actions: the IAM actions that each function calls on it; empty if the model does not say.
    """

    environment: str
    logical_id: str
    hash_key: str
    hash_key_type: str
    ttl_attribute: str | None
    read_capacity_units: int
    write_capacity_units: int
    actions: Needs = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the answer of the model's `__decanter__`."""
        return cls(
            environment=data["environment"],
            logical_id=data["logical_id"],
            hash_key=data["hash_key"]["name"],
            hash_key_type=data["hash_key"]["type"],
            ttl_attribute=data.get("ttl_attribute"),
            read_capacity_units=data["read_capacity_units"],
            write_capacity_units=data["write_capacity_units"],
            actions=_needs(data.get("actions", {})),
        )

    def schema(self) -> dict[str, Any]:
        """The table's key, in the form of both CreateTable and `AWS::DynamoDB::Table`."""
        return {
            "AttributeDefinitions": [
                {"AttributeName": self.hash_key, "AttributeType": self.hash_key_type}
            ],
            "KeySchema": [{"AttributeName": self.hash_key, "KeyType": "HASH"}],
        }

    def capacity(self) -> dict[str, int]:
        """The table's `ProvisionedThroughput`, if it is provisioned."""
        return {
            "ReadCapacityUnits": self.read_capacity_units,
            "WriteCapacityUnits": self.write_capacity_units,
        }


@dataclass(frozen=True)
class RouteDeclaration:
    """A route of a router.

    Attributes:
        route_key: its key.
        operation_name: its operation's name on AWS.
        function: the name of the function behind it.
        example: a payload, if it declares the type of its payloads.
    """

    route_key: str
    operation_name: str | None
    function: str
    example: Any = field(default=None, hash=False)


@dataclass(frozen=True)
class RouterDeclaration:
    """A router.

    Attributes:
        expression: its route selection expression.
        routes: its routes except `$default`.
        default: True if it declares `$default`.
        posts: the HTTP methods that each function calls on @connections.
    """

    expression: str
    routes: tuple[RouteDeclaration, ...]
    default: bool
    posts: Needs = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the answer of the router's `__decanter__`."""
        routes = tuple(
            RouteDeclaration(
                route["route_key"],
                route.get("operation_name"),
                route["function"],
                route.get("example"),
            )
            for route in data["routes"]
        )
        return cls(data["expression"], routes, data["default"], _needs(data.get("posts", {})))


@dataclass(frozen=True)
class Declaration:
    """The declarations of one app, for Chalice and for Decanter.

    Attributes:
        app_name: the Chalice object's `app_name`.
        websocket: the handlers by route key: `$connect`, `$default`, `$disconnect`.
        http_routes: the paths of its HTTP routes.
        schedules: each scheduled function's `rate(…)` or `cron(…)`, by its name.
        warnings: warnings about the app for the user, one line each.
        refusal: why Chalice would refuse to package the app, in one line; None if it would not.
        tables: in the order of `app.py`.
        routers: in the order of `app.py`.
        framework: the folder of the framework that it imported; None if it uses none.
    """

    app_name: str
    websocket: Mapping[str, Handler]
    http_routes: tuple[str, ...]
    schedules: Mapping[str, str]
    warnings: tuple[str, ...]
    refusal: str | None
    tables: tuple[TableDeclaration, ...]
    routers: tuple[RouterDeclaration, ...]
    framework: Path | None = None

    @classmethod
    def from_json(cls, report: Mapping[str, Any]) -> Self:
        """Read the report of a process that imported the app.

        Unknown kinds of declarations are ignored.

        Raises:
            ProjectError: a declaration is incomplete, or two tables have the same logical id.
        """
        declared = report["declarations"]
        try:
            tables = [TableDeclaration.from_json(d) for d in declared if d["kind"] == "table"]
            routers = [RouterDeclaration.from_json(d) for d in declared if d["kind"] == "router"]
        except (KeyError, TypeError) as error:
            raise ProjectError(
                f"a __decanter__() of app.py answered without {error}: {json.dumps(declared)}"
            ) from error
        return cls(
            app_name=report["app_name"],
            websocket={
                key: Handler(handler["name"], handler["function"])
                for key, handler in report["websocket"].items()
            },
            http_routes=tuple(report["http_routes"]),
            schedules=report["schedules"],
            warnings=tuple(report["warnings"]),
            refusal=report["refusal"],
            tables=_distinct(tables),
            routers=tuple(routers),
            framework=Path(report["framework"]) if report["framework"] else None,
        )

    @property
    def functions(self) -> tuple[str, ...]:
        """The configuration keys of the functions behind routes and schedules, sorted."""
        functions = {handler.function for handler in self.websocket.values()} | {*self.schedules}
        return tuple(sorted(functions | ({HTTP_FUNCTION} if self.http_routes else set())))


def _needs(data: Mapping[str, Sequence[str]]) -> Needs:
    return {function: tuple(sorted(rights)) for function, rights in data.items()}


def _distinct(tables: Sequence[TableDeclaration]) -> tuple[TableDeclaration, ...]:
    """Return the tables; refuse equal logical ids."""
    for logical_id, times in Counter(table.logical_id for table in tables).items():
        if times > 1:
            raise ProjectError(
                f"app.py declares {times} tables as {logical_id}: "
                "use a different environment variable for each"
            )
    return tuple(tables)
