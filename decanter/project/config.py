"""A Chalice project: its folder, a stage of its configuration, its template."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from chalice.config import Config
from chalice.constants import (
    DEFAULT_APIGATEWAY_STAGE_NAME,
    DEFAULT_LAMBDA_MEMORY_SIZE,
    DEFAULT_LAMBDA_TIMEOUT,
    DEFAULT_STAGE_NAME,
)

from decanter.errors import ProjectError
from decanter.project.declaration import Declaration, TableDeclaration
from decanter.project.document import read_json
from decanter.project.stack import Stack
from decanter.project.tables import Table
from decanter.project.template import Template

TEMPLATE = Path(".chalice/resources.json")
DEFAULT_REGION = "us-east-1"
# JSON's names of the types of its values.
KINDS = {bool: "a boolean", int: "a number", float: "a number", list: "an array", dict: "an object"}


@dataclass(frozen=True)
class Project:
    """A Chalice project, at one of its stages.

    Attributes:
        directory: the project's folder, absolute.
        chalice_stage: the stage in `.chalice/config.json`.
        config: Chalice's own reading of that file.
    """

    directory: Path
    chalice_stage: str
    config: Config

    @classmethod
    def load(cls, directory: Path, stage: str = DEFAULT_STAGE_NAME) -> Self:
        """Read a project's configuration; its app is not imported.

        Raises:
            ProjectError: the folder is not a Chalice project, or has no such stage.
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
            },
        )
        return cls(directory=directory, chalice_stage=stage, config=config)

    @property
    def config_path(self) -> Path:
        """The path of the configuration."""
        return self.directory / ".chalice" / "config.json"

    @property
    def app_name(self) -> str:
        """The app's name in the configuration."""
        name: str = self.config.app_name
        return name

    @property
    def api_stage(self) -> str:
        """API Gateway's stage, which differs from Chalice's."""
        stage: str = self.config.api_gateway_stage
        return stage

    def environment(self, function: str) -> dict[str, str]:
        """Return a function's environment variables, merged as Chalice merges them.

        Args:
            function: its configuration key, such as `websocket_connect`.

        Raises:
            ProjectError: a value is not a string.
        """
        variables = self.scope(function).environment_variables
        for name, value in variables.items():
            if not isinstance(value, str):
                raise ProjectError(
                    f"{self.config_path}: the environment variable {name} of {function} must "
                    f"be a string, not {KINDS.get(type(value), 'null')}"
                )
        return variables

    def timeout(self, function: str) -> int:
        """Return the seconds after which Lambda ends the function."""
        return self.scope(function).lambda_timeout or DEFAULT_LAMBDA_TIMEOUT

    def memory(self, function: str) -> int:
        """Return the function's memory in MB."""
        return self.scope(function).lambda_memory_size or DEFAULT_LAMBDA_MEMORY_SIZE

    def template(
        self, path: Path | None = None, *, region: str = DEFAULT_REGION, api_id: str = "local"
    ) -> Template | None:
        """Return the project's merge template, read for this machine.

        Args:
            path: a file other than the project's own.
            region: the region of its resources.
            api_id: the WebSocket API's id.

        Returns:
            None if no path is given and the project has none.

        Raises:
            ProjectError: it cannot be read.
        """
        if path is None and not (self.directory / TEMPLATE).is_file():
            return None
        stack = Stack(
            app_name=self.app_name,
            stage=self.chalice_stage,
            region=region,
            api_id=api_id,
            api_stage=self.api_stage,
        )
        return Template.read(path or self.directory / TEMPLATE, stack)

    def table_name(self, table: TableDeclaration, declaration: Declaration) -> str:
        """Return a declared table's name in the stage's configuration.

        Raises:
            ProjectError: it has none, or different ones for different functions.
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
                f'add "{variable}" to its environment_variables'
            )
        if len(set(named.values())) > 1:
            raise ProjectError(
                f"{self.config_path}: {variable} differs between the functions of stage "
                f"{self.chalice_stage}: {', '.join(sorted(named))}"
            )
        return next(iter(named.values()))

    def declared_tables(self, declaration: Declaration, *, on_demand: bool = False) -> list[Table]:
        """Return the tables that the app declares, with their configured names.

        Args:
            declaration: what the app declares.
            on_demand: bill by request, instead of the declared capacity.
        """
        billing = {"BillingMode": "PAY_PER_REQUEST"}
        return [
            Table(
                {
                    "TableName": self.table_name(table, declaration),
                    **table.schema(),
                    **(billing if on_demand else {"ProvisionedThroughput": table.capacity()}),
                    "SSESpecification": {"Enabled": True},
                },
                table.ttl_attribute,
            )
            for table in declaration.tables
        ]

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of the configuration; Chalice's default stage if there are none."""
        return tuple(self.config.config_from_disk.get("stages") or (DEFAULT_STAGE_NAME,))

    @property
    def for_development(self) -> bool:
        """True for Chalice's default stage, `dev`: its tables are provisioned."""
        return self.chalice_stage == DEFAULT_STAGE_NAME

    def scope(self, function: str) -> Config:
        """Return Chalice's view of the configuration for one function, by its configuration key."""
        return self.config.scope(self.chalice_stage, function)


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
    stages = document.get("stages") or {}
    if not isinstance(stages, dict) or not all(isinstance(s, dict) for s in stages.values()):
        raise ProjectError(f'{path}: "stages" must be an object of objects')
    # Chalice has its default stage even if none is written.
    if stage not in stages and not (stage == DEFAULT_STAGE_NAME and not stages):
        known = ", ".join(sorted(stages)) or DEFAULT_STAGE_NAME
        raise ProjectError(f"{path} has no stage {stage!r}; it has {known}")
