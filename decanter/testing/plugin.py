"""The pytest plugin. It is active in every environment with Decanter.

    def test_echo(websocket_client):
        alice = websocket_client.connect()
        alice.send("hi")
        assert alice.receive() == "hi"

The app is `app` in the project's app.py. Define your own fixture `chalice_app` to test another app.

In a Chalice project, no call to AWS leaves the machine while pytest runs. For this, the block is on
before a conftest.py can import the app. In other projects, the plugin loads nothing until a test
uses a fixture.
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
    """Declare the ini option."""
    meaning = "other hosts that tests may call through botocore; * matches any text"
    parser.addini(HOSTS, meaning, type="args", default=[])


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the block before a conftest.py is imported."""
    _set_up(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Start the block if a conftest.py loads this plugin."""
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
def _extra_required() -> Iterator[None]:
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
    with blocked(), _extra_required():
        return importlib.import_module("app").app


@pytest.fixture
def websocket_client(chalice_app: Any) -> "Iterator[WebSocketClient]":
    """A client of the app's WebSocket API, open for one test."""
    with _extra_required():
        from decanter.testing import WebSocketClient
    with WebSocketClient(chalice_app) as client:
        yield client
