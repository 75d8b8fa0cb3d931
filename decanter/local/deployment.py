"""Puts a version of the project in service: its processes, its API, its tables."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from decanter.errors import ProjectError
from decanter.gateway.model import Api, Route
from decanter.gateway.rules import Gateway
from decanter.gateway.selection import CHALICE_EXPRESSION, compile_expression
from decanter.local.dynamodb.database import Database
from decanter.local.functions.functions import Functions
from decanter.local.functions.pool import Function
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.framework import framework_in_use
from decanter.project.stack import Stack
from decanter.project.template import Template


@dataclass(frozen=True, slots=True)
class Deployment:
    """The version of the project in service, and the tables created for it or found."""

    declared: Declaration
    tables: list[str]


@dataclass(frozen=True, slots=True)
class Deployer:
    """Deploys a project, again after each change.

    Attributes:
        gateway: gets the project's API.
        functions: gets new processes.
        stack: the names and ids of the emulated stack; fixed while the gateway runs.
        environment: makes the functions of a project and its template.
        database: has its tables; they are created only in the embedded DynamoDB.
        template: replaces the project's merge template.
        use_template: False to serve only the parts that Chalice creates.
    """

    gateway: Gateway
    functions: Functions
    stack: Stack
    environment: Callable[[Project, Template | None], Callable[[str], Function]]
    database: Database
    template: Path | None
    use_template: bool

    async def deploy(self, project: Project) -> Deployment:
        """Load the project and put it in service: processes and routes change together.

        Raises:
            DecanterError: the project cannot be served; one line. The version before stays in
                service, except if a table could not be created.
        """
        template = self._read_template(project)
        added = additions(template)
        functions = self.environment(project, template)

        def accept(app: Declaration) -> None:
            framework_in_use(project.directory, app.framework)
            if template is not None:
                check_names(app, functions)

        declared = await self.functions.start(functions, accept)
        self.gateway.deploy(api_of(self.stack.api_stage, declared, *added))
        if not self.database.is_embedded:
            return Deployment(declared, [])
        tables = template.tables() if template else project.declared_tables(declared)
        return Deployment(declared, await self.database.create_tables(tables))

    def _read_template(self, project: Project) -> Template | None:
        if not self.use_template:
            return None
        region, api_id = self.stack.region, self.stack.api_id
        return project.template(self.template, region=region, api_id=api_id)


def check_names(declared: Declaration, functions: Callable[[str], Function]) -> None:
    """Raise ProjectError if an app's table is missing in the template and the configuration."""
    environments = [functions(name).launch.environment for name in declared.functions]
    for table in declared.tables:
        if not any(environment.get(table.environment) for environment in environments):
            raise ProjectError(
                f"the merge template does not have the table of {table.environment}, which app.py "
                "declares: run `decanter template`"
            )


def additions(template: Template | None) -> tuple[dict[str, Route], str]:
    """Return the template's routes and the selection expression.

    Raises:
        ProjectError: the expression is invalid.
    """
    routes = {}
    expression = None
    if template is not None:
        for route in template.routes():
            routes[route.route_key] = Route(route.function, two_way=route.route_response)
        expression = template.selection_expression()
    expression = expression or CHALICE_EXPRESSION
    try:
        compile_expression(expression)
    except ValueError as error:
        raise ProjectError(f"the merge template's {error}") from error
    return routes, expression


def api_of(stage: str, declared: Declaration, added: dict[str, Route], expression: str) -> Api:
    """Return the API of a deployment: Chalice's three routes and the template's routes."""
    own = {key: Route(handler.function) for key, handler in declared.websocket.items()}
    return Api(stage, own | added, expression, declared.http_routes)
