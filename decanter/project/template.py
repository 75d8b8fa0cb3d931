"""Read a merge template, and return its resources with their names on this machine.

`chalice package --merge-template` merges a merge template into the template that Chalice generates.
A merge template may therefore contain parts of Chalice's own resources, under the logical ids that
Chalice gives them. Source: Chalice 1.34, `package.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from decanter.errors import ProjectError
from decanter.project.document import merged, read_template
from decanter.project.intrinsics import NO_VALUE, Resolver, as_text
from decanter.project.stack import WEBSOCKET_API, Stack, integration, logical_id
from decanter.project.template_forms import dig

if TYPE_CHECKING:
    from decanter.project.tables import Table

WEBSOCKET_STAGE = f"{WEBSOCKET_API}Stage"
POLICIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy")
TABLE = "AWS::DynamoDB::Table"
QUEUE = "AWS::SQS::Queue"
MAPPING = "AWS::Lambda::EventSourceMapping"
ROUTE = "AWS::ApiGatewayV2::Route"
ROUTE_RESPONSE = "AWS::ApiGatewayV2::RouteResponse"

# Chalice's own routes. A merge template may change them without repeating them.
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

# The arguments of CreateTable that affect behaviour. Other arguments, such as encryption, backups
# and tags, have no effect on this machine.
_TABLE_ARGUMENTS = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
)
_INDEX_ARGUMENTS = ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput")


TEMPLATE = Path(".chalice/resources.json")
ROOT_TEMPLATE = Path("resources.json")
"""The merge template in the project's root, with the name from Chalice's tutorial."""

OVERRIDES = Path(".chalice/overrides.json")
"""The file that is merged into the generated template, or read alone if there is none."""

OWN_TEMPLATES = (TEMPLATE, OVERRIDES, ROOT_TEMPLATE)


@dataclass(frozen=True)
class Route:
    """A route of the WebSocket API.

    Attributes:
        route_key: the value of the route selection expression that selects the route.
        operation_name: the route's name in metrics and SDKs, or None.
        function: the configuration key of the route's function, such as `websocket_message`.
        route_response: True if the client gets the function's result.
        authorizer: the logical id or the type of the authorizer, such as `AWS_IAM`; None without
            an authorizer.
    """

    route_key: str
    operation_name: str | None
    function: str
    route_response: bool
    authorizer: str | None = None


class Template:
    """A merge template, evaluated for one stack: the stack provides the values of references.

    `source` is the name of the template in errors.
    """

    def __init__(self, document: Mapping[str, Any], stack: Stack, source: str = "template") -> None:
        self._resources: Mapping[str, Mapping[str, Any]] = document.get("Resources", {})
        self._globals: Mapping[str, Any] = document.get("Globals", {})
        self._stack = stack
        self._source = source
        self._resolver = Resolver(document, self._reference, self._attribute)
        stage = self._given(WEBSOCKET_STAGE, "StageName")
        self._stack = replace(stack, api_stage=stage or stack.api_stage)

    @classmethod
    def read(cls, paths: Sequence[Path], stack: Stack) -> Self:
        """Read one or more templates, as YAML or JSON according to the suffix of each file's name.

        Each template is merged into the previous templates, by Chalice's rules.

        Raises:
            ProjectError: a file cannot be read, or is not a template.
        """
        document, *others = map(read_template, paths)
        for other in others:
            document = merged(other, document)
        return cls(document, stack, " and ".join(map(str, paths)))

    @property
    def api_stage(self) -> str:
        """The stage of the WebSocket API in the template; by default, the configured stage."""
        return self._stack.api_stage

    def http_stage(self, configured: str) -> str:
        """Return the stage of the HTTP routes in the template; by default, the configured stage."""
        return self._given("RestAPI", "StageName") or configured

    def tables(self) -> "list[Table]":
        """Return the DynamoDB tables, in the order of the template."""
        return [self._table(name) for name in self._of_type(TABLE)]

    def routes(self) -> list[Route]:
        """Return the WebSocket API's routes that the template adds or changes."""
        answered = {
            self._value(name, "Properties", "RouteId") for name in self._of_type(ROUTE_RESPONSE)
        }
        names = [*self._of_type(ROUTE)]
        names += [name for name in CHALICE_ROUTES if name in self._resources and name not in names]
        return [self._route(name, route_response=name in answered) for name in names]

    def selection_expression(self) -> str | None:
        """Return the route selection expression that the template sets on the API, if any."""
        return self._given(WEBSOCKET_API, "RouteSelectionExpression")

    def environment(self, function: str) -> dict[str, str]:
        """Return the environment variables that the template sets for a function."""
        path = ("Environment", "Variables")
        shared = self._resolve(dig(self._globals, "Function", *path), "Globals.Function") or {}
        own = self._value(logical_id(function), "Properties", *path) or {}
        name, key = logical_id(function), "Environment.Variables."
        return {each: self._as_text(it, name, key + each) for each, it in (shared | own).items()}

    def variables(self) -> dict[str, str | None]:
        """Return all functions' environment variables. Unknown values are None."""
        path = ("Environment", "Variables")
        found = {**(dig(self._globals, "Function", *path) or {})}
        for resource in self._resources.values():
            found |= dig(resource, "Properties", *path) or {}
        return {name: self._text(name, value) for name, value in found.items()}

    def role(self, function: str) -> str | None:
        """Return the logical id of the role that the template sets for a function, or None.

        Raises:
            ProjectError: the role is not an `Fn::GetAtt`, but for example a fixed ARN.
        """
        role = dig(self._resources, logical_id(function), "Properties", "Role")
        if role is None:
            return None
        named = role.get("Fn::GetAtt") if isinstance(role, dict) else None
        parts = named.split(".") if isinstance(named, str) else named  # YAML may have one text
        if not isinstance(parts, list) or not parts:
            raise ProjectError(f"{self._source}: {function} has the role {role}, which is not here")
        return str(parts[0])

    def has(self, name: str) -> bool:
        """True if the template has a resource with this logical id."""
        return name in self._resources

    def policies(self, role: str) -> Iterator[tuple[str, Any]]:
        """Yield the name and the document of each policy of a role.

        The document is None if the template does not contain it, or if a value in it is not known
        on this machine.
        """
        own = dig(self._resources, role, "Properties") or {}
        for arn in own.get("ManagedPolicyArns", ()):
            yield str(arn), None
        attached = [
            properties
            for kind in POLICIES
            for name in self._of_type(kind)
            if is_attached(properties := self._resources[name].get("Properties", {}), role)
        ]
        listed = own.get("Policies") or []  # the list, or one of its items, may be Fn::If
        if isinstance(found := self.resolved(listed, role), list):
            listed = found
        for policy in (*(listed if isinstance(listed, list) else [{}]), *attached):
            known = policy if isinstance(policy, dict) else {}
            yield str(known.get("PolicyName")), self.resolved(known.get("PolicyDocument"), role)

    def resolved(self, value: Any, where: str) -> Any:
        """Return a value with evaluated intrinsic functions; None if a part is not known."""
        try:
            return self._resolve(value, where)
        except ProjectError:
            return None

    def queues(self, keys: Sequence[str] = ()) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the name of each SQS queue, with the properties that `keys` lists."""
        for name in self._of_type(QUEUE):
            yield self._queue_name(name), self._properties(name, keys)

    def timeout(self, function: str) -> int | None:
        """Return the timeout in seconds that the template sets for a function, or None."""
        given = self._value(logical_id(function), "Properties", "Timeout")
        return int(given) if str(given).isdecimal() else None

    def event_sources(self, function: str) -> Iterator[Mapping[str, Any]]:
        """Yield a function's event source mappings and `SQS` events in the template.

        Properties of an event without `Queue` change the mapping that Chalice creates.
        """
        resource = logical_id(function)
        for name, event in (dig(self._resources, resource, "Properties", "Events") or {}).items():
            if event.get("Type", "SQS") == "SQS":
                yield self.resolved(event.get("Properties"), f"{resource}.Events.{name}") or {}
        for name in self._of_type(MAPPING):
            named = json.dumps(dig(self._resources, name, "Properties", "FunctionName"))
            if re.search(rf"\b{resource}\b", named):
                given = {**self._resources[name]["Properties"], "FunctionName": None}
                resolved = self.resolved(given, f"Resources.{name}.Properties") or {}
                if ":sqs:" in str(arn := resolved.get("EventSourceArn")):
                    yield {**resolved, "Queue": arn}

    def text(self, text: str) -> str:
        """Replace `${…}` in a text, like Fn::Sub. Return it unchanged if a value is not known."""
        return str(self.resolved({"Fn::Sub": text}, text) or text) if "${" in text else text

    def _queue_name(self, name: str) -> str:
        if (given := self._given(name, "QueueName")) is not None:
            return given
        is_fifo = str(self._value(name, "Properties", "FifoQueue")).lower() == "true"
        return f"{self._stack.name}-{name}{'.fifo' if is_fifo else ''}"

    def _of_type(self, kind: str) -> Iterator[str]:
        """Yield the logical ids of resources of a type, without those whose condition is false."""
        for name, resource in self._resources.items():
            if resource.get("Type") == kind and self._holds(name, resource):
                yield name

    def _holds(self, name: str, resource: Mapping[str, Any]) -> bool:
        condition = resource.get("Condition")
        with self._named():
            return condition is None or self._resolver.condition(condition, f"Resources.{name}")

    def _table(self, name: str) -> "Table":
        from decanter.project.tables import Table  # imports botocore, which is slow

        arguments = self._properties(name, _TABLE_ARGUMENTS)
        for key in ("AttributeDefinitions", "KeySchema"):
            self._required(name, arguments, key)
        for key in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            if key in arguments:
                arguments[key] = [_only(_INDEX_ARGUMENTS, index) for index in arguments[key]]
        ttl = self._value(name, "Properties", "TimeToLiveSpecification") or {}
        return Table(
            {"TableName": self._reference(name), **_with_numbers(arguments)},
            ttl.get("AttributeName") if str(ttl.get("Enabled")).lower() == "true" else None,
        )

    def _route(self, name: str, *, route_response: bool) -> Route:
        own = self._properties(name, ("RouteKey", "OperationName", "Target"))
        properties = {**CHALICE_ROUTES.get(name, {}), **own}
        texts = {key: self._as_text(value, name, key) for key, value in properties.items()}
        return Route(
            route_key=self._required(name, texts, "RouteKey"),
            operation_name=texts.get("OperationName"),
            function=self._function(name, self._required(name, texts, "Target")),
            route_response=route_response,
            authorizer=self._authorizer(name),
        )

    def _authorizer(self, name: str) -> str | None:
        kind = self._given(name, "AuthorizationType") or "NONE"
        identity = dig(self._resources, name, "Properties", "AuthorizerId", "Ref")
        return None if kind == "NONE" else identity or kind

    def _function(self, name: str, target: str) -> str:
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
        """Return the value of Ref for a name that is not a parameter."""
        kind = self._resources.get(name, {}).get("Type", "")
        if kind == TABLE:
            return self._given(name, "TableName") or f"{self._stack.name}-{name}"
        if kind == QUEUE:
            return self._stack.queue_url(self._queue_name(name))
        return name if kind == ROUTE else self._stack.references().get(name)

    def _attribute(self, name: str, attribute: str) -> str | None:
        """Return the value of Fn::GetAtt for a table, a queue or a Chalice function.

        Each has an ARN. A queue also has a name and a URL. Other attributes are None.
        """
        if self._resources.get(name, {}).get("Type") == QUEUE:
            queue = self._queue_name(name)
            values = {"Arn": self._stack.arn("sqs", queue), "QueueName": queue}
            return {**values, "QueueUrl": self._stack.queue_url(queue)}.get(attribute)
        reference = self._reference(name)
        if attribute != "Arn" or reference is None:
            return None
        if self._resources.get(name, {}).get("Type") == TABLE:
            return self._stack.arn("dynamodb", f"table/{reference}")
        is_function = reference.startswith(self._stack.name)
        return self._stack.arn("lambda", f"function:{reference}") if is_function else None

    def _properties(self, name: str, keys: Sequence[str]) -> dict[str, Any]:
        """Return the properties of a resource that `keys` lists, with resolved values."""
        values = {key: self._value(name, "Properties", key) for key in keys}
        return {key: value for key, value in values.items() if value is not None}

    def _value(self, name: str, *path: str) -> Any:
        place = ".".join(("Resources", name, *path))
        return self._resolve(dig(self._resources, name, *path), place)

    def _given(self, name: str, key: str) -> str | None:
        """Return a property that must be text; None if the template does not set it."""
        value = self._value(name, "Properties", key)
        return None if value is None else self._as_text(value, name, key)

    def _as_text(self, value: Any, name: str, key: str) -> str:
        try:
            return as_text(value)
        except TypeError:
            place = f"{self._source}: Resources.{name}.Properties.{key}"
            raise ProjectError(f"{place} must be text, not {value!r}") from None

    def _text(self, name: str, value: Any) -> str | None:
        with suppress(ProjectError, TypeError):
            return as_text(self._resolve(value, name))
        return None

    def _resolve(self, value: Any, where: str) -> Any:
        with self._named():
            resolved = self._resolver.resolve(value, where)
        return None if resolved is NO_VALUE else resolved

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except ProjectError as error:
            raise ProjectError(f"{self._source}: {error}") from error


def own_templates(project: Path) -> list[Path]:
    """Return the paths of a project's own merge templates.

    The overrides are not read if there is a generated template, because this template contains
    them. A file in the root may be something other than a template, so it must contain "Resources".
    """
    root = project / ROOT_TEMPLATE
    is_one = root.is_file() and b'"Resources"' in root.read_bytes()
    own = [path for path in (project / TEMPLATE, project / OVERRIDES) if path.is_file()]
    return [*own[:1], *([root] if is_one else [])]


def is_attached(policy: Mapping[str, Any], role: str) -> bool:
    """True if the properties of a policy attach it to this role of the template."""
    return {"Ref": role} in (policy.get("RoleName"), *(policy.get("Roles") or ()))


def _only(keys: Sequence[str], members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: members[key] for key in keys if key in members}


def _with_numbers(value: Any) -> Any:
    """Return a value with capacity units as integers, because CreateTable refuses `"5"`."""
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: int(item)
        if key.endswith("CapacityUnits") and str(item).isdecimal()
        else _with_numbers(item)
        for key, item in value.items()
    }
