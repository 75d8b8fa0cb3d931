"""The gateway warns at the start about variables that its functions cannot use."""

from pathlib import Path

from tests.support.apps import FRAMEWORK, NO_DATABASE
from tests.support.gateways import gateway
from tests.support.projects import write_project

APP = f"{FRAMEWORK}from decanter import AllowedOrigins\nrouter.on_connect(AllowedOrigins())\n"


def test_each_function_checks_its_own_variables(tmp_path: Path) -> None:
    """The first process, which reports the declarations, is that of websocket_message."""
    own = {"websocket_connect": {"DECANTER_ALLOWED_ORIGINS": "park.example"}}
    functions = {name: {"environment_variables": each} for name, each in own.items()}
    stage = {"lambda_functions": functions, "environment_variables": {"DECANTER_TRANSPORT": "slow"}}
    config = {"version": "2.0", "app_name": "pour", "stages": {"dev": stage}}
    with gateway(write_project(tmp_path / "p", APP, config), *NO_DATABASE) as running:
        running.wait_for_line("websocket_message are invalid: DECANTER_TRANSPORT is 'slow': set it")
        running.wait_for_line("websocket_connect are invalid: DECANTER_ALLOWED_ORIGINS is 'park")
