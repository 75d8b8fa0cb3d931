"""`decanter describe`: draw the template's routes, functions, tables, queues and policies.

The command sends no request to AWS. With `--template`, the command reads only the given file.
Otherwise, it reads the project's template. If `decanter template` wrote this template, the template
is complete, so the app is not imported. The user's own template is completed from the app's
declarations.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from decanter.arguments import add_project_arguments
from decanter.aws.overrides import described
from decanter.aws.ownership import SOURCES, mark_of
from decanter.aws.template import build
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import HTTP_FUNCTION
from decanter.project.document import merged, read_template
from decanter.project.stack import WEBSOCKET_API, Stack, logical_id, role_id
from decanter.project.template import (
    CHALICE_ROUTES,
    POLICIES,
    QUEUE,
    TABLE,
    TEMPLATE,
    Route,
    Template,
    is_attached,
)

Section = Mapping[str, Any]

SHAPES = {TABLE: '[("{}")]', QUEUE: '[["{}"]]'}
"""The shape of a resource's node in the diagram, by the type of the resource."""

# Every function may write its log, so the diagram does not show actions with this prefix.
LOGS = "logs:"
FUNCTIONS = ("websocket_connect", "websocket_message", "websocket_disconnect")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter describe`."""
    add_project_arguments(parser)
    parser.add_argument(
        "--template",
        type=Path,
        metavar="FILE",
        help=f"read only this template (default: the project's {TEMPLATE}, and "
        "the app's declarations if `decanter template` did not write this file)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the diagram."""
    project = Project.load(args.project_dir, args.stage)
    document = read_template(args.template) if args.template else _document(project)
    stack = Stack(project.app_name, project.chalice_stage, api_stage=project.api_stage)
    template = Template(document, stack, str(args.template or TEMPLATE))
    sources = mark_of(document).get(SOURCES, {})
    for line in diagram(template.routes() or _chalices_routes(), document["Resources"], sources):
        print(line)
    return 0


def _document(project: Project) -> Section:
    """Return the complete template of the project.

    Raises:
        ProjectError: the project has no template, or the app cannot be imported.
    """
    path = project.directory / TEMPLATE
    if not project.own_templates:
        raise ProjectError(f"{path} does not exist: write it with `decanter template`")
    own = read_template(path) if path.is_file() else {}
    return own if mark_of(own) else merged(own, build(project, described(project)))


def diagram(routes: Sequence[Route], resources: Section, sources: Section) -> Iterator[str]:
    """Yield the lines of a flowchart from routes to functions, and from functions to resources.

    `sources` contains, by logical id, the kind and the name of the event source of each function
    that no WebSocket client invokes.
    """
    yield "flowchart LR"
    yield '    client(["clients"])'
    for route in routes:
        label = f"{route.route_key}<br/>{route.operation_name or ''}".removesuffix("<br/>")
        yield f'    client --> {_id(route.route_key)}{{{{"{label}"}}}} --> {route.function}'
    for name, resource in resources.items():
        if shape := SHAPES.get(resource.get("Type", "")):
            yield f"    {name}{shape.format(name)}"
            yield from _dead_letters(name, resource, resources)
    yield f'    {WEBSOCKET_API}(["@connections"]) --> client'
    for function in FUNCTIONS:
        if logical_id(function) in resources or any(r.function == function for r in routes):
            yield f'    {function}["{function}"]'
            yield from _reach(function, resources)
    for name in _without_routes(resources):
        kind, source = sources.get(name, ("schedule", ""))
        if kind == "http":
            for path in source.split():
                yield f'    client --> {_id(path)}{{{{"{_label(path)}"}}}} --> {HTTP_FUNCTION}'
            yield f'    {HTTP_FUNCTION}["{HTTP_FUNCTION}"]'
            yield from _reach(HTTP_FUNCTION, resources)
            continue
        node = f'{_id(f"{kind} {source}")}(["{_label(f"{kind} {source}".strip())}"])'
        shape = f"{source if source in resources else node} --> "
        yield f'    {"" if kind == "lambda" else shape}{name}["{name}"]'
        yield from _reach(name, resources)


def _dead_letters(name: str, resource: Section, resources: Section) -> Iterator[str]:
    """Yield the edge from a queue to its dead-letter queue, if the template has both."""
    policy = resource.get("Properties", {}).get("RedrivePolicy", {})
    for target in _named(policy.get("deadLetterTargetArn"), resources) if policy else ():
        yield f'    {name} -.->|"after {policy.get("maxReceiveCount")} receives"| {target}'


def _without_routes(resources: Section) -> list[str]:
    """Return the logical ids of functions that no WebSocket client invokes."""
    known = {logical_id(function) for function in FUNCTIONS}
    return [
        name
        for name, resource in sorted(resources.items())
        if "LoggingConfig" in resource.get("Properties", {}) and name not in known
    ]


def _reach(function: str, resources: Section) -> Iterator[str]:
    """Yield an edge for each resource in the statements of a function's role."""
    for statement in _statements(function, resources):
        actions = [a for a in _list(statement.get("Action", [])) if not a.startswith(LOGS)]
        actions += [f"all but {a}" for a in _list(statement.get("NotAction", []))]
        if actions:
            denied = ["not allowed:"] if statement.get("Effect") == "Deny" else []
            label = "<br/>".join([*denied, *actions])
            for target in dict.fromkeys(_targets(statement, resources)):
                yield f'    {function} -->|"{label}"| {target}'


def _statements(function: str, resources: Section) -> Iterator[Section]:
    """Yield the statements of a function's role, and of the policies that are attached to it."""
    role = role_id(function)
    policies = [*resources.get(role, {}).get("Properties", {}).get("Policies", ())]
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if resource.get("Type") in POLICIES and is_attached(properties, role):
            policies.append(properties)
    for policy in policies:
        yield from _list(policy["PolicyDocument"]["Statement"])


def _targets(statement: Section, resources: Section) -> Iterator[str]:
    """Yield the node of each resource of a statement: the logical id for tables and queues."""
    for resource in _list(statement.get("Resource", statement.get("NotResource", "*"))):
        text = json.dumps(resource)
        if named := _named(resource, resources):
            yield named[0]
        elif "@connections" in text:
            yield WEBSOCKET_API
        else:
            yield f'{_id(text)}["{_label(resource)}"]'


def _named(value: Any, resources: Section) -> list[str]:
    """Return the logical ids of the tables and queues in a value."""
    text = json.dumps(value)
    shown = [name for name, it in resources.items() if it.get("Type") in SHAPES]
    return [name for name in shown if f'"{name}"' in text or f"${{{name}." in text]


def _chalices_routes() -> list[Route]:
    """Return the routes that Chalice adds, for a template that does not name them."""
    return [
        Route(
            properties["RouteKey"],
            None,
            f"websocket_{name.removeprefix('Websocket').removesuffix('Route').lower()}",
            route_response=False,
        )
        for name, properties in CHALICE_ROUTES.items()
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _label(resource: Any) -> str:
    """Return the name of a resource as text that is valid between Mermaid's quotes."""
    text = resource if isinstance(resource, str) else json.dumps(resource)
    return text.replace('"', "#quot;")


def _id(text: str) -> str:
    """Return the id of a text's node in Mermaid. Different texts have different ids."""
    return "n" + "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in text)
