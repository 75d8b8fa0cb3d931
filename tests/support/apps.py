"""Small apps for tests: their sources, and a project that a test writes and changes."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

NO_DATABASE = ("--dynamodb-endpoint", "http://127.0.0.1:9")
"""For an app without tables: starting a DynamoDB takes longer than everything else."""

HEAD = """\
from boto3.session import Session
from chalice import Chalice
app = Chalice(app_name="small")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()
"""

ANSWER = """
@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, {answer})
"""


FRAMEWORK = """\
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute

from decanter import ConnectionModel, Router, connection_table

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")
    nickname = UnicodeAttribute(null=True)


router = Router("$request.body.action", connections=Connection)


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)
"""
"""An app with the router, its three handlers and its table; a test adds to it."""


def replace(path: Path, text: str) -> None:
    """Replace a file atomically, as an editor does."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


class SmallProject:
    """A project whose message handler sends the value of one expression."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".chalice").mkdir()
        (folder / "chalicelib").mkdir()
        (folder / "chalicelib" / "__init__.py").touch()
        self.configure()
        self.answer("event.body")

    def configure(self, **variables: str) -> None:
        stage = {"environment_variables": variables}
        config = {"version": "2.0", "app_name": "small", "stages": {"dev": stage}}
        replace(self.folder / ".chalice" / "config.json", json.dumps(config))

    def answer(self, expression: str, head: str = "") -> None:
        self.write(head + HEAD + ANSWER.format(answer=expression))

    def write(self, source: str) -> None:
        replace(self.folder / "app.py", source)


def load_app(project: Path) -> Any:
    """Import a project's app under a unique module name."""
    spec = importlib.util.spec_from_file_location(f"app_of_{project.name}", project / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.app
