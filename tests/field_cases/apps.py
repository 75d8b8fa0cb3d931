"""Small projects as their developers write them, and `decanter` run on them."""

import contextlib
import importlib.util
import io
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decanter.cli import main
from decanter.project.stack import role_id
from tests.support.projects import CONFIG, write_project

PLAIN = """\
import os, boto3
from chalice import Chalice

app = Chalice(app_name="pour")
app.websocket_api.session = boto3.Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])
"""

HANDLERS = """

@app.on_ws_connect()
def connect(event):
    pass


@app.on_ws_message()
def message(event):
    pass
"""


AUCTION = """
from dataclasses import dataclass

@dataclass
class Bid:
    item: str
    amount: int

@router.route("bid")
def bid(request, payload: Bid):
    if payload.amount < 0:
        raise ValueError("a negative bid")
    print("a bid of", payload.amount)
    request.reply({"bid": payload.amount})
"""
"""For a FRAMEWORK app: a route with a payload type, which raises for a negative amount."""


def framework_project(folder: Path, source: str, config: Mapping[str, Any] | str = CONFIG) -> Path:
    """Write a project whose app uses the framework."""
    write_project(folder, source, config)
    return folder


def stage(**variables: str) -> dict[str, Any]:
    """Return a configuration with one stage that has these environment variables."""
    stages = {"dev": {"environment_variables": variables}}
    return {"version": "2.0", "app_name": "pour", "stages": stages}


def plain_project(folder: Path, source: str, template: Any = None, **variables: str) -> Path:
    """Write a project whose app.py is PLAIN and the source."""
    return write_project(folder, f"{PLAIN}\n{source}", stage(**variables), template)


@contextlib.contextmanager
def imported(project: Path) -> Iterator[Any]:
    """Import a project's app in this process, under its own module name."""
    name = f"app_{abs(hash(project))}"
    spec = importlib.util.spec_from_file_location(name, project / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module.app
    finally:
        del sys.modules[name]


@dataclass(frozen=True)
class Done:
    """A finished command: its exit status and its output."""

    status: int
    out: str
    err: str

    @property
    def output(self) -> str:
        return self.out + self.err

    @property
    def reason(self) -> str:
        """Return the last line on standard error."""
        return (self.err.splitlines() or [""])[-1]

    @property
    def refused(self) -> bool:
        """True if it ended as a user's mistake does: one line, no traceback, status 2."""
        return self.status == 2 and self.err.count("\n") == 1


def run(*arguments: str | Path) -> Done:
    """Run `decanter` in this process, which saves a second."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([*map(str, arguments)])
        except SystemExit as end:  # argparse, after --help or for an unknown option
            status = int(end.code or 0)
    return Done(status, out.getvalue(), err.getvalue())


def resources_of(project: Path, stage: str = "dev") -> dict[str, Any]:
    """Return the resources of the template that `decanter template` writes."""
    done = run("template", "--project-dir", project, "--stage", stage, "--output", "-")
    assert done.status == 0, done.reason
    found: dict[str, Any] = json.loads(done.out)["Resources"]
    return found


def packaged(project: Path) -> dict[str, Any]:
    """Return the template that `decanter package` makes."""
    done = run("package", "--project-dir", project)
    assert done.status == 0, done.reason
    path = project / "build" / "package" / "dev" / "result" / "sam.json"
    template: dict[str, Any] = json.loads(path.read_text())
    return template


def granted(resources: Mapping[str, Any], function: str) -> set[str]:
    """Return the actions that a function's own role allows, except for logs."""
    role = resources.get(role_id(function), {})
    return {
        action
        for policy in role.get("Properties", {}).get("Policies", ())
        for statement in policy["PolicyDocument"]["Statement"]
        for action in _list(statement["Action"])
        if not action.startswith("logs:")
    }


def variables(resources: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the logical id and the environment variables of each function that has some."""
    for name, resource in resources.items():
        environment = resource.get("Properties", {}).get("Environment", {})
        if environment:
            yield name, environment["Variables"]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
