"""Rules 86 to 92: Chalice's own behaviour, which the gateway has to match."""

import json

import pytest

from tests.contract.conftest import Serve
from tests.support.apps import HEAD
from tests.support.clients import ask, receive
from tests.support.gateways import Running


@pytest.mark.rule(89)
def test_middleware_runs_around_a_handler(probe: Running) -> None:
    with probe.connect() as client:
        assert json.loads(ask(client, show="environment"))["PROBE_MIDDLEWARE"] == "ran"


def test_stage_and_function_variables_reach_the_handlers(probe: Running) -> None:
    with probe.connect() as client:
        environment = json.loads(ask(client, show="environment"))
    found = {name: environment[name] for name in ("PROBE_STAGE", "PROBE_FUNCTION")}
    assert found == {"PROBE_STAGE": "dev", "PROBE_FUNCTION": "message"}
    assert environment["AWS_REGION"]


@pytest.mark.rule(90)
@pytest.mark.parametrize("value", [None, {}, {"body": "b"}, "text", 5])
def test_a_result_without_a_status_is_a_200(probe: Running, value: object) -> None:
    with probe.connect() as client:
        client.send(json.dumps({"give": value}))
        assert ask(client, send="no frame before this") == "no frame before this"


@pytest.mark.rule(92)
def test_a_body_that_is_not_json_fails_in_json_body_and_is_an_error_frame(serve: Serve) -> None:
    running = serve(HEAD + "\n@app.on_ws_message()\ndef message(event):\n    event.json_body\n")
    with running.connect() as client:
        client.send("not JSON")
        assert json.loads(receive(client))["message"] == "Internal server error"
        assert running.wait_for_line("BadRequestError")
