"""Puts a version of the project in service: its processes, its API, its tables."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decanter.errors import ProjectError
from decanter.gateway.model import Api, Route
from decanter.gateway.rules import Gateway, authorizer_refusal
from decanter.gateway.selection import CHALICE_EXPRESSION, compile_expression
from decanter.local.dynamodb.database import Database
from decanter.local.functions.functions import Functions
from decanter.local.functions.pool import Function
from decanter.local.rights import Rights
from decanter.project.config import Project
from decanter.project.declaration import Declaration, TableDeclaration
from decanter.project.framework import framework_in_use
from decanter.project.grants import Grants
from decanter.project.modules import warnings_about_modules
from decanter.project.queues import Queues
from decanter.project.rights import has_disconnect_hooks
from decanter.project.roles import roles
from decanter.project.secrets import unresolved
from decanter.project.stack import Stack
from decanter.project.template import Template


@dataclass(frozen=True, slots=True)
class Deployment:
    """The version of the project in service.

    Attributes:
        declared: its app's declarations.
        warnings: for the user, one line each.
        api_stage: the stage of its API; a change needs a restart.
        tables: the tables that were created for it or existed already.
        environments: the variables of its functions.
        queues: its queues.
        sqs_url: the URL of the local SQS that holds the queues; None if there are none.
    """

    declared: Declaration
    warnings: tuple[str, ...]
    api_stage: str
    tables: list[str]
    environments: list[Mapping[str, str]]
    queues: Queues
    sqs_url: str | None

    @property
    def connection_table(self) -> dict[str, Any] | None:
        """The connection table for senders outside of the app; None if the app has none."""
        table = self.declared.connection_table
        if table is None:
            return None
        return {
            "name": self._name_of(table),
            "key": table.key[0],
            "has_disconnect_hooks": has_disconnect_hooks(self.declared),
            "subscriptions": self._name_of(self.declared.subscription_table),
        }

    def _name_of(self, table: TableDeclaration | None) -> str | None:
        named = (each.get(table.environment) for each in self.environments if table)
        return next(filter(None, named), None)

    def queue_url(self, stack: Stack) -> str | None:
        """Return the URL of the routers' queue; None if there is none."""
        queue = self.declared.queue
        if queue is None or self.sqs_url is None:
            return None
        return stack.queue_url(queue.in_stack(stack.name).name, self.sqs_url)

    def variables_with(self, value: str) -> list[str]:
        """Return the environment variables that have this value in a function."""
        return sorted({k for each in self.environments for k, v in each.items() if v == value})


@dataclass(frozen=True, slots=True)
class Deployer:
    """Deploys a project, again after each change.

    Attributes:
        gateway: gets the project's API.
        functions: gets new processes.
        stack: the names and ids of the emulated stack; fixed while the gateway runs.
        environment: makes the functions of a project and its template.
        database: has its tables; they are created only in the embedded DynamoDB.
        rights: enforces the roles of its functions.
        templates: replace the project's merge templates.
        use_template: False to serve only the parts that Chalice creates.
        authorizers: False to accept clients although an authorizer would have to accept them.
        is_own_python: False if the app runs in a Python other than the tool's.
        has_sqs: False to make no queues.
    """

    gateway: Gateway
    functions: Functions
    stack: Stack
    environment: Callable[[Project, Template | None], Callable[[str], Function]]
    database: Database
    rights: Rights
    templates: tuple[Path, ...]
    use_template: bool
    authorizers: bool = True
    is_own_python: bool = True
    has_sqs: bool = True

    async def deploy(self, project: Project) -> Deployment:
        """Load the project and put it in service: processes and routes change together.

        Raises:
            DecanterError: the project cannot be served; one line. The previous version stays in
                service, except if a table could not be created.
        """
        template = self._read_template(project)
        added = additions(template)
        functions = self.environment(project, template)

        def accept(app: Declaration) -> None:
            framework_in_use(project.directory, app.framework, is_own=self.is_own_python)

        def adopt(app: Declaration) -> None:
            environments = environments_of(app, functions)
            found = roles(project, app, template, self.stack, environments)
            grants = Grants.of(app, environments.values(), self.stack, project, template)
            self.rights.deploy(found, grants)

        declared = await self.functions.start(functions, accept, adopt)
        declared = declared.warned(warnings_about_modules(project.directory))
        stage = template.api_stage if template else project.api_stage
        api = api_of(self.stack.api_stage, declared, *added, http_stage_of(project, template))
        environments = [*environments_of(declared, functions).values()]
        authorizers = authorizer_warnings(api, enforced=self.authorizers)
        warnings = (*declared.warnings, *authorizers, *unresolved(environments))
        self.gateway.deploy(api, authorizers=self.authorizers)
        tables = await self._create_tables(project, declared, template)
        queues = self._queues(project, declared, template)
        url = await self.database.create_queues(queues.queues)
        warnings += queues.warnings
        return Deployment(declared, warnings, stage, tables, environments, queues, url)

    def _queues(self, project: Project, declared: Declaration, template: Template | None) -> Queues:
        if not self.has_sqs:
            return Queues()
        return Queues.of(declared, template, self.stack, project.timeout)

    async def _create_tables(
        self, project: Project, declared: Declaration, template: Template | None
    ) -> list[str]:
        if not self.database.is_embedded:
            return []
        wanted = project.tables(declared, template, os.environ)
        return await self.database.create_tables(wanted)

    def _read_template(self, project: Project) -> Template | None:
        if not self.use_template:
            return None
        region, api_id = self.stack.region, self.stack.api_id
        return project.template(self.templates, region=region, api_id=api_id)


def environments_of(
    declared: Declaration, functions: Callable[[str], Function]
) -> dict[str, Mapping[str, str]]:
    """Return the variables of each function, with those that name its tables."""
    launches = {name: functions(name).launch for name in declared.lambdas}
    return {name: {**each.environment, **each.names(declared)} for name, each in launches.items()}


def additions(template: Template | None) -> tuple[dict[str, Route], str]:
    """Return the template's routes and the selection expression.

    Raises:
        ProjectError: the expression is invalid.
    """
    routes = {}
    expression = None
    if template is not None:
        for route in template.routes():
            routes[route.route_key] = Route(
                route.function, two_way=route.route_response, authorizer=route.authorizer
            )
        expression = template.selection_expression()
    expression = expression or CHALICE_EXPRESSION
    try:
        compile_expression(expression)
    except ValueError as error:
        raise ProjectError(f"the merge template's {error}") from error
    return routes, expression


def authorizer_warnings(api: Api, *, enforced: bool) -> list[str]:
    """Return a warning for an authorizer, which does not run on this machine."""
    route = api.routes.get("$connect")
    if route is None or route.authorizer is None:
        return []
    if enforced:
        return [f"every client is refused: {authorizer_refusal(route.authorizer)}"]
    without = f"without {route.authorizer}, the authorizer of $connect, and its context"
    return [f"every client is accepted, {without} (--no-authorizers)"]


def http_stage_of(project: Project, template: Template | None) -> str:
    """Return the stage in the URLs of the app's HTTP routes."""
    return template.http_stage(project.api_stage) if template else project.api_stage


def api_of(
    stage: str,
    declared: Declaration,
    added: dict[str, Route],
    expression: str,
    http_stage: str = "",
) -> Api:
    """Return the API of a deployment: Chalice's routes and the template's routes."""
    own = {key: Route(handler.function) for key, handler in declared.websocket.items()}
    return Api(stage, own | added, expression, declared.http_routes, http_stage)
