"""pytest's fixtures; installing Decanter makes them known.

    def test_echo(websocket_client):
        alice = websocket_client.connect()
        alice.send("hi")
        assert alice.receive() == "hi"

The app is `app` of the project's app.py; a fixture `chalice_app` of your own names another.

pytest loads this before any conftest.py, and with it the package, which redirects botocore: so apps
may make clients when they are imported.
"""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from decanter.testing import WebSocketClient


@pytest.fixture
def chalice_app(pytestconfig: pytest.Config) -> Any:
    """The Chalice object under test."""
    root = str(pytestconfig.rootpath)
    if Path(root, "app.py").is_file() and root not in sys.path:
        sys.path.insert(0, root)
    return importlib.import_module("app").app


@pytest.fixture
def websocket_client(chalice_app: Any) -> Iterator[WebSocketClient]:
    """The app's WebSocket API, open for one test."""
    with WebSocketClient(chalice_app) as client:
        yield client
