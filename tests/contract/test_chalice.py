"""Rules 86 to 92: Chalice's own behaviour, which the gateway must match."""

import json
from pathlib import Path

import pytest

from tests.support.apps import HEAD, NO_DATABASE, SmallProject
from tests.support.clients import ask, receive
from tests.support.gateways import Running, gateway


@pytest.mark.rule(89)
def test_middleware_runs_around_a_handler(probe: Running) -> None:
    with probe.connect() as client:
        assert json.loads(ask(client, show="environment"))["PROBE_MIDDLEWARE"] == "ran"


@pytest.mark.rule(90)
@pytest.mark.parametrize("value", [None, {}, {"body": "b"}, "text", 5])
def test_a_result_without_a_status_is_a_200(probe: Running, value: object) -> None:
    with probe.connect() as client:
        client.send(json.dumps({"give": value}))
        assert ask(client, send="no frame before this") == "no frame before this"


@pytest.mark.rule(92)
def test_a_body_that_is_not_json_fails_in_json_body_and_is_an_error_frame(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    small.write(HEAD + "\n@app.on_ws_message()\ndef message(event):\n    event.json_body\n")
    with gateway(tmp_path, *NO_DATABASE) as running, running.connect() as client:
        client.send("not JSON")
        assert json.loads(receive(client))["message"] == "Internal server error"
        assert running.wait_for_line("BadRequestError")
