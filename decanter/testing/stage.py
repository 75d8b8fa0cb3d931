"""Find a project's folder and its stage's environment variables, without importing the app.

The pytest plugin imports this module in every run, so this module does not import Chalice or
botocore, which are slow to import.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from decanter.errors import ProjectError
from decanter.project.stages import check_stage
from decanter.testing.environ import REGION

CONFIG = Path(".chalice", "config.json")
CHOOSES_STAGE = "pytest's setting decanter_stage chooses the stage"


def project_at(folder: Path) -> Path | None:
    """Return the nearest Chalice project at or above a folder or file in the same repository."""
    folder = folder.resolve()
    for each in (folder, *folder.parents):
        if (each / CONFIG).is_file():
            return each
        if (each / ".git").exists():
            return None
    return None


def check_chosen_stage(project: Path, stage: str) -> None:
    """Raise StageError if the configuration is readable, but does not have the stage."""
    if document := _read(project / CONFIG):
        check_stage(project / CONFIG, _object(document, "stages"), stage)


def stage_environment(project: Path, stage: str) -> dict[str, str]:
    """Return the environment variables of all functions of a stage.

    A function of the stage may have another value for a variable. The merge template has priority
    over the configuration. A variable is omitted if its value is not known on this machine.
    Mistakes are ignored here, because a new `WebSocketClient` reports them.
    """
    document = _read(project / CONFIG)
    merged: dict[str, str] = {}
    for scope in _scopes(document, stage):
        variables = _object(scope, "environment_variables")
        merged |= {name: value for name, value in variables.items() if isinstance(value, str)}
    return merged | _of_template(project, stage, document)


def _scopes(document: Mapping[str, Any], stage: str) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of the configuration that Chalice merges. Later parts have priority."""
    here = _object(_object(document, "stages"), stage)
    functions = _object(here, "lambda_functions")
    yield from (document, here, *(_object(functions, name) for name in sorted(functions)))


def _of_template(project: Path, stage: str, document: Mapping[str, Any]) -> dict[str, str]:
    try:
        from decanter.project.stack import Stack
        from decanter.project.template import Template, own_templates
    except ModuleNotFoundError:  # without the extra `local`, no test can open a client
        return {}
    if not (paths := own_templates(project)):
        return {}
    here = _object(_object(document, "stages"), stage)
    api_stage = here.get("api_gateway_stage") or document.get("api_gateway_stage") or "api"
    stack = Stack(str(document.get("app_name")), stage, REGION, api_stage=str(api_stage))
    try:
        found = Template.read(paths, stack).variables()
    except ProjectError:
        return {}
    return {name: value for name, value in found.items() if value is not None}


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    member = parent.get(name)
    return member if isinstance(member, dict) else {}
