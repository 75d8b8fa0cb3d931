"""The facts about the running gateway: for the terminal at start, and for `/_gateway/info`."""

import os
import shutil
import sys
from typing import Any

from decanter import __version__
from decanter.gateway.model import Api
from decanter.project.declaration import Declaration
from decanter.project.framework import Framework

LABEL_WIDTH = 14


def api_facts(api: Api, declared: Declaration) -> dict[str, Any]:
    """Return the API's routes, with their functions, as JSON."""
    names = {handler.function: handler.name for handler in declared.websocket.values()}
    framework = declared.framework and Framework(declared.framework)
    return {
        "framework": str(framework) if framework else None,
        "selection_expression": api.selection_expression,
        "routes": {
            key: {
                "function": route.function,
                "handler": names.get(route.function),
                "two_way": route.two_way,
            }
            for key, route in sorted(api.routes.items())
        },
        "http_routes": list(api.http_routes),
        "schedules": dict(declared.schedules),
        "warnings": list(declared.warnings),
    }


def banner(about: dict[str, Any]) -> str:
    """Return the facts as lines, each with a label; the last line shows how to connect."""
    app = f"{about['app_name']}, stage {about['stage']}, {about['project']}"
    tables = ", ".join(about["tables"]) or "no table declared"
    if about["dynamodb_is_embedded"]:
        tables += " (in memory, good to about a thousand rows)"
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
        ("Connect", f"{tool()} client {about['websocket_url']}"),
    ]
    return "\n".join(f"{label:<{LABEL_WIDTH}}{text}" for label, text in lines)


def tool() -> str:
    """Return this tool's command: a virtual environment may not be on the shell's path."""
    if shutil.which("decanter"):
        return "decanter"
    return f"{os.path.relpath(sys.executable)} -m decanter"


def routes(about: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the selection expression, and a line for each route."""
    width = max((len(key) for key in about["routes"]), default=0)
    lines = [("Routes", f"by {about['selection_expression']}")]
    for key, route in about["routes"].items():
        handler = route["handler"] or "missing in the app: clients get an error frame"
        kind = ", two-way" if route["two_way"] else ""
        lines.append(("", f"  {key:<{width}}  {route['function']} ({handler}){kind}"))
    if "$default" not in about["routes"]:
        lines.append(
            ("", "  no $default: a message without a matching route gets a Forbidden frame")
        )
    return lines
