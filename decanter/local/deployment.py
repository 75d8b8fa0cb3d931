"""Deploys a version of the project on this machine, with its processes, API and tables."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from decanter.gateway.rules import Gateway
from decanter.local.api import additions, api_of, authorizer_warnings, http_stage_of
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
from decanter.project.rights import has_disconnect_hooks, missing_policies
from decanter.project.roles import roles
from decanter.project.secrets import unresolved
from decanter.project.stack import Stack
from decanter.project.template import Template


@dataclass(frozen=True, slots=True)
class Deployment:
    """The version of the project that is being served.

    Attributes:
        warnings: warnings for the user, one line each.
        api_stage: the API's stage in this version. The gateway serves a changed stage only after a
            restart.
        tables: the names of this version's tables in the embedded DynamoDB; empty without the
            embedded DynamoDB.
        environments: the environment variables of each function.
        sqs_url: the URL of the embedded SQS with the queues; None without queues.
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
        """The connection table for senders outside the app; None if the app has no such table."""
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
        """Return the URL of the routers' queue; None if it does not exist on this machine."""
        queue = self.declared.queue
        if queue is None or self.sqs_url is None:
            return None
        return stack.queue_url(queue.in_stack(stack.name).name, self.sqs_url)

    def variables_with(self, value: str) -> list[str]:
        """Return the names of the environment variables that have this value in any function."""
        return sorted({k for each in self.environments for k, v in each.items() if v == value})


@dataclass(frozen=True, slots=True)
class Deployer:
    """Deploys a project at the start and after each change.

    Attributes:
        stack: the names and ids of the emulated stack, which stay the same while the gateway runs.
        environment: takes a project and its template. Returns a callable that creates a function by
            its name.
        database: DynamoDB and SQS. Tables are created only in the embedded DynamoDB.
        templates: the merge templates; if empty, the project's own merge templates are used.
        use_template: False to serve only the parts that Chalice creates.
        authorizers: False to accept all clients, even if the template has an authorizer.
        is_own_python: True if the app runs in the Python that runs Decanter.
        has_sqs: False to create no queues.
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
        """Load the app and serve it. Processes and routes change at the same time.

        Raises:
            DecanterError: the project cannot be served. The message is one line. The previous
                version is still served, unless a table or a queue could not be created.
        """
        template = self._read_template(project)
        added = additions(template)
        functions = self.environment(project, template)

        def accept(app: Declaration) -> None:
            framework_in_use(project.directory, app.framework, is_own=self.is_own_python)

        def adopt(app: Declaration) -> None:
            environments = environments_of(app, functions)
            found = roles(project, app, template, self.stack, environments)
            names = environments.values()
            seen = {"has_sqs": self.has_sqs, "sees_dynamodb": self.database.is_embedded}
            grants = Grants.of(app, names, self.stack, project, template, **seen)
            self.rights.deploy(found, grants)

        declared = await self.functions.start(functions, accept, adopt)
        declared = declared.warned(warnings_about_modules(project.directory))
        stage = template.api_stage if template else project.api_stage
        api = api_of(self.stack.api_stage, declared, *added, http_stage_of(project, template))
        environments = [*environments_of(declared, functions).values()]
        authorizers = authorizer_warnings(api, enforced=self.authorizers)
        policies = missing_policies(project, declared)
        warnings = (*declared.warnings, *authorizers, *policies, *unresolved(environments))
        self.gateway.deploy(api, authorizers=self.authorizers)
        tables = await self._create_tables(project, declared, template)
        queues = self._queues(project, declared, template)
        url = await self.database.create_queues(queues.queues)
        warnings += queues.warnings
        return Deployment(declared, warnings, stage, tables, environments, queues, url)

    def _queues(self, project: Project, declared: Declaration, template: Template | None) -> Queues:
        if not self.has_sqs:
            return Queues()
        timeout = partial(project.timeout, template=template)
        return Queues.of(declared, template, self.stack, timeout)

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
    """Return the variables of each function, including the names of tables and URLs of queues."""
    launches = {name: functions(name).launch for name in declared.lambdas}
    return {name: {**each.environment, **each.names(declared)} for name, each in launches.items()}
