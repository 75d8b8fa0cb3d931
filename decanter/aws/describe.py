"""`decanter describe`: routes, functions, tables and policies of the template, as Mermaid.

Only the merge template is read: nothing is asked of AWS, and the app is not imported.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from decanter.arguments import add_project_arguments
from decanter.errors import ProjectError
from decanter.project.config import TEMPLATE, Project
from decanter.project.document import read_template
from decanter.project.stack import WEBSOCKET_API, logical_id
from decanter.project.template import CHALICE_ROUTES, TABLE, Route

Section = Mapping[str, Any]

# What every function does; a picture of it says nothing.
LOGS = "logs:"
FUNCTIONS = ("websocket_connect", "websocket_message", "websocket_disconnect", "api_handler")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter describe`."""
    add_project_arguments(parser)
    parser.add_argument(
        "--template",
        type=Path,
        metavar="FILE",
        help=f"another template than the project's {TEMPLATE}",
    )


def run(args: argparse.Namespace) -> int:
    """Print the diagram."""
    project = Project.load(args.project_dir, args.stage)
    path = args.template or project.directory / TEMPLATE
    template = project.template(args.template)
    if template is None:
        raise ProjectError(f"there is no {path}: `decanter template` writes it")
    resources = read_template(path)["Resources"]
    for line in diagram(template.routes() or _chalices_routes(), resources):
        print(line)
    return 0


def diagram(routes: Sequence[Route], resources: Section) -> Iterator[str]:
    """A flowchart: route → function → what its policy lets it reach.

    Args:
        routes: the API's.
        resources: the template's, which hold the tables and the roles.
    """
    yield "flowchart LR"
    yield '    client(["clients"])'
    for route in routes:
        label = f"{route.route_key}<br/>{route.operation_name or ''}".removesuffix("<br/>")
        yield f'    client --> {_id(route.route_key)}{{{{"{label}"}}}} --> {route.function}'
    for name, resource in resources.items():
        if resource.get("Type") == TABLE:
            yield f'    {name}[("{name}")]'
    yield f'    {WEBSOCKET_API}(["@connections"]) --> client'
    for function in FUNCTIONS:
        if logical_id(function) in resources or any(r.function == function for r in routes):
            yield f'    {function}["{function}"]'
            yield from _reach(function, resources)
    for name in _scheduled(resources):
        yield f'    schedule(["schedule"]) --> {name}["{name}"]'
        yield from _reach(name, resources)


def _scheduled(resources: Section) -> list[str]:
    """The logical ids of further functions: only a schedule reaches one that is behind no route."""
    known = {logical_id(function) for function in FUNCTIONS}
    return [
        name
        for name, resource in sorted(resources.items())
        if "LoggingConfig" in resource.get("Properties", {}) and name not in known
    ]


def _reach(function: str, resources: Section) -> Iterator[str]:
    """What a function may do, to what: an edge for each statement of its role."""
    for statement in _statements(function, resources):
        actions = [a for a in _list(statement["Action"]) if not a.startswith(LOGS)]
        if actions:
            label = "<br/>".join(actions)
            for target in dict.fromkeys(_targets(statement, resources)):
                yield f'    {function} -->|"{label}"| {target}'


def _statements(function: str, resources: Section) -> Iterator[Section]:
    role = resources.get(f"{logical_id(function)}Role", {})
    for policy in role.get("Properties", {}).get("Policies", ()):
        yield from policy["PolicyDocument"]["Statement"]


def _targets(statement: Section, resources: Section) -> Iterator[str]:
    """The resources that a statement is about, by logical id where the template has them."""
    for resource in _list(statement["Resource"]):
        text = json.dumps(resource)
        tables = [n for n, it in resources.items() if it.get("Type") == TABLE and f'"{n}"' in text]
        if tables:
            yield tables[0]
        elif "@connections" in text:
            yield WEBSOCKET_API
        else:
            yield f'{_id(text)}["{_label(resource)}"]'


def _chalices_routes() -> list[Route]:
    """The routes that Chalice makes of itself, for a template that does not speak of them."""
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
    """A resource as text that Mermaid takes in quotes."""
    text = resource if isinstance(resource, str) else json.dumps(resource)
    return text.replace('"', "#quot;")


def _id(text: str) -> str:
    """A node's name in Mermaid: letters and digits, different for different texts."""
    return "n" + "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in text)
