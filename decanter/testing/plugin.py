"""pytest's fixtures, available as soon as Decanter is installed.

    def test_echo(websocket_client):
        alice = websocket_client.connect()
        alice.send("hi")
        assert alice.receive() == "hi"

The app is `app` of the project's app.py; your own fixture `chalice_app` overrides it.

In a Chalice project, no call to AWS leaves the machine while pytest runs. So the block is on before
any conftest.py can import the app. In other projects, nothing is loaded until a fixture is used.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from decanter.extras import missing_extra

if TYPE_CHECKING:
    from decanter.testing import WebSocketClient

HOSTS = "decanter_allowed_hosts"
_is_set_up = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting."""
    meaning = "hosts other than this machine that tests may call; * for any text"
    parser.addini(HOSTS, meaning, type="args", default=[])


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Turn the block on before a conftest.py is imported."""
    _set_up(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Turn the block on if a conftest.py loads this plugin."""
    _set_up(config)


def _set_up(config: pytest.Config) -> None:
    if config.stash.get(_is_set_up, False):
        return
    config.stash[_is_set_up] = True
    stack = ExitStack()
    config.add_cleanup(stack.close)
    if hosts := config.getini(HOSTS):
        from decanter.testing.block import BLOCK

        stack.enter_context(BLOCK.allow(*hosts))
    folders = (config.rootpath, config.invocation_params.dir)
    if any((folder / ".chalice" / "config.json").is_file() for folder in folders):
        from decanter.testing.redirect import blocked

        stack.enter_context(blocked())


@contextmanager
def _told_of_the_extra() -> Iterator[None]:
    """Fail the test with one line if a module of the extra is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (line := missing_extra(error)) is None:
            raise
        raise pytest.fail.Exception(line, pytrace=False) from None


@pytest.fixture
def chalice_app(pytestconfig: pytest.Config) -> Any:
    """The Chalice object under test."""
    from decanter.testing.redirect import blocked

    root = str(pytestconfig.rootpath)
    if Path(root, "app.py").is_file() and root not in sys.path:
        sys.path.insert(0, root)
    with blocked(), _told_of_the_extra():
        return importlib.import_module("app").app


@pytest.fixture
def websocket_client(chalice_app: Any) -> "Iterator[WebSocketClient]":
    """The app's WebSocket API, open for one test."""
    with _told_of_the_extra():
        from decanter.testing import WebSocketClient
    with WebSocketClient(chalice_app) as client:
        yield client
