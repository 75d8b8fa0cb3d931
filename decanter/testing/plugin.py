"""The pytest plugin. pytest loads it in every environment in which Decanter is installed.

    def test_echo(websocket_client):
        alice = websocket_client.connect()
        alice.send("hi")
        assert alice.receive() == "hi"

The tested app is `app` in the project's app.py. To test another app, define your own fixture
`chalice_app`.

While pytest runs in a Chalice project, the plugin sets the environment variables of the stage, and
refuses calls to AWS before they leave the machine. The plugin starts before a conftest.py or a
test can import the app. Slow modules are loaded only when the app or a test needs them. In other
projects, the plugin does nothing until a test uses one of its fixtures.
"""

import importlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.config import ConftestImportFailure

from decanter.extras import missing_extra
from decanter.project.stages import DEFAULT_STAGE

if TYPE_CHECKING:
    from decanter.testing import WebSocketClient
    from decanter.testing.projects import Projects

HOSTS = "decanter_allowed_hosts"
STAGE = "decanter_stage"
IAM = "decanter_iam"
NO_APP = (
    "there is no module `app`: run pytest in the folder of app.py, add this folder to pytest's "
    "setting pythonpath, or define a fixture chalice_app"
)
_cleanup = pytest.StashKey[ExitStack]()
_default = pytest.StashKey[Path]()
_projects: "pytest.StashKey[Projects]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the ini options."""
    _import_without_rewriting(pluginmanager)
    meaning = "hosts outside this machine that tests may call through botocore; * matches any text"
    parser.addini(HOSTS, meaning, type="args", default=[])
    meaning = "the stage whose environment tests have; if empty, the environment is unchanged"
    parser.addini(STAGE, meaning, default=DEFAULT_STAGE)
    meaning = "how the fixture's client applies the functions' roles: enforce, warn or off"
    parser.addini(IAM, meaning, default="enforce")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Set up the run before a conftest.py is imported."""
    from decanter.testing.stage import project_at

    _set_up(early_config)
    default = early_config.stash.get(_default, None)
    try:
        result = yield
    except ConftestImportFailure as failure:
        project = project_at(failure.path) or default
        if (line := _one_line(failure, early_config, project)) is None:
            raise
        raise pytest.UsageError(line) from None
    if default is not None:
        _enter_project(early_config, default)
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Set up the run if a conftest.py loads this plugin."""
    _set_up(config)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Enter the project of a test file or a conftest.py before pytest imports it."""
    if isinstance(collector, pytest.File | pytest.Directory):
        _enter(collector)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Enter the project of a test."""
    _enter(item)


def pytest_exception_interact(
    node: pytest.Item | pytest.Collector,
    call: pytest.CallInfo[Any],
    report: pytest.CollectReport | pytest.TestReport,
) -> None:
    """If an import fails because of a missing variable, replace the traceback with one line."""
    if call.excinfo is not None:
        line = _one_line(call.excinfo.value, node.config, _project_of(node))
        report.longrepr = line or report.longrepr


def _one_line(error: BaseException, config: pytest.Config, project: Path | None) -> str | None:
    if isinstance(error, ConftestImportFailure):
        error = error.cause
    if project is None or not isinstance(error, KeyError):
        return None
    from decanter.testing.failures import one_line

    return one_line(error, project, config.getini(STAGE) or DEFAULT_STAGE)


def _import_without_rewriting(manager: pytest.PytestPluginManager) -> None:
    """Make pytest import Decanter's other modules without rewriting their asserts.

    pytest rewrites the asserts in all modules of a distribution that has a plugin. The first run
    after an installation would compile each module again, and each run would import the modules
    more slowly. pytest has no option to exclude a package.
    """
    getattr(manager.rewrite_hook, "_must_rewrite", set()).discard("decanter")


def _enter_before_conftests(config: pytest.Config) -> None:
    """Enter the project of each conftest.py before pytest imports it.

    Before the collection, pytest imports the conftest.py files of all arguments and `testpaths`,
    even of different projects. pytest has no hook for this.
    """
    from decanter.testing.stage import project_at

    manager: Any = config.pluginmanager
    if (original := getattr(manager, "_importconftest", None)) is None:
        return

    def entering(path: Path, *arguments: Any, **options: Any) -> Any:
        if (project := project_at(path)) is not None:
            _enter_project(config, project)
        return original(path, *arguments, **options)

    manager._importconftest = entering


def _set_up(config: pytest.Config) -> None:
    if _cleanup in config.stash:
        return
    config.stash[_cleanup] = stack = ExitStack()
    config.add_cleanup(stack.close)
    if hosts := config.getini(HOSTS):
        from decanter.testing.block import BLOCK

        stack.enter_context(BLOCK.allow(*hosts))
    _enter_before_conftests(config)
    if (project := _project_of_run(config)) is not None:
        config.stash[_default] = project
        _enter_project(config, project)


def _start(config: pytest.Config) -> "Projects":
    """Start to block calls to AWS for the first project. Return the `Projects` of the run."""
    from decanter.testing.block import BLOCK
    from decanter.testing.imports import before_import
    from decanter.testing.projects import Projects

    before_import("botocore", _block_botocore)
    config.stash[_cleanup].enter_context(BLOCK.on())
    config.stash[_projects] = projects = Projects(config.getini(STAGE))
    config.stash[_cleanup].callback(projects.leave)
    return projects


def _project_of_run(config: pytest.Config) -> Path | None:
    """Return the first project at a named test, this folder, pytest's root or `pythonpath`."""
    from decanter.testing.stage import project_at

    named = [Path(each.partition("::")[0]) for each in config.known_args_namespace.file_or_dir]
    here = config.invocation_params.dir
    folders = [*(here / each for each in named), here, config.rootpath]
    folders += config.getini("pythonpath")
    return next(filter(None, map(project_at, folders)), None)


def _block_botocore() -> None:
    importlib.import_module("decanter.testing.redirect")


def _enter(node: pytest.Collector | pytest.Item) -> None:
    if (project := _project_of(node)) is not None:
        _enter_project(node.config, project)


def _enter_project(config: pytest.Config, project: Path) -> None:
    from decanter.errors import StageError
    from decanter.testing.stage import CHOOSES_STAGE

    try:
        (config.stash.get(_projects, None) or _start(config)).enter(project)
    except StageError as error:
        raise pytest.UsageError(f"{error} ({CHOOSES_STAGE})") from None


def _project_of(node: pytest.Collector | pytest.Item) -> Path | None:
    from decanter.testing.stage import project_at

    return project_at(node.path) or node.config.stash.get(_default, None)


@contextmanager
def _extra_required() -> Iterator[None]:
    """Within the block, if a module of the extra is missing, fail the test with one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (line := missing_extra(error)) is None:
            raise
        raise _failure(line) from None


def _app_module() -> Any:
    try:
        return importlib.import_module("app")
    except ModuleNotFoundError as error:
        if error.name != "app":
            raise
        raise _failure(NO_APP) from None


def _failure(line: str) -> BaseException:
    """Return the failure of a test, to raise without the error that it replaces."""
    return pytest.fail.Exception(line, pytrace=False)


@pytest.fixture
def chalice_app() -> Any:
    """The Chalice object under test."""
    from decanter.testing.redirect import blocked

    with blocked(), _extra_required():
        module = _app_module()
    if not hasattr(module, "app"):
        raise _failure(f"{module.__file__} has no Chalice object named `app`")
    return module.app


@pytest.fixture
def websocket_client(chalice_app: Any, pytestconfig: pytest.Config) -> "Iterator[WebSocketClient]":
    """A test client of the app's WebSocket API, which is open during one test."""
    with _extra_required():
        from decanter.errors import ProjectError, StageError
        from decanter.testing import WebSocketClient
        from decanter.testing.stage import CHOOSES_STAGE
    stage = pytestconfig.getini(STAGE) or DEFAULT_STAGE
    try:
        client = WebSocketClient(chalice_app, stage, strict=True, iam=pytestconfig.getini(IAM))
    except ValueError as error:
        raise _failure(f"{error} (pytest's setting {IAM})") from None
    except StageError as error:
        raise _failure(f"{error} ({CHOOSES_STAGE})") from None
    except ProjectError as error:
        raise _failure(str(error)) from None
    with client:
        yield client
