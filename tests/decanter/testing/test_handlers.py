"""The test client runs the object that Lambda finds."""

from pathlib import Path

import pytest
from boto3.session import Session
from chalice.app import Chalice, WebsocketEvent

from decanter.testing import WebSocketClient
from tests.field_cases.apps import imported, plain_project

SAY = "app.websocket_api.send(event.connection_id, 'ran')"
FOUND = {
    "name=": f"@app.on_ws_message(name='other')\ndef message(event): {SAY}",
    "assigned": f"def handle(event): {SAY}\nhandle = app.on_ws_message()(handle)",
    "middleware": (
        "@app.middleware('websocket')\ndef middle(event, get_response):\n"
        f"    {SAY}\n    return get_response(event)\n"
        "@app.on_ws_message()\ndef message(event): pass"
    ),
    "a custom route key": (
        "@app._create_registration_function('on_ws_message', 'bid', {'route_key': 'bid'})\n"
        f"def bid(event): {SAY}"
    ),
    "the first handler of messages, for all": (
        f"@app.on_ws_message()\ndef message(event): {SAY}\n"
        "@app._create_registration_function('on_ws_message', 'bid', {'route_key': 'bid'})\n"
        "def bid(event): pass"
    ),
    "a Blueprint's handler with a context": (
        "from chalice import Blueprint\nbp = Blueprint(__name__)\n@bp.on_ws_message()\n"
        "def message(event, context):\n"
        "    app.websocket_api.configure_from_api_id('a', event['requestContext']['stage'])\n"
        "    app.websocket_api.send(event['requestContext']['connectionId'], 'ran')\n"
        "    return {'statusCode': 200}\n"
        "app.register_blueprint(bp)"
    ),
}


@pytest.mark.parametrize("source", FOUND.values(), ids=FOUND)
def test_a_handler_runs_as_in_lambda(tmp_path: Path, source: str) -> None:
    project = plain_project(tmp_path / "pour", source)
    with imported(project) as app, WebSocketClient(app, project_dir=project) as client:
        alice = client.connect()
        alice.send('{"action": "bid"}')
        assert alice.receive() == "ran"


LOST = {
    "nested": (
        "def register():\n    @app.on_ws_message()\n    def inner(event): pass\nregister()",
        "HandlerNotFound: Handler 'inner' missing on module 'app'",
    ),
    "overwritten": (
        "@app.on_ws_message()\ndef message(event): pass\nmessage = 1",
        "HandlerNotFound: Handler 'message' is not callable in module 'app'",
    ),
    "bare": ("def message(event): pass\napp.on_ws_message()(message)", "TypeError: message()"),
    "a Blueprint's": (
        (
            "from chalice import Blueprint\nbp = Blueprint('nowhere')\n@bp.on_ws_message()\n"
            "def message(event): pass\napp.register_blueprint(bp)"
        ),
        "HandlerNotFound: Unable to import module 'nowhere': No module named 'nowhere'",
    ),
}


@pytest.mark.parametrize(("source", "raised"), LOST.values(), ids=LOST)
def test_a_handler_that_lambda_does_not_find_fails(
    tmp_path: Path, source: str, raised: str
) -> None:
    project = plain_project(tmp_path / "pour", source)
    with imported(project) as app, WebSocketClient(app, project_dir=project) as client:
        alice = client.connect()
        alice.send("hello")
        assert alice.receive_json()["message"] == "Internal server error"
        assert client.raised.startswith(raised)


def test_an_app_in_a_test_needs_no_app_py() -> None:
    """Its handlers may be inner functions, and share a name."""
    app = Chalice("inner")
    app.websocket_api.session = Session()

    @app.on_ws_connect(name="ws")
    def connect(event: WebsocketEvent) -> dict[str, int]:
        return {"statusCode": 200}

    @app.on_ws_message(name="ws")
    def message(event: WebsocketEvent) -> None:
        app.websocket_api.send(event.connection_id, "ran")

    with WebSocketClient(app) as client:
        alice = client.connect()
        alice.send("hello")
        assert alice.receive() == "ran"
