"""An HTTP route at the stage's own path, which is also the path of the WebSocket API."""

import json
from pathlib import Path

from tests.field_cases.apps import plain_project
from tests.support.apps import NO_DATABASE
from tests.support.clients import call
from tests.support.gateways import gateway

APP = """
from chalice import ForbiddenError

@app.on_ws_message()
def message(event):
    pass

@app.route("/")
def root():
    raise ForbiddenError("not for you")
"""


def test_its_403_reaches_the_client(tmp_path: Path) -> None:
    project = plain_project(tmp_path / "pour", APP)
    with gateway(project, *NO_DATABASE, "--no-reload") as running:
        for path in ("/api", "/api/"):
            status, _, body = call(running, "GET", path)
            assert (status, json.loads(body)["Code"]) == (403, "ForbiddenError")
        with running.connect():
            pass
