"""An imported app as it is after a deployment, with its API, tables and variables."""

import gc
import inspect
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from decanter.errors import ProjectError
from decanter.gateway.events import API_ID
from decanter.gateway.model import Api
from decanter.local.api import additions, api_of
from decanter.project import app_process as inside
from decanter.project.config import Project
from decanter.project.declaration import Declaration, LambdaFunction
from decanter.project.declared_queue import QueueDeclaration
from decanter.project.framework import framework_in_use
from decanter.project.grants import Grants
from decanter.project.queues import Queues
from decanter.project.roles import Role, roles
from decanter.project.secrets import unresolved
from decanter.project.stack import Stack
from decanter.project.tables import Table
from decanter.project.template import Template
from decanter.testing.chalice_config import completed
from decanter.testing.environ import REGION

STAGE = "api"
TIMEOUT_SECONDS = 60.0
MEMORY_MB = 128
"""Chalice's defaults for an app without a project."""

MOST_OBJECTS = 10_000
"""The maximum number of objects to examine in the search for an app's routers and models."""

logger = logging.getLogger(__name__)

Handler = Callable[[Any, Any], Any]
"""A function that takes an event and a context."""


@dataclass(frozen=True)
class Deployment:
    """An app at one stage of its project.

    Except in `names`, the keys of the mappings are the functions' configuration keys.

    Attributes:
        handlers: the objects that Lambda calls.
        names: the configuration keys of WebSocket functions, by the handler's name in Chalice.
        timeouts: the timeout of each function in seconds.
        project: the app's project; None for an app without a project.
        queue: the queue of the routers; None if the routers have no queue.
    """

    api: Api
    functions: Mapping[str, LambdaFunction]
    handlers: Mapping[str, Handler]
    names: Mapping[str, str]
    tables: list[Table]
    environments: Mapping[str, Mapping[str, str]]
    timeouts: Mapping[str, float]
    stack: Stack
    project: Project | None
    roles: Mapping[str, Role]
    grants: Grants
    queues: Queues
    queue: QueueDeclaration | None

    def __post_init__(self) -> None:
        for warning in unresolved(self.environments.values(), remedy=False):
            logger.warning(warning)

    @classmethod
    def of(cls, app: Any, stage: str, project_dir: Path | None) -> Self:
        """Return an app's deployment. The default `project_dir` is the folder of the app's module.

        Raises:
            ProjectError: the project or a declaration is invalid.
        """
        module = module_of(app)
        declared = declaration_of(app, module)
        project = find_project(module, stage, project_dir)
        _check_framework(project, declared)
        template = project.template(api_id=API_ID) if project else None
        api_stage = deployed.api_stage if (deployed := template or project) else STAGE
        stack = Stack(declared.app_name, stage, REGION, api_id=API_ID, api_stage=api_stage)
        names = {it.environment: it.local_name(stack.name, ()) for it in declared.tables}
        environments = _environments(declared, project, template, names)
        lambdas = declared.lambdas
        timeouts = {
            f: project.timeout(f, template) if project else TIMEOUT_SECONDS for f in lambdas
        }
        return cls(
            api_of(api_stage, declared, *additions(template)),
            lambdas,
            handlers_of(app, module, project),
            {each.name: each.function for each in declared.websocket.values()},
            project.tables(declared, template) if project else _tables(declared, names),
            environments,
            timeouts,
            stack,
            project,
            roles(project, declared, template, stack, environments),
            Grants.of(declared, environments.values(), stack, project, template),
            Queues.of(declared, template, stack, timeouts.__getitem__),
            declared.queue and declared.queue.in_stack(stack.name),
        )

    def memory(self, function: str) -> int:
        """Return a function's memory in MB."""
        return self.project.memory(function) if self.project else MEMORY_MB

    @property
    def environment(self) -> dict[str, str]:
        """The variables of all functions. A running function has its own values."""
        merged: dict[str, str] = {}
        for _, variables in sorted(self.environments.items()):
            merged |= variables
        return merged

    def queue_variables(self, endpoint: str) -> dict[str, str]:
        """Return the variables with the URLs of the queue and its dead-letter queue, if any."""
        url_of = partial(self.stack.queue_url, endpoint=endpoint)
        return self.queue.variables(url_of) if self.queue else {}

    def function(self, name: str) -> LambdaFunction:
        """Return a function by its configuration key, or by its WebSocket handler's name.

        Raises:
            LookupError: the app has no function with this name.
        """
        found = self.functions.get(name) or self.functions.get(self.names.get(name, ""))
        if found is None:
            known = ", ".join(self.functions) or "none"
            raise LookupError(f"the app has no function {name!r}; its functions: {known}")
        return found

    @contextmanager
    def completed(self, environment: Callable[[str], Mapping[str, str]]) -> Iterator[None]:
        """Within the block, Chalice's test client runs each function with its environment."""
        if self.project is None:
            yield
            return
        keys = {**self.names, **{key: key for key in self.functions}}
        names = {name: environment(key) for name, key in keys.items()}
        with completed(self.project, names):
            yield


def _check_framework(project: Project | None, declared: Declaration) -> None:
    if project:
        framework_in_use(project.directory, declared.framework)


def declaration_of(app: Any, module: ModuleType) -> Declaration:
    """Return the declarations of an app that this process has imported, and log unused routes.

    Raises:
        ProjectError: a declaration is invalid.
    """
    for each in inside.mistakes.unused_routes(inside.own_modules(module).values()):
        logger.warning(each.text)
    try:
        return Declaration.from_json(inside.declaration(module, app, is_alone=False))
    except inside.LoadError as error:
        raise ProjectError(error.message, detail=error.detail) from error


def handlers_of(app: Any, module: ModuleType, project: Project | None) -> dict[str, Handler]:
    """Return the object that Lambda calls for each function of the app.

    The handler strings of an app outside a project's app.py, such as an app in a test, do not name
    its module. For such an app, return Chalice's wrappers of the registered functions.
    """
    file = _file(module)
    is_packaged = project and file and file.resolve() == project.directory / "app.py"
    return {
        each.name: _found(each.handler, module) if is_packaged else registered(app, each)
        for each in inside.handlers.registered(app)
    }


def _found(handler_string: str, module: ModuleType) -> Handler:
    """Return a function that, at each call, finds a handler by Lambda's rules and runs it."""

    def handler(event: Any, context: Any) -> Any:
        return inside.handlers.find(handler_string, module)(event, context)

    return handler


def registered(app: Any, function: Any) -> Handler:
    """Return Chalice's wrapper of a function, without a search by the handler string."""
    handler: Handler = app.handler_map.get(function.label, app)
    if function.kind == "websocket" and inside.handlers.inner(handler) is not function.function:
        # Another handler has the same `name=`. `handler_map` has only the last one.
        handler = app._wrap_handler("on_ws_message", function.label, function.function)
    return handler


def module_of(app: Any) -> ModuleType:
    """Return the app's app.py, the module of a WebSocket handler, or an empty module."""
    for module in [*sys.modules.values()]:
        if getattr(module, "__dict__", {}).get("app") is app:
            file = _file(module)
            if file is not None and file.name == "app.py":
                return module
    for handler in app.websocket_handlers.values():
        function = inspect.unwrap(handler.handler_function)
        if function.__module__ in sys.modules:
            return with_locals(sys.modules[function.__module__], app)
    return ModuleType("app")


def with_locals(module: ModuleType, app: Any) -> ModuleType:
    """Return a separate module for an app that a function of the module has created.

    The separate module has the names of the module, and the routers and models that the app's
    functions refer to. It does not have the routers and models of other apps that functions of the
    same module have created.
    """
    functions = inside.handlers.called(app)[0]
    local = [each for each in functions if "<locals>" in getattr(each, "__qualname__", "")]
    found: dict[int, Any] = {id(app): app}
    waiting: list[Any] = [*local]
    for current in waiting:
        if len(found) > MOST_OBJECTS:
            return module
        if id(current) not in found:
            found[id(current)] = current
            waiting += () if inside.handlers.is_shared(current) else gc.get_referents(current)
    if not local:
        return module
    own = ModuleType(module.__name__)
    # `getattr` would run code of the app's objects.
    declaring = (it for it in found.values() if inspect.getattr_static(it, "__decanter__", None))
    vars(own).update({**vars(module), **{f"<{n}>": it for n, it in enumerate(declaring)}})
    return own


def _file(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if file else None


def find_project(module: ModuleType, stage: str, project_dir: Path | None) -> Project | None:
    """Return the project of an app's module; None if the module is not in a project."""
    if project_dir is not None:
        return Project.load(project_dir, stage)
    if (file := _file(module)) is None:
        return None
    folder = file.parent
    is_project = (folder / ".chalice" / "config.json").is_file() and (folder / "app.py").is_file()
    return Project.load(folder, stage) if is_project else None


def _tables(declared: Declaration, names: Mapping[str, str]) -> list[Table]:
    """Return the declared tables of an app without a project."""
    return [
        Table(table.arguments(names[table.environment]), table.ttl_attribute)
        for table in declared.tables
    ]


def _environments(
    declared: Declaration,
    project: Project | None,
    template: Template | None,
    tables: dict[str, str],
) -> dict[str, dict[str, str]]:
    """Return the environment variables of each function, including the names of the tables."""
    if project is None:
        return {function: dict(tables) for function in declared.lambdas}
    named = project.table_variables(declared, template)
    return {
        function: project.environment(function)
        | (template.environment(function) if template else {})
        | named.get(function, tables)
        for function in declared.lambdas
    }
