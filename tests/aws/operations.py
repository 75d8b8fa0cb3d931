"""The changes of a stack's resources: their order, their events, and rollbacks.

moto creates and deletes each resource before ExecuteChangeSet and DeleteStack answer. Source: AWS
CloudFormation User Guide, "Stack status codes".
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Event, Stack, cloudformation_backends

FAILURES: dict[str, str] = {}
"""The reasons why resources cannot be created or deleted, by logical id. Tests add them."""


# The properties whose change replaces a resource, and those whose change may.
REPLACING = {
    "AWS::DynamoDB::Table": {"KeySchema", "LocalSecondaryIndexes", "TableName"},
    "AWS::Logs::LogGroup": {"LogGroupName"},
    "AWS::S3::Bucket": {"BucketName"},
    "AWS::SQS::Queue": {"FifoQueue", "QueueName"},
}
PERHAPS_REPLACING = {"AWS::DynamoDB::Table": {"AttributeDefinitions"}}


def replacement(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return if a change of a resource replaces it: True, False or Conditional."""
    before, after = old.get("Properties", {}), new.get("Properties", {})
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    if changed & REPLACING.get(new["Type"], set()):
        return "True"
    return "Conditional" if changed & PERHAPS_REPLACING.get(new["Type"], set()) else "False"


def stack_of(resources: parsing.ResourceMap) -> Stack:
    backend = cloudformation_backends[resources._account_id][resources._region_name]
    return next(s for s in backend.stacks.values() if s.stack_id == resources.stack_id)


@contextmanager
def event_of(
    stack: Stack, name: str, kind: str, verb: str, done: Callable[[], str]
) -> Iterator[None]:
    """Return the two events of one resource: in progress, and the result."""

    def add(status: str, reason: str | None, physical_id: str) -> None:
        facts = (stack.stack_id, stack.name, name, physical_id, kind, status, reason, None)
        stack.events.append(Event(*facts))

    add(f"{verb}_IN_PROGRESS", None, "")
    try:
        fail_if_told(name)
        yield
    except Exception as error:
        add(f"{verb}_FAILED", str(error), "")
        raise
    add(f"{verb}_COMPLETE", None, done())


def fail_if_told(name: str) -> None:
    if name in FAILURES:
        raise ValueError(FAILURES[name])


def physical_id(resource: Any) -> str:
    return str(getattr(resource, "physical_resource_id", None) or "")


def watch_resources() -> None:
    """Let every resource that moto creates or deletes add events, in the order of DependsOn."""
    create, delete = parsing.parse_and_create_resource, parsing.ResourceMap._delete_resource

    def created(
        logical_id: str, resource_json: dict[str, Any], resources_map: Any, **where: str
    ) -> Any:
        condition = resource_json.get("Condition")
        if condition and not resources_map.lazy_condition_map[condition]:
            return None
        depends = resource_json.get("DependsOn", [])
        for name in [depends] if isinstance(depends, str) else depends:
            resources_map[name]
        made: list[Any] = []
        kind = resource_json["Type"]
        with event_of(
            stack_of(resources_map), logical_id, kind, "CREATE", lambda: physical_id(made[0])
        ):
            made.append(create(logical_id, resource_json, resources_map, **where))
            assert made[0] is not None, f"the tests' CloudFormation has no {kind}"
        return made[0]

    def deleted(self: parsing.ResourceMap, resource: Any, resource_json: dict[str, Any]) -> None:
        name, kind = resource.logical_resource_id, resource_json["Type"]
        with event_of(stack_of(self), name, kind, "DELETE", lambda: physical_id(resource)):
            delete(self, resource, resource_json)

    parsing.parse_and_create_resource = created  # type: ignore[assignment]
    setattr(parsing.ResourceMap, "_delete_resource", deleted)  # noqa: B010 - as mypy sees a method


def change(stack: Stack, template: str, parameters: dict[str, str]) -> None:
    """Change the stack's resources to those of the template; removed ones are deleted last."""
    new, resources = Stack.parse_template(template), stack.resource_map
    difference = resources.build_resource_diff(new, parameters)
    old = resources._resource_json_map
    resources._template, resources._resource_json_map = new, new["Resources"]
    resources.input_parameters = parameters
    resources.load()
    for name in in_order(new["Resources"]):
        if name in difference["Add"]:
            resources[name]
        elif name in difference["Modify"]:
            modify(stack, name, old[name], new["Resources"][name])
    for name in difference["Remove"]:
        gone = resources._parsed_resources.pop(name, None)
        if gone is not None and old[name].get("DeletionPolicy") != "Retain":
            resources._delete_resource(gone, old[name])
    stack.template, stack.template_dict, stack.parameters = template, new, parameters
    stack.output_map = stack._create_output_map()


def modify(stack: Stack, name: str, old: dict[str, Any], resource_json: dict[str, Any]) -> None:
    resources = stack.resource_map
    if replacement(old, resource_json) == "True":
        gone: Any = resources._parsed_resources.pop(name)
        resources[name]
        if resource_json.get("UpdateReplacePolicy") != "Retain":
            resources._delete_resource(gone, old)
        return
    where = {"account_id": stack.account_id, "region_name": stack.region_name}
    with event_of(stack, name, resource_json["Type"], "UPDATE", lambda: ""):
        changed: Any = parsing.parse_and_update_resource(name, resource_json, resources, **where)
    if changed is not None:  # moto cannot change some kinds, such as permissions
        resources._parsed_resources[name] = changed


def in_order(resources: dict[str, Any]) -> list[str]:
    """Return the resources, each after those that it refers to."""
    texts = {name: json.dumps(resource) for name, resource in resources.items()}
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        for other in texts:
            if other != name and other not in ordered and refers(texts[name], other):
                visit(other)
        ordered[name] = None

    for name in texts:
        visit(name)
    return list(ordered)


def operate(stack: Stack, verb: str, template: str, parameters: dict[str, str]) -> None:
    """Create or update a stack; after a failure, roll back as CloudFormation does."""
    before = (stack.template, stack.parameters)
    move(stack, f"{verb}_IN_PROGRESS", "User Initiated")
    try:
        change(stack, template, parameters)
    except Exception as error:  # noqa: BLE001 - whatever a resource raises fails the stack
        name = "ROLLBACK" if verb == "CREATE" else "UPDATE_ROLLBACK"
        move(stack, f"{name}_IN_PROGRESS", f"Rollback requested: {error!r}")
        if verb == "CREATE":
            remove(stack)
        else:
            change(stack, *before)  # type: ignore[arg-type]
        move(stack, f"{name}_COMPLETE")
    else:
        move(stack, f"{verb}_COMPLETE")


def remove(stack: Stack) -> None:
    """Delete the stack's resources, dependent ones first, except those to keep."""
    resources = stack.resource_map
    json_of = resources._resource_json_map
    left = {
        name: json.dumps(json_of[name]) for name in resources._parsed_resources if name in json_of
    }
    while left:
        unused = (n for n in left if not any(refers(left[o], n) for o in left if o != n))
        name = next(unused)
        del left[name]
        if json_of[name].get("DeletionPolicy") != "Retain":
            resources._delete_resource(resources._parsed_resources[name], json_of[name])
            del resources._parsed_resources[name]


def refers(resource: str, name: str) -> bool:
    """True if a resource, as JSON, refers to another or depends on it."""
    return f'"{name}"' in resource or f"${{{name}" in resource


def move(stack: Stack, status: str, reason: str | None = None) -> None:
    stack.status = status
    stack._add_stack_event(status, reason)
