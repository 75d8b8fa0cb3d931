"""Find references in a template to missing resources, parameters and conditions.

CloudFormation refuses a template with such a reference. For example, an override may refer to a
resource that Chalice creates only in another stage, such as `DefaultRole`. This module does not
find properties with an unknown name or a wrong type. That check needs CloudFormation's schemas,
which cfn-lint has.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from decanter.errors import ProjectError
from decanter.project.document import merged
from decanter.project.intrinsics import VARIABLE

SAM = "AWS::Serverless-2016-10-31"
FUNCTION = "AWS::Serverless::Function"

# The endings of the logical ids of resources that SAM creates for a function (AWS SAM Developer
# Guide, "Generated CloudFormation resources").
_OF_FUNCTION = ("Alias", "EventInvokeConfig", "Url", "Version")
_IMPLICIT_APIS = ("ServerlessHttpApi", "ServerlessRestApi")

Document = Mapping[str, Any]


class Reference(NamedTuple):
    """A reference in a template.

    `where` is its place in the template. `kind` is `resource`, `condition`, or `name`. A `name` is
    a resource or a parameter.
    """

    where: str
    kind: str
    name: str


def refuse_dangling(
    template: dict[str, Any], stage: str, others: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Raise a ProjectError for a dangling reference, whose target does not exist.

    `others` are the resources of the template into which this template is merged.
    """
    resources = merged(template.get("Resources", {}), {**others})
    for where, kind, name in dangling(template, resources):
        similar = difflib.get_close_matches(name, resources, cutoff=0.4)
        what = "resource or parameter" if kind == "name" else kind
        raise ProjectError(
            f"{where}: the template of stage {stage} has no {what} {name}: correct "
            f".chalice/overrides.json{'; similar names: ' + ', '.join(similar) if similar else ''}"
        )


def dangling(template: Document, resources: Mapping[str, Document]) -> Iterator[Reference]:
    """Yield the references whose target does not exist.

    If the template has a macro other than SAM's, yield nothing, because the macro may create any
    resource.
    """
    if template.get("Transform") not in (None, SAM, [SAM]):
        return
    names = {*resources, *template.get("Parameters", {})}
    conditions = template.get("Conditions", {})
    for reference in references(template):
        if reference.kind == "condition":
            exists = reference.name in conditions
        elif reference.kind == "name" and reference.name.startswith("AWS::"):
            exists = True
        else:
            known: Collection[str] = names if reference.kind == "name" else resources
            exists = reference.name in known or _is_generated(reference.name, resources)
        if not exists:
            yield reference


def references(template: Document) -> Iterator[Reference]:
    """Yield the references in a template."""
    for section in ("Resources", "Outputs"):
        for name, member in template.get(section, {}).items():
            where = f"{section}.{name}"
            if isinstance(condition := member.get("Condition"), str):
                yield Reference(f"{where}.Condition", "condition", condition)
            depends = member.get("DependsOn", [])
            for other in [depends] if isinstance(depends, str) else depends:
                yield Reference(f"{where}.DependsOn", "resource", other)
            rest = {key: it for key, it in member.items() if key not in {"Condition", "DependsOn"}}
            yield from _references(rest, where)
    for name, condition in template.get("Conditions", {}).items():
        yield from _references(condition, f"Conditions.{name}")


def _references(value: Any, where: str) -> Iterator[Reference]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        if len(value) == 1:
            yield from _called(*next(iter(value.items())), where)
        for key, item in value.items():
            yield from _references(item, f"{where}.{key}")


def _called(function: str, operand: Any, where: str) -> Iterator[Reference]:
    """Yield the references of an intrinsic function, not those of functions in its arguments."""
    first = operand[0] if isinstance(operand, list) and operand else operand
    if not isinstance(first, str):
        return
    if function == "Ref":
        yield Reference(where, "name", first.partition(".")[0])
    elif function == "Fn::GetAtt":
        yield Reference(where, "resource", first.partition(".")[0])
    elif function == "Fn::If" or (function == "Condition" and where.startswith("Conditions.")):
        yield Reference(where, "condition", first)
    elif function == "Fn::Sub":
        own = operand[-1] if isinstance(operand, list) and isinstance(operand[-1], dict) else {}
        for name in (match.strip() for match in VARIABLE.findall(first)):
            if name not in own and not name.startswith("!"):
                kind = "resource" if "." in name else "name"
                yield Reference(where, kind, name.partition(".")[0])


def _is_generated(name: str, resources: Mapping[str, Document]) -> bool:
    """True if SAM may create a resource with this logical id for another resource."""
    return name.startswith(_IMPLICIT_APIS) or any(
        name.startswith(owner) and _generates(resource, name.removeprefix(owner))
        for owner, resource in resources.items()
    )


def _generates(resource: Document, rest: str) -> bool:
    """True if SAM may create a resource for this one, with `rest` at the end of the new id."""
    kind, properties = resource.get("Type", ""), resource.get("Properties", {})
    if kind != FUNCTION:
        return str(kind).startswith("AWS::Serverless::")
    if rest == "Role":
        return "Role" not in properties
    return rest.startswith((*_OF_FUNCTION, *properties.get("Events", {})))
