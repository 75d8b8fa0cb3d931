"""A merge template with an authorizer and with a stage name of its own."""

import json
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from decanter.testing import WebSocketClient
from tests.field_cases.apps import imported, plain_project
from tests.support.apps import NO_DATABASE, replace
from tests.support.clients import call, receive
from tests.support.gateways import gateway

APP = """
import json

@app.on_ws_connect()
def connect(event):
    pass

@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, json.dumps(event.to_dict()["requestContext"]))

@app.route("/hello")
def hello():
    return {"hello": "world"}
"""
TEMPLATE = {
    "Parameters": {"Stage": {"Type": "String", "Default": "live"}},
    "Resources": {
        "Guard": {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": {"Name": "guard"}},
        "WebsocketConnectRoute": {
            "Properties": {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Guard"}}
        },
        "WebsocketAPIStage": {"Properties": {"StageName": {"Ref": "Stage"}}},
        "WebsocketMessage": {
            "Properties": {"Environment": {"Variables": {"AT": {"Ref": "WebsocketAPIStage"}}}}
        },
    },
}
WHY = (
    r"\$connect has the authorizer Guard, which does not run here: --no-authorizers accepts clients"
)


def test_clients_are_refused_where_an_authorizer_would_have_to_accept_them(tmp_path: Path) -> None:
    project = plain_project(tmp_path / "pour", APP, TEMPLATE)
    with gateway(project, *NO_DATABASE) as running:
        running.wait_for_line(f"note +every client is refused: {WHY}")
        with pytest.raises(InvalidStatus) as refused, running.connect():
            pass
        assert refused.value.response.status_code == 403
        running.wait_for_line(f"refused +GET /live 403: {WHY}")
        open_again = json.dumps(TEMPLATE).replace("CUSTOM", "NONE")
        replace(project / ".chalice" / "resources.json", open_again)
        running.wait_for_line("resources.json changed: in service")
        with running.connect():
            pass


def test_an_option_accepts_them_at_the_templates_stage(tmp_path: Path) -> None:
    project = plain_project(tmp_path / "pour", APP, TEMPLATE)
    with gateway(project, *NO_DATABASE, "--no-reload", "--no-authorizers") as running:
        running.wait_for_line("note +every client is accepted, without Guard, the authorizer of ")
        assert running.banner("HTTP").endswith("/api/hello")
        assert running.banner("@connections").endswith("/live/@connections/{connectionId}")
        with running.connect() as alice:
            alice.send("where?")
            assert json.loads(receive(alice))["stage"] == "live"
        assert call(running, "GET", "/api/hello")[0] == 200
        assert call(running, "GET", "/live/hello")[0] == 403
        assert call(running, "GET", "/live")[0] == 426


def test_the_test_client_uses_the_templates_stage(tmp_path: Path) -> None:
    project = plain_project(tmp_path / "pour", APP, TEMPLATE)
    with imported(project) as app, WebSocketClient(app, project_dir=project) as client:
        alice = client.connect()
        alice.send("where?")
        assert alice.receive_json()["stage"] == "live"
