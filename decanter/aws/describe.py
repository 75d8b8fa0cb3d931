"""`decanter describe`: the template's routes, functions, tables and policies, as Mermaid.

Only the merge template is read. There is no request to AWS, and the app is not imported.
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

# Every function has these rights, so the diagram leaves them out.
LOGS = "logs:"
FUNCTIONS = ("websocket_connect", "websocket_message", "websocket_disconnect", "api_handler")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter describe`."""
    add_project_arguments(parser)
    parser.add_argument(
        "--template",
        type=Path,
        metavar="FILE",
        help=f"the template to read (default: the project's {TEMPLATE})",
    )


def run(args: argparse.Namespace) -> int:
    """Print the diagram."""
    project = Project.load(args.project_dir, args.stage)
    path = args.template or project.directory / TEMPLATE
    template = project.template(args.template)
    if template is None:
        raise ProjectError(f"{path} does not exist: write it with `decanter template`")
    resources = read_template(path)["Resources"]
    for line in diagram(template.routes() or _chalices_routes(), resources):
        print(line)
    return 0


def diagram(routes: Sequence[Route], resources: Section) -> Iterator[str]:
    """Return a flowchart: route → function → the resources that its policy allows.

    Args:
        routes: the API's routes.
        resources: the template's resources, with the tables and the roles.
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
    """Return the logical ids of functions without a route: only schedules invoke these."""
    known = {logical_id(function) for function in FUNCTIONS}
    return [
        name
        for name, resource in sorted(resources.items())
        if "LoggingConfig" in resource.get("Properties", {}) and name not in known
    ]


def _reach(function: str, resources: Section) -> Iterator[str]:
    """Yield an edge for each statement of a function's role: the action and its resource."""
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
    """Return the resources of a statement, by logical id if the template has them."""
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
    """Return a resource as text that is valid in Mermaid's quotes."""
    text = resource if isinstance(resource, str) else json.dumps(resource)
    return text.replace('"', "#quot;")


def _id(text: str) -> str:
    """Return a node's name in Mermaid: letters and digits, different for different texts."""
    return "n" + "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in text)
