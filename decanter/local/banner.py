"""Facts about the served API, for the text at start and for `/_gateway/info`."""

import os
import shutil
import sys
from typing import Any

from decanter import __version__
from decanter.gateway.model import Api
from decanter.local.examples import examples
from decanter.project.declaration import Declaration
from decanter.project.framework import Framework

LABEL_WIDTH = 14


def api_facts(api: Api, declared: Declaration) -> dict[str, Any]:
    """Return the API's routes and functions as JSON."""
    names = {handler.function: handler.name for handler in declared.websocket.values()}
    framework = declared.framework and Framework(declared.framework)
    messages = examples(declared, api.selection_expression, [*api.routes])
    return {
        "framework": str(framework) if framework else None,
        "selection_expression": api.selection_expression,
        "routes": {
            key: {
                "function": route.function,
                "handler": names.get(route.function),
                "two_way": route.two_way,
                "example": messages[key],
            }
            for key, route in sorted(api.routes.items())
        },
        "http_routes": list(api.http_routes),
        "schedules": dict(declared.schedules),
        "warnings": list(declared.warnings),
    }


def banner(about: dict[str, Any]) -> str:
    """Return the facts as labelled lines. The last one is a command that connects."""
    app = f"{about['app_name']}, stage {about['stage']}, {about['project']}"
    tables = ", ".join(about["tables"]) or "no table declared"
    if about["dynamodb_is_embedded"]:
        tables += " (in memory, for up to about a thousand rows)"
    processes = f"at most {about['concurrency']} of each function"
    lines = [
        ("Decanter", f"{__version__}: {app}"),
        ("Framework", about["framework"] or "none: the app does not use it"),
        ("WebSocket", about["websocket_url"]),
        ("@connections", f"{about['management_url']}/@connections/{{connectionId}}"),
        ("Console", about["console_url"]),
        *(("HTTP", f"{about['http_url']}{path}") for path in about["http_routes"]),
        *routes(about),
        *(("Schedule", f"{name}: {when}") for name, when in sorted(about["schedules"].items())),
        ("Template", about["template"] or "none"),
        ("DynamoDB", f"{about['dynamodb_url']}  {tables}"),
        ("Processes", f"{processes}, {'replaced' if about['reload'] else 'kept'} on changes"),
        *(("Debugger", text) for text in [about["debugger"]] if text),
        ("Connect", f"{tool()} client {about['websocket_url']}"),
    ]
    return "\n".join(f"{label:<{LABEL_WIDTH}}{text}" for label, text in lines)


def tool() -> str:
    """Return the command that runs this tool, also if it is not on the shell's path."""
    if shutil.which("decanter"):
        return "decanter"
    return f"{os.path.relpath(sys.executable)} -m decanter"


def routes(about: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a line for the selection expression and one for each route."""
    width = max((len(key) for key in about["routes"]), default=0)
    lines = [("Routes", f"by {about['selection_expression']}")]
    for key, route in about["routes"].items():
        handler = route["handler"] or "not in the app: an error frame"
        kind = ", two-way" if route["two_way"] else ""
        lines.append(("", f"  {key:<{width}}  {route['function']} ({handler}){kind}"))
    if "$default" not in about["routes"]:
        lines.append(("", "  no $default: a message that no route matches gets a Forbidden frame"))
    return lines
