"""pytest's fixtures; installing Decanter makes them known.

    def test_echo(websocket_client):
        alice = websocket_client.connect()
        alice.send("hi")
        assert alice.receive() == "hi"

The app is `app` of the project's app.py; a fixture `chalice_app` of your own names another.
"""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from decanter.testing import WebSocketClient


def pytest_configure(config: pytest.Config) -> None:
    """Redirect botocore before a Chalice project's tests import its app, which may keep clients."""
    if (config.rootpath / ".chalice").is_dir():
        importlib.import_module("decanter.testing")


@pytest.fixture
def chalice_app(pytestconfig: pytest.Config) -> Any:
    """The Chalice object under test."""
    root = str(pytestconfig.rootpath)
    if Path(root, "app.py").is_file() and root not in sys.path:
        sys.path.insert(0, root)
    return importlib.import_module("app").app


@pytest.fixture
def websocket_client(chalice_app: Any) -> "Iterator[WebSocketClient]":
    """The app's WebSocket API, open for one test."""
    from decanter.testing import WebSocketClient

    with WebSocketClient(chalice_app) as client:
        yield client
