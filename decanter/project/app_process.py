"""Load a Chalice project's app and report its declarations, in a process for that purpose.

This file is run by path, `python -P app_process.py describe PROJECT --fd N`, in the project's own
environment, and loaded by path by the local gateway's workers. So it imports only the standard
library and no other module of Decanter: the project must see its own modules and no others.
"""

import argparse
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

# Chalice accepts a function's configuration only under these names, independent of the handlers'
# names (chalice.deploy.appgraph).
FUNCTION_OF_ROUTE = {
    "$connect": "websocket_connect",
    "$default": "websocket_message",
    "$disconnect": "websocket_disconnect",
}

NO_HANDLER = (
    "app.py has no WebSocket handler: clients can connect, but each message is answered with a "
    "Forbidden frame. Add one with @app.on_ws_message()."
)
NO_FLAG = (
    "app.py does not enable Chalice's WebSockets, and cannot be deployed: add the line "
    'app.experimental_feature_flags.update(["WEBSOCKETS"]) after the line that creates the app.'
)


class LoadError(Exception):
    """The project's app could not be loaded.

    Attributes:
        kind: `missing_app_py`, `syntax_error`, `import_error` or `no_app_object`.
        message: one line: the error and its place.
        detail: the traceback, from the project's first line on; empty if it adds nothing.
    """

    def __init__(self, kind: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail

    def report(self) -> dict[str, Any]:
        """Return the failure as the JSON object that `describe` writes."""
        return {"ok": False, "kind": self.kind, "message": self.message, "detail": self.detail}


def load(project: Path) -> tuple[ModuleType, Any]:
    """Import the project's `app.py` as Chalice does. The caller must have called `enter`.

    Returns:
        The module, and its `app` object.

    Raises:
        LoadError: with a one-line message.
    """
    source = project / "app.py"
    if not source.is_file():
        raise LoadError("missing_app_py", f"there is no app.py in {project}")
    try:
        module = importlib.import_module("app")
    except SyntaxError as error:
        where = f"{error.filename or source}:{error.lineno}"
        caret = "".join(traceback.format_exception_only(error))
        raise LoadError("syntax_error", f"{where}: {error.msg}", caret) from error
    except BaseException as error:
        text = f"importing {source} failed: {type(error).__name__}: {first_line(str(error))}"
        raise LoadError("import_error", text, project_traceback(error)) from error
    app = getattr(module, "app", None)
    if not hasattr(app, "handler_map"):
        raise LoadError("no_app_object", f"{source} has no Chalice object named `app`")
    return module, app


def enter(project: Path) -> None:
    """Make imports search the project: its root first, `vendor/` last."""
    os.chdir(project)
    sys.path.insert(0, str(project))
    vendor = project / "vendor"
    if vendor.is_dir():
        sys.path.append(str(vendor))


def first_line(text: str) -> str:
    """Return the first line of a message, which may be empty."""
    return (text.splitlines() or [""])[0]


def project_traceback(error: BaseException) -> str:
    """Return the traceback without our own frames and those of the import system."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename != __file__ and "importlib" not in f.filename]
    return "".join(traceback.format_list(own) + traceback.format_exception_only(error))


def declaration(module: ModuleType, app: Any) -> dict[str, Any]:
    """Return the app's declarations, as the JSON object that `describe` writes."""
    return {
        "ok": True,
        "app_name": app.app_name,
        "framework": framework(),
        "websocket": websocket_handlers(app),
        "http_routes": sorted(getattr(app, "routes", {})),
        "schedules": schedules(app),
        "warnings": warnings_about(app),
        "refusal": refusal(app),
        "declarations": declarations(vars(module)),
    }


def framework() -> str | None:
    """Return the folder of the framework that the app imported; None if it uses none."""
    runtime = getattr(sys.modules.get("decanter.runtime"), "__file__", None)
    return str(Path(runtime).parents[1]) if runtime else None


def websocket_handlers(app: Any) -> dict[str, dict[str, str]]:
    """Return route key → the handler's name in Chalice and its function's configuration key."""
    return {
        route_key: {"name": handler.name, "function": FUNCTION_OF_ROUTE[route_key]}
        for route_key, handler in sorted(app.websocket_handlers.items())
    }


def schedules(app: Any) -> dict[str, str]:
    """Return each scheduled function's name, also its configuration's → `rate(…)` or `cron(…)`."""
    from chalice.app import ScheduledEventConfig, ScheduleExpression

    found = {}
    for source in app.event_sources:
        if isinstance(source, ScheduledEventConfig):
            when = source.schedule_expression
            found[source.name] = when.to_string() if isinstance(when, ScheduleExpression) else when
    return found


def warnings_about(app: Any) -> list[str]:
    """Return warnings about errors that Chalice accepts silently and that fail later."""
    if not app.websocket_handlers:
        return [NO_HANDLER]
    refused = refusal(app)
    return [*([refused] if refused else []), *unwrapped(app)]


def refusal(app: Any) -> str | None:
    """Return why Chalice would refuse to package the app; None if it would not."""
    flagged = "WEBSOCKETS" in app.experimental_feature_flags
    return NO_FLAG if app.websocket_handlers and not flagged else None


def unwrapped(app: Any) -> list[str]:
    """Return a warning for each handler that Chalice does not wrap."""
    from chalice.app import WebsocketEventSourceHandler

    return [
        f"{handler.name} ({route_key}) is registered through a Blueprint: Chalice never wraps "
        "such a handler, so Lambda calls it with (event, context) and it fails. "
        "Register it on the app itself."
        for route_key, handler in sorted(app.websocket_handlers.items())
        if not isinstance(app.handler_map[handler.name], WebsocketEventSourceHandler)
    ]


def declarations(names: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return the answers of the app's objects to `__decanter__()`, each once."""
    seen: list[dict[str, Any]] = []
    for declare in declaring(names, set()):
        if (said := declare()) is not None and said not in seen:
            seen.append(said)
    return seen


def declaring(names: Mapping[str, object], visited: set[int]) -> Iterator[Callable[[], Any]]:
    """Yield the `__decanter__` of each object that app.py names or reaches.

    A project may keep its router and its tables in `chalicelib/`: app.py may name a module of that
    folder, or only a router that refers to its table.
    """
    for value in names.values():
        if id(value) in visited:
            continue
        visited.add(id(value))
        declare = getattr(value, "__decanter__", None)
        if callable(declare):
            yield declare
        if callable(declare) or is_of_chalicelib(value):
            yield from declaring(getattr(value, "__dict__", {}), visited)


def is_of_chalicelib(value: object) -> bool:
    """True for a module of the project's `chalicelib/`."""
    return isinstance(value, ModuleType) and value.__name__.partition(".")[0] == "chalicelib"


def describe(project: Path) -> dict[str, Any]:
    """Load the project. Return its declarations, or the error."""
    enter(project)
    try:
        return declaration(*load(project))
    except LoadError as error:
        return error.report()


def main() -> None:
    """Write the report to the given file descriptor: the app may print to the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["describe"])
    parser.add_argument("project", type=Path)
    parser.add_argument("--fd", type=int, default=1)
    arguments = parser.parse_args()
    report = json.dumps(describe(arguments.project.resolve()))
    os.write(arguments.fd, report.encode())


if __name__ == "__main__":
    main()
