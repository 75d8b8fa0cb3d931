"""Check the forms of the values in a template, so that a mistake has a place in its error."""

from collections.abc import Iterator, Mapping
from typing import Any

from decanter.project.intrinsics import function_name

TABLE = "AWS::DynamoDB::Table"
ROLE = "AWS::IAM::Role"

# A merge template need not repeat the type of a function.
FUNCTIONS = ("", "AWS::Serverless::Function", "AWS::Lambda::Function")

OBJECT, LIST = "an object", "a list of objects"

_FORMS = (
    (FUNCTIONS, ("Environment",), OBJECT),
    (FUNCTIONS, ("Environment", "Variables"), OBJECT),
    (FUNCTIONS, ("Events",), OBJECT),
    ((ROLE,), ("Policies",), LIST),
    ((TABLE,), ("AttributeDefinitions",), LIST),
    ((TABLE,), ("GlobalSecondaryIndexes",), LIST),
    ((TABLE,), ("KeySchema",), LIST),
    ((TABLE,), ("LocalSecondaryIndexes",), LIST),
    ((TABLE,), ("ProvisionedThroughput",), OBJECT),
    ((TABLE,), ("TimeToLiveSpecification",), OBJECT),
)
"""The types of resources, a property, and the form of the property."""


def mistakes(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the mistakes in a template, each with the place of the value.

    Sections are objects of objects.
    """
    for place in _nulls(document, ""):
        yield f"{place} is null or empty: give it a value or remove it"
    for name, resource in document.get("Resources", {}).items():
        yield from _in_resource(resource, f"Resources.{name}.Properties")


def _nulls(value: Any, place: str) -> Iterator[str]:
    if value is None:
        yield place
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _nulls(member, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _nulls(member, f"{place}[{index}]")


def _in_resource(resource: Mapping[str, Any], place: str) -> Iterator[str]:
    properties = resource.get("Properties", {})
    if not isinstance(properties, dict):
        yield f"{place} must be an object"
        return
    kind = resource.get("Type", "")
    for kinds, path, form in _FORMS:
        value = dig(properties, *path)
        if kind in kinds and value is not None and not _has_form(value, form):
            yield f"{place}.{'.'.join(path)} must be {form}"
    if kind in FUNCTIONS:
        variables = dig(properties, "Environment", "Variables")
        for name, value in variables.items() if isinstance(variables, dict) else ():
            if isinstance(value, list) or (isinstance(value, dict) and not function_name(value)):
                yield f"{place}.Environment.Variables.{name} must be text or a function such as Ref"


def _has_form(value: Any, form: str) -> bool:
    if function_name(value):  # its value may have any form
        return True
    if form == OBJECT:
        return isinstance(value, dict)
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def dig(value: Any, *path: str) -> Any:
    """Return a member of nested objects; None if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
