"""A Chalice app's declarations, from the report of the process that imported the app."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from decanter.errors import ProjectError
from decanter.project import handlers
from decanter.project.declared_channels import ChannelsDeclaration, missing_sweep
from decanter.project.declared_handlers import unreachable, unrecorded
from decanter.project.declared_queue import QueueDeclaration, problem, works
from decanter.project.declared_tables import refuse_same_ids
from decanter.project.schedule_expressions import refuse_invalid
from decanter.project.uses import Uses, all_uses

# The IAM actions or HTTP methods of each function, by the function's configuration key.
Needs = Mapping[str, tuple[str, ...]]

HTTP_FUNCTION = handlers.HTTP_FUNCTION
ON_DEMAND = "PAY_PER_REQUEST"
PROVISIONED = "PROVISIONED"

SSM = "{{resolve:ssm:"
"""The start of a dynamic reference of CloudFormation to an SSM parameter."""

_EXISTING = re.compile(r"(?:arn:.*:table/)?(?P<name>[^:/{]+)")
"""The pattern of a table's name or ARN. A reference to a parameter does not match."""


class Handler(NamedTuple):
    """A WebSocket handler: its name in Chalice and the configuration key of its function."""

    name: str
    function: str


@dataclass(frozen=True)
class LambdaFunction:
    """A Lambda function that Chalice creates for the app.

    Attributes:
        name: the function's configuration key, such as `websocket_connect` or `api_handler`.
        kind: `websocket`, `http`, `lambda`, `authorizer`, `schedule`, or the service that sends the
            events.
        source: the queue, topic, bucket, stream or schedule that sends the events, an event pattern
            as JSON, the route keys, or an HTTP method and path; "" without a source.
        handler: the handler string, a module and an attribute, such as `app.work`.
        mapping: the settings of a queue's event source mapping, with CloudFormation's names.
        objects: the events of a bucket that invoke the function, as `events`, and the `prefix` and
            `suffix` of the objects' keys.
    """

    name: str
    kind: str
    source: str
    handler: str
    mapping: Mapping[str, Any] = field(default_factory=dict, hash=False)
    objects: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class TableDeclaration:
    """A table that a model class declares.

    Attributes:
        environment: the environment variable with the table's name.
        key: the names of the partition key's attribute and, if any, the sort key's attribute.
        attributes: the type (`S`, `N` or `B`) of each attribute in a key of the table or of an
            index.
        ttl_attribute: the attribute with the expiry time, or None.
        billing_mode: `PROVISIONED` or `PAY_PER_REQUEST`; None if the deployment decides.
        global_indexes: the global secondary indexes, in the form of CreateTable's argument.
        existing: the name or the ARN of a table that does not belong to the app, or the
            CloudFormation reference `{{resolve:ssm:…}}` to its name; None for a table of the app.
        is_jobs: True for the job table of a queue.
        is_subscriptions: True for the table of a router's channels.
        model: the full name of the class.
        actions: each function's IAM actions on the table; empty if the model does not declare them.
    """

    environment: str
    logical_id: str
    key: tuple[str, ...]
    attributes: Mapping[str, str]
    ttl_attribute: str | None
    read_capacity_units: int | None
    write_capacity_units: int | None
    billing_mode: str | None = None
    global_indexes: tuple[Mapping[str, Any], ...] = ()
    local_indexes: tuple[Mapping[str, Any], ...] = ()
    existing: str | None = None
    is_connections: bool = True
    is_jobs: bool = False
    is_subscriptions: bool = False
    model: str = "a model"
    actions: Needs = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the result of a model's `__decanter__`, in the form of this version or of 0.1."""
        key = [each for each in (data["hash_key"], data.get("range_key")) if each]
        return cls(
            environment=data["environment"],
            logical_id=data["logical_id"],
            key=tuple(each["name"] for each in key),
            attributes=data.get("attributes") or {each["name"]: each["type"] for each in key},
            ttl_attribute=data.get("ttl_attribute"),
            read_capacity_units=data["read_capacity_units"],
            write_capacity_units=data["write_capacity_units"],
            billing_mode=data.get("billing_mode"),
            global_indexes=tuple(data.get("global_indexes", ())),
            local_indexes=tuple(data.get("local_indexes", ())),
            existing=data.get("existing"),
            is_connections=data.get("is_connections", True),
            is_jobs=data.get("is_jobs", False),
            is_subscriptions=data.get("is_subscriptions", False),
            model=data.get("model", "a model"),
            actions=_needs(data.get("actions", {})),
        )

    @property
    def has_indexes(self) -> bool:
        """True if the table has a secondary index."""
        return bool(self.global_indexes or self.local_indexes)

    def schema(self) -> dict[str, Any]:
        """Return the attributes, key and local indexes, for CreateTable and CloudFormation."""
        found: dict[str, Any] = {
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind}
                for name, kind in self.attributes.items()
            ],
            "KeySchema": [
                {"AttributeName": name, "KeyType": kind}
                for name, kind in zip(self.key, ("HASH", "RANGE"), strict=False)
            ],
        }
        if self.local_indexes:
            found["LocalSecondaryIndexes"] = [*self.local_indexes]
        return found

    def throughput(self, capacity: Callable[[dict[str, Any]], Any] | None) -> dict[str, Any]:
        """Return the capacity and the global indexes, for CreateTable and CloudFormation.

        Args:
            capacity: takes a `ProvisionedThroughput` and returns the value to write; None for an
                on-demand table.
        """
        own = {
            "ReadCapacityUnits": self.read_capacity_units,
            "WriteCapacityUnits": self.write_capacity_units,
        }
        indexes = []
        for index in self.global_indexes:
            written = {name: it for name, it in index.items() if name != "ProvisionedThroughput"}
            if capacity:
                of_index = own | index.get("ProvisionedThroughput", {})
                written["ProvisionedThroughput"] = capacity(of_index)
            indexes.append(written)
        found: dict[str, Any] = {"GlobalSecondaryIndexes": indexes} if indexes else {}
        return found | ({"ProvisionedThroughput": capacity(own)} if capacity else {})

    def arguments(self, name: str, *, on_demand: bool = False) -> dict[str, Any]:
        """Return CreateTable's arguments.

        With `on_demand`, the table is billed per request if its class sets no billing mode.
        """
        mode = self.billing_mode or (ON_DEMAND if on_demand else PROVISIONED)
        billing = {"BillingMode": ON_DEMAND} if mode == ON_DEMAND else {}
        capacity = None if mode == ON_DEMAND else dict
        return {"TableName": name, **self.schema(), **billing, **self.throughput(capacity)}

    def local_name(self, stack: str, named: Iterable[str | None]) -> str:
        """Return the table's name on this machine.

        `named` has the value of the table's variable in each function's configuration, or None. The
        name in `existing` has priority. Otherwise, the first value that is a name, not a reference,
        is used. The default name contains the stack's name.
        """
        if self.existing and (match := _EXISTING.fullmatch(self.existing)):
            return match["name"]
        given = (name for name in named if name and not name.startswith(SSM))
        return next(given, f"{stack}-{self.logical_id}")


class RouteDeclaration(NamedTuple):
    """A route of a router.

    Attributes:
        operation_name: the `OperationName` of the route on AWS.
        function: the name of the Python function.
        example: an example payload; None if the route declares no payload type.
    """

    route_key: str
    operation_name: str | None
    function: str
    example: Any = None


@dataclass(frozen=True)
class RouterDeclaration:
    """The declarations of a router.

    Attributes:
        expression: the router's route selection expression.
        routes: the router's routes except `$default`.
        default: True if the router declares `$default`.
        posts: the HTTP methods with which each function may call @connections.
        settings: the groups of environment variables that each function's hooks need. A stage must
            set at least one variable of each group.
        uses: the rights that routes and hooks add to each function.
        where_rows_are_deleted: the rights that disconnect hooks add to every function that sends.
    """

    expression: str
    routes: tuple[RouteDeclaration, ...]
    default: bool
    posts: Needs = field(default_factory=dict)
    settings: Mapping[str, list[list[str]]] = field(default_factory=dict)
    uses: Mapping[str, tuple[Uses, ...]] = field(default_factory=dict)
    where_rows_are_deleted: tuple[Uses, ...] = ()
    queue: QueueDeclaration | None = None
    channels: ChannelsDeclaration | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the result of a router's `__decanter__`."""
        members = ("route_key", "operation_name", "function", "example")
        routes = tuple(RouteDeclaration(*map(each.get, members)) for each in data["routes"])
        return cls(
            data["expression"],
            routes,
            data["default"],
            _needs(data.get("posts", {})),
            data.get("settings", {}),
            {function: all_uses(each) for function, each in data.get("uses", {}).items()},
            all_uses(data.get("where_rows_are_deleted", ())),
            QueueDeclaration.from_json(data.get("queue")),
            ChannelsDeclaration.from_json(data.get("channels")),
        )


@dataclass(frozen=True)
class Declaration:
    """The declarations of one app: its Chalice functions, and its tables, routers and rights.

    Attributes:
        websocket: the handlers by route key, such as `$connect`.
        schedules: the `rate(…)` or `cron(…)` of each scheduled function, by the function's name.
        refusal: the reason why the app cannot be packaged, in one line; None if it can.
        lambdas: every Lambda function by name, in Chalice's order.
        framework: the folder of the framework that the app imported; None without the framework.
        uses: the rights of the code that each function runs, by the function's name.
    """

    app_name: str
    websocket: Mapping[str, Handler]
    http_routes: tuple[str, ...]
    schedules: Mapping[str, str]
    warnings: tuple[str, ...]
    refusal: str | None
    tables: tuple[TableDeclaration, ...]
    routers: tuple[RouterDeclaration, ...]
    lambdas: Mapping[str, LambdaFunction]
    framework: Path | None = None
    uses: Mapping[str, tuple[Uses, ...]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, report: Mapping[str, Any]) -> Self:
        """Read the report about an imported app. Unknown kinds of declarations are ignored.

        Raises:
            ProjectError: a declaration is incomplete, two tables have the same logical id, or
                EventBridge refuses a schedule.
        """
        declared = report["declarations"]
        try:
            tables = [TableDeclaration.from_json(d) for d in declared if d["kind"] == "table"]
            routers = [RouterDeclaration.from_json(d) for d in declared if d["kind"] == "router"]
        except (KeyError, TypeError) as error:
            raise ProjectError(
                f"a __decanter__() of app.py answered without {error}: {json.dumps(declared)}"
            ) from error
        refuse_invalid(report["schedules"])
        refuse_same_ids((table.logical_id, table.model) for table in tables)
        return cls(
            app_name=report["app_name"],
            websocket={key: Handler(**handler) for key, handler in report["websocket"].items()},
            http_routes=tuple(report["http_routes"]),
            schedules=report["schedules"],
            warnings=tuple(report["warnings"]),
            refusal=report["refusal"],
            tables=tuple(tables),
            routers=tuple(routers),
            lambdas={each["name"]: LambdaFunction(**each) for each in report["functions"]},
            framework=Path(report["framework"]) if report["framework"] else None,
            uses={
                each["name"]: found
                for each in report["functions"]
                if (found := _uses_of(each, report.get("uses", {}), routers))
            },
        )._checked(sweep_is_off=report.get("sweep_is_off", False))

    def warned(self, warnings: Iterable[str]) -> Self:
        """Return the declaration with these additional warnings."""
        return replace(self, warnings=(*self.warnings, *warnings))

    def _checked(self, *, sweep_is_off: bool) -> Self:
        """Return the declaration with warnings, and with a `refusal` if its routers cannot work."""
        queues = [router.queue for router in self.routers if router.queue]
        fault = problem(queues, self.workers, has_jobs=any(it.is_jobs for it in self.tables))
        if not fault and any(router.channels for router in self.routers):
            fault = missing_sweep(self.schedules, is_off=sweep_is_off)
        functions = {handler.function for handler in self.websocket.values()}
        has_routes = any(it.routes or it.default or it.channels for it in self.routers)
        fault = fault or unreachable(functions, has_routes=has_routes)
        found = self.warned(unrecorded(functions) if self.routers else ())
        return replace(found.warned([fault]), refusal=self.refusal or fault) if fault else found

    @property
    def connection_table(self) -> TableDeclaration | None:
        """The connection table; None if the app has no connection table."""
        return next((table for table in self.tables if table.is_connections), None)

    @property
    def subscription_table(self) -> TableDeclaration | None:
        """The table of the app's channels; None if the app has no channels."""
        return next((table for table in self.tables if table.is_subscriptions), None)

    @property
    def queue(self) -> QueueDeclaration | None:
        """The queue of the app's routers; None if the routers have no queue."""
        return next((it.queue for it in self.routers if it.queue), None)

    @property
    def workers(self) -> tuple[str, ...]:
        """The keys of the functions that the routers' queue invokes; one key for a valid queue."""
        return tuple(
            key for key, it in self.lambdas.items() if works(it.kind, it.source, self.queue)
        )

    @property
    def functions(self) -> tuple[str, ...]:
        """The configuration keys of all functions, sorted."""
        return tuple(sorted(self.lambdas))


def _uses_of(
    function: Mapping[str, Any],
    own: Mapping[str, Sequence[Mapping[str, Any]]],
    routers: Sequence[RouterDeclaration],
) -> tuple[Uses, ...]:
    """Return the rights of all code that a Lambda function may run, such as routes and hooks.

    A WebSocket handler and the function of a router's queue only pass their events to the router,
    so they add no rights if they have no `@uses`.
    """
    name = function["name"]
    found = [*all_uses(own.get(name, ()))]
    queues = [it.queue for it in routers if works(function["kind"], function["source"], it.queue)]
    if queues or (routers and function["kind"] == "websocket"):
        found = [each for each in found if not each.is_default]
    found += [Uses.of_queue(each.name) for each in queues if each]
    found += [each for router in routers for each in router.uses.get(function["name"], ())]
    if any(each.sends for each in found):
        found += [each for router in routers for each in router.where_rows_are_deleted]
    return tuple(each for number, each in enumerate(found) if each not in found[:number])


def _needs(data: Mapping[str, Sequence[str]]) -> Needs:
    return {function: tuple(sorted(rights)) for function, rights in data.items()}
