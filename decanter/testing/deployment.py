"""The deployment of an app that a test has imported: its API, its tables, its variables."""

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from decanter.gateway.events import API_ID
from decanter.gateway.model import Api
from decanter.local.deployment import additions, api_of
from decanter.project import app_process as inside
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.framework import framework_in_use
from decanter.project.tables import Table
from decanter.project.template import Template

STAGE = "api"


@dataclass(frozen=True)
class Deployment:
    """One app at one stage of its project.

    Attributes:
        api: its routes.
        handlers: a function's configuration key → the handler's name in Chalice.
        tables: those of its template or its models.
        environments: a function's configuration key → its variables.
        timeouts: a function's configuration key → seconds.
    """

    api: Api
    handlers: Mapping[str, str]
    tables: list[Table]
    environments: Mapping[str, Mapping[str, str]]
    timeouts: Mapping[str, float]

    @classmethod
    def of(cls, app: Any, stage: str, project_dir: Path | None) -> Self:
        """Return an app's deployment.

        Args:
            app: the Chalice object.
            stage: the stage in its project's configuration, if it has a project.
            project_dir: the project; by default the folder of the file with the app's handlers, if
                it
                has a configuration.

        Raises:
            ProjectError: the project is invalid.
        """
        module = module_of(app)
        declared = Declaration.from_json(inside.declaration(module, app))
        project = find_project(module, stage, project_dir)
        if project:
            framework_in_use(project.directory, declared.framework)
        template = project.template(api_id=API_ID) if project else None
        api = api_of(project.api_stage if project else STAGE, declared, *additions(template))
        tables = _tables(declared, project, template)
        named = {} if project else _names(declared)
        return cls(
            api,
            {each.function: each.name for each in declared.websocket.values()},
            tables,
            {f: named | _environment(f, project, template) for f in declared.functions},
            {f: project.timeout(f) if project else 60 for f in declared.functions},
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables of all functions; different values are set while a function runs."""
        merged: dict[str, str] = {}
        for variables in self.environments.values():
            merged |= variables
        return merged


def module_of(app: Any) -> ModuleType:
    """Return the module with the app's handlers."""
    for handler in app.websocket_handlers.values():
        function = inspect.unwrap(handler.handler_function)
        if module := sys.modules.get(function.__module__):
            return module
    return ModuleType("app")


def find_project(module: ModuleType, stage: str, project_dir: Path | None) -> Project | None:
    """Return the project of an app's module; None for an app inside a test."""
    if project_dir is not None:
        return Project.load(project_dir, stage)
    if (file := getattr(module, "__file__", None)) is None:
        return None
    folder = Path(file).parent
    is_project = (folder / ".chalice" / "config.json").is_file() and (folder / "app.py").is_file()
    return Project.load(folder, stage) if is_project else None


def _tables(
    declared: Declaration, project: Project | None, template: Template | None
) -> list[Table]:
    if template is not None:
        return template.tables()
    if project is not None:
        return project.declared_tables(declared)
    names = _names(declared)
    return [
        Table(
            {
                "TableName": names[table.environment],
                **table.schema(),
                "ProvisionedThroughput": table.capacity(),
            },
            table.ttl_attribute,
        )
        for table in declared.tables
    ]


def _names(declared: Declaration) -> dict[str, str]:
    """Return the variables that name the tables, for an app without a configuration."""
    return {each.environment: f"{declared.app_name}-{each.logical_id}" for each in declared.tables}


def _environment(
    function: str, project: Project | None, template: Template | None
) -> dict[str, str]:
    own = project.environment(function) if project else {}
    return own | (template.environment(function) if template else {})
