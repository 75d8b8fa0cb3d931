"""A Chalice project at one stage, with its folder, its configuration and its template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from chalice.config import Config
from chalice.constants import (
    DEFAULT_APIGATEWAY_STAGE_NAME,
    DEFAULT_LAMBDA_MEMORY_SIZE,
    DEFAULT_LAMBDA_TIMEOUT,
    DEFAULT_STAGE_NAME,
)

from decanter.errors import ProjectError
from decanter.project.config_values import check_values, is_object_of_objects
from decanter.project.credentials import DEFAULT_REGION
from decanter.project.declaration import Declaration, TableDeclaration
from decanter.project.document import read_json
from decanter.project.stack import Stack
from decanter.project.stages import check_stage
from decanter.project.tables import Table
from decanter.project.template import Template, own_templates

# The names of JSON's types, for errors.
KINDS = {bool: "a boolean", int: "a number", float: "a number", list: "an array", dict: "an object"}


@dataclass(frozen=True)
class Project:
    """A Chalice project at one stage.

    Attributes:
        directory: the absolute path of the project's folder.
        chalice_stage: the stage in `.chalice/config.json`. API Gateway's stage is `api_stage`.
        config: Chalice's own configuration object.
    """

    directory: Path
    chalice_stage: str
    config: Config

    @classmethod
    def load(cls, directory: Path, stage: str = DEFAULT_STAGE_NAME) -> Self:
        """Read a project's configuration, without importing the app.

        Raises:
            ProjectError: the folder is not a Chalice project, or the configuration is invalid or
                has no such stage.
        """
        directory = directory.resolve()
        _check_folder(directory)
        path = directory / ".chalice" / "config.json"
        document = read_json(path)
        _check_stage(path, document, stage)
        config = Config(
            chalice_stage=stage,
            config_from_disk=document,
            default_params={
                "project_dir": str(directory),
                "api_gateway_stage": DEFAULT_APIGATEWAY_STAGE_NAME,
                "autogen_policy": True,
            },
        )
        return cls(directory=directory, chalice_stage=stage, config=config)

    @property
    def config_path(self) -> Path:
        """The path of `.chalice/config.json`."""
        return self.directory / ".chalice" / "config.json"

    @property
    def app_name(self) -> str:
        """The app's name in the configuration."""
        name: str = self.config.app_name
        return name

    @property
    def api_stage(self) -> str:
        """The stage in API Gateway. Chalice's stage may have another name."""
        stage: str = self.config.api_gateway_stage
        return stage

    def environment(self, function: str) -> dict[str, str]:
        """Return a function's environment variables, merged by Chalice's rules.

        `function` is the function's configuration key, such as `websocket_connect`.

        Raises:
            ProjectError: a value is not a string.
        """
        return self._strings(self.scope(function).environment_variables, function)

    @property
    def stage_environment(self) -> dict[str, str]:
        """The stage's environment variables, without the variables of single functions.

        Raises:
            ProjectError: a value is not a string.
        """
        return self._strings(self.config.environment_variables, f"stage {self.chalice_stage}")

    def _strings(self, variables: dict[str, Any], owner: str) -> dict[str, str]:
        for name, value in variables.items():
            if not isinstance(value, str):
                raise ProjectError(
                    f"{self.config_path}: the environment variable {name} of {owner} must "
                    f"be a string, not {KINDS.get(type(value), 'null')}"
                )
        return variables

    @property
    def stack(self) -> Stack:
        """The stage's stack, for references that do not need the region or the API's id."""
        return Stack(self.app_name, self.chalice_stage, api_stage=self.api_stage)

    def timeout(self, function: str, template: Template | None = None) -> int:
        """Return the function's timeout in seconds.

        A `Timeout` in the merge template has priority over the configuration.
        """
        own = template.timeout(function) if template else None
        return own or self.scope(function).lambda_timeout or DEFAULT_LAMBDA_TIMEOUT

    def memory(self, function: str) -> int:
        """Return the function's memory in MB."""
        return self.scope(function).lambda_memory_size or DEFAULT_LAMBDA_MEMORY_SIZE

    def retention(self, function: str = "") -> int | None:
        """Return the days for which log events are kept, of a function or of the whole stage."""
        days: int | None = self.scope(function).log_retention_in_days
        return days

    @property
    def own_templates(self) -> list[Path]:
        """The project's own merge templates. Each of them is one of `OWN_TEMPLATES`."""
        return own_templates(self.directory)

    def template(
        self, paths: Sequence[Path] = (), *, region: str = DEFAULT_REGION, api_id: str = "local"
    ) -> Template | None:
        """Return the project's merge template with the values that references have on this machine.

        The files in `paths` replace the project's own templates. Each file is merged into the
        previous files. The result is None without paths and without own templates.

        Raises:
            ProjectError: a file cannot be read, or is not a template.
        """
        paths = paths or self.own_templates
        if not paths:
            return None
        stack = Stack(
            app_name=self.app_name,
            stage=self.chalice_stage,
            region=region,
            api_id=api_id,
            api_stage=self.api_stage,
        )
        return Template.read(paths, stack)

    def table_name(
        self,
        table: TableDeclaration,
        declaration: Declaration,
        other_remedy: str = ", or run `decanter template`: its template makes and names the table",
    ) -> str:
        """Return the name that the stage's configuration gives a declared table.

        `other_remedy` is an additional remedy for the error about a table without a name.

        Raises:
            ProjectError: the table has no name, or different names for different functions.
        """
        variable = table.environment
        named = {
            function: name
            for function in declaration.functions
            if (name := self.environment(function).get(variable))
        }
        if not named:
            raise ProjectError(
                f"{self.config_path}: stage {self.chalice_stage} does not name the table: "
                f'add "{variable}" to its environment_variables{other_remedy}'
            )
        if len(set(named.values())) > 1:
            raise ProjectError(
                f"{self.config_path}: {variable} differs between the functions of stage "
                f"{self.chalice_stage}: {', '.join(sorted(named))}"
            )
        return next(iter(named.values()))

    def declared_tables(self, declaration: Declaration, *, on_demand: bool = False) -> list[Table]:
        """Return the declared tables that belong to the app, encrypted, with the configured names.

        With `on_demand`, a table is billed per request if its class sets no billing mode.
        """
        tables = [
            _table(table, self.table_name(table, declaration), on_demand=on_demand)
            for table in declaration.tables
            if not table.existing
        ]
        return [each.encrypted() for each in tables]

    def tables(
        self,
        declaration: Declaration,
        template: Template | None,
        inherited: Mapping[str, str] = MappingProxyType({}),
    ) -> list[Table]:
        """Return the tables to create on this machine, from the template and from the app.

        The app may declare tables that the template does not have yet. See `table_variables` for
        `inherited`.
        """
        found = {table.name: table for table in template.tables()} if template else {}
        for variables in self.table_variables(declaration, template, inherited).values():
            for table in declaration.tables:
                made = _table(table, name := variables[table.environment])
                found[name] = made.with_indexes_of(found.get(name, made))
        return [*found.values()]

    def table_variables(
        self,
        declaration: Declaration,
        template: Template | None,
        inherited: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, dict[str, str]]:
        """Return each function's variables that contain names of declared tables on this machine.

        If the configuration and the template do not name a table, it gets a default name. All
        functions have the variables in `inherited`, unless the configuration or the template sets
        them.
        """
        scopes = {
            function: {
                **inherited,
                **self.environment(function),
                **(template.environment(function) if template else {}),
            }
            for function in declaration.functions
        }
        stack = Stack(self.app_name, self.chalice_stage).name
        return {
            function: {
                table.environment: table.local_name(
                    stack, (each.get(table.environment) for each in (own, *scopes.values()))
                )
                for table in declaration.tables
            }
            for function, own in scopes.items()
        }

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages in the configuration, or Chalice's default stage if it has none."""
        return tuple(self.config.config_from_disk.get("stages") or (DEFAULT_STAGE_NAME,))

    @property
    def for_development(self) -> bool:
        """True for `dev`, Chalice's default stage. Its tables default to provisioned capacity."""
        return self.chalice_stage == DEFAULT_STAGE_NAME

    def scope(self, function: str) -> Config:
        """Return the part of the configuration that Chalice reads for one function."""
        return self.config.scope(self.chalice_stage, function)


def _table(table: TableDeclaration, name: str, *, on_demand: bool = False) -> Table:
    return Table(table.arguments(name, on_demand=on_demand), table.ttl_attribute)


def _check_folder(directory: Path) -> None:
    remedy = "name the Chalice project's folder with --project-dir"
    if not directory.is_dir():
        raise ProjectError(f"there is no folder {directory}: {remedy}")
    for name in ("app.py", ".chalice/config.json"):
        if not (directory / name).is_file():
            raise ProjectError(f"{directory} has no {name}: {remedy}")


def _check_stage(path: Path, document: Mapping[str, Any], stage: str) -> None:
    if not isinstance(document.get("app_name"), str):
        raise ProjectError(f'{path}: "app_name" must be a string')
    stages = document.get("stages", {})
    if not is_object_of_objects(stages):
        raise ProjectError(f'{path}: "stages" must be an object of objects')
    check_stage(path, stages, stage)
    check_values(path, document, stage)
