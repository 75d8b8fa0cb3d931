"""Invalid variables of hooks are found before a client connects."""

import json
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.overrides import described
from decanter.project.config import Project
from tests.support.apps import FRAMEWORK
from tests.support.projects import decanter_here, write_project

HOOKS = """
from decanter import AllowedOrigins, IdentifiedModel, RateLimit, RateLimitedModel, WebTokens

router.on_connect(AllowedOrigins())
router.authenticate(WebTokens())
router.on_message(RateLimit(Connection))
"""
APP = (FRAMEWORK + HOOKS).replace(
    "class Connection(ConnectionModel)", "class Connection(IdentifiedModel, RateLimitedModel)"
)
APP = APP.replace("ConnectionModel,", "ConnectionModel, IdentifiedModel, RateLimitedModel,")
TOKENS = {"DECANTER_JWT_ISSUER": "a", "DECANTER_JWT_AUDIENCE": "b"}
SECRET = {**TOKENS, "DECANTER_JWT_SECRET": "s" * 32}
CONNECT, MESSAGE = "websocket_connect", "websocket_message"


def project(folder: Path, overrides: Any = None, **stages: Any) -> Project:
    config = {"version": "2.0", "app_name": "pour", "stages": {"dev": {}, **stages}}
    path = write_project(folder / "p", APP, config)
    if overrides:
        (path / ".chalice" / "overrides.json").write_text(json.dumps(overrides))
    return Project.load(path, "dev")


def stage(**functions: Any) -> dict[str, Any]:
    """Return a stage with variables of its functions."""
    return {
        "lambda_functions": {
            name: {"environment_variables": variables} for name, variables in functions.items()
        }
    }


@pytest.mark.parametrize(
    ("variables", "function", "text"),
    [
        (
            {"DECANTER_ALLOWED_ORIGINS": "park.example"},
            CONNECT,
            "DECANTER_ALLOWED_ORIGINS is 'park.example': name origins such as https://example.com",
        ),
        (
            {"DECANTER_MESSAGES_PER_SECOND": "many"},
            MESSAGE,
            "DECANTER_MESSAGES_PER_SECOND is 'many': set it to a whole number from 1 to 1000",
        ),
        (
            {"DECANTER_MESSAGES_PER_SECOND": "9", "DECANTER_CLOSE_AFTER_MESSAGES": "3"},
            MESSAGE,
            "DECANTER_CLOSE_AFTER_MESSAGES is '3': set it to a whole number from 10",
        ),
        (
            {**TOKENS, "DECANTER_JWT_SECRET": "short"},
            CONNECT,
            "DECANTER_JWT_SECRET is too short: HS256 needs 32 bytes or more",
        ),
        (
            {**SECRET, "DECANTER_JWT_JWKS_URL": "https://keys.example"},
            CONNECT,
            "set one of DECANTER_JWT_SECRET (HS256) and DECANTER_JWT_JWKS_URL",
        ),
        (
            {**TOKENS, "DECANTER_JWT_JWKS_URL": "keys.example"},
            CONNECT,
            "DECANTER_JWT_JWKS_URL is 'keys.example': set it to the key set's https URL",
        ),
        (
            {**SECRET, "DECANTER_JWT_LEEWAY_SECONDS": "-1"},
            CONNECT,
            "DECANTER_JWT_LEEWAY_SECONDS is '-1': set it to a whole number from 0 to 300",
        ),
        (
            {"DECANTER_TRANSPORT": "slow"},
            MESSAGE,
            "DECANTER_TRANSPORT is 'slow': set it to botocore or fast",
        ),
        (
            {"DECANTER_CONCURRENCY": "0"},
            MESSAGE,
            "DECANTER_CONCURRENCY is '0': set it to a whole number from 1 to 512",
        ),
    ],
)
@pytest.mark.parametrize("is_own", [False, True])
def test_an_invalid_variable_is_refused(
    variables: dict[str, str], function: str, text: str, is_own: bool, tmp_path: Path
) -> None:
    """The stage sets the variable for all functions, or only for the function that reads it."""
    given = stage(**{function: variables}) if is_own else {"environment_variables": variables}
    found = described(project(tmp_path, dev=given))
    assert found.refusal is not None
    assert found.refusal.startswith(f"the variables of {function} are invalid: {text}")
    assert found.refusal in found.warnings


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"environment_variables": {**SECRET, "DECANTER_ALLOWED_ORIGINS": "https://park.example"}},
        {"environment_variables": TOKENS},  # the tool has a warning for a missing variable
        {"environment_variables": {"DECANTER_MESSAGES_PER_SECOND": "{{resolve:ssm:/rate}}"}},
        {
            "environment_variables": {"DECANTER_ALLOWED_ORIGINS": "park.example"},
            **stage(websocket_connect={"DECANTER_ALLOWED_ORIGINS": "https://park.example"}),
        },
        stage(websocket_message={"DECANTER_ALLOWED_ORIGINS": "only $connect reads it"}),
    ],
)
def test_a_valid_stage_is_accepted(given: dict[str, Any], tmp_path: Path) -> None:
    assert described(project(tmp_path, dev=given)).refusal is None


@pytest.mark.parametrize(("value", "refused"), [({"Ref": "Secret"}, False), ("short", True)])
def test_overrides_may_set_the_variable(value: Any, refused: bool, tmp_path: Path) -> None:
    """The value of a reference is not known on this machine."""
    variables = {"Variables": {"DECANTER_JWT_SECRET": value}}
    own = {"Resources": {"WebsocketConnect": {"Properties": {"Environment": variables}}}}
    found = described(project(tmp_path, own, dev={"environment_variables": TOKENS}))
    assert (found.refusal is not None) is refused


def test_an_app_without_pyjwt_is_refused(tmp_path: Path) -> None:
    found = project(tmp_path, dev={"environment_variables": SECRET})
    app = found.directory / "app.py"
    app.write_text(f"import sys\n\nsys.modules['jwt'] = None\n{app.read_text()}")
    refusal = described(found).refusal
    assert refusal is not None
    assert refusal.endswith("PyJWT is not installed: write PyJWT[crypto] into requirements.txt")


def test_the_command_names_the_stage_that_cannot_be_packaged(tmp_path: Path) -> None:
    prod = {"environment_variables": {"DECANTER_ALLOWED_ORIGINS": "park.example"}}
    folder = project(tmp_path, prod=prod).directory
    done = decanter_here("template", "--project-dir", folder)
    start = "warning: stage prod cannot be packaged: the variables of websocket_connect are invalid"
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if line.startswith(start)]
    done = decanter_here("template", "--project-dir", folder, "--stage", "prod")
    assert done.returncode == 2
    assert "DECANTER_ALLOWED_ORIGINS is 'park.example': name origins" in done.stderr
