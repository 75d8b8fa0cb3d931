"""Variables that a stage lacks are named; so are secrets in plain text."""

from pathlib import Path
from typing import Any

import pytest

from decanter.aws.settings import (
    exposed_secrets,
    missing_settings,
    other_tables,
    set_elsewhere,
)
from decanter.project.config import Project
from tests.support.declarations import ROUTER, declaration
from tests.support.projects import TABLE, write_project

NEEDED = [["ISSUER"], ["SECRET", "KEYS_URL"]]
DECLARED = declaration({**ROUTER, "settings": {"websocket_connect": NEEDED, "gone": [["OTHER"]]}})


def stage(folder: Path, **variables: str) -> Project:
    stages = {"prod": {"environment_variables": variables}}
    config = {"version": "2.0", "app_name": "pour", "stages": stages}
    return Project.load(write_project(folder / "p", config=config), "prod")


def warnings(folder: Path, overrides: dict[str, Any], **variables: str) -> list[str]:
    return [*missing_settings(stage(folder, **variables), DECLARED, overrides)]


def test_missing_variables_are_named_with_stage_and_function(tmp_path: Path) -> None:
    (line,) = warnings(tmp_path, {}, SECRET="")
    assert line.startswith(
        "warning: stage prod does not set ISSUER and SECRET or KEYS_URL, which a hook of "
        "websocket_connect needs"
    )


@pytest.mark.parametrize("name", ["SECRET", "KEYS_URL"])
def test_one_of_a_group_is_enough(name: str, tmp_path: Path) -> None:
    assert warnings(tmp_path, {}, ISSUER="x", **{name: "y"}) == []


def test_overrides_may_set_them(tmp_path: Path) -> None:
    shared = {"Function": {"Environment": {"Variables": {"ISSUER": "x"}}}}
    own = {"Properties": {"Environment": {"Variables": {"SECRET": {"Ref": "Secret"}}}}}
    overrides = {"Globals": shared, "Resources": {"WebsocketConnect": own}}
    assert warnings(tmp_path, overrides) == []


STAGES = {
    "dev": {
        "environment_variables": {"LIMIT": "5", "HOST": "here", "DECANTER_SWEEP_MINUTES": "5"},
        "lambda_functions": {"websocket_message": {"environment_variables": {"PAGE": "2"}}},
    },
    "beta": {"environment_variables": {"LIMIT": "7", "CONNECTIONS_TABLE": "rows"}},
    "prod": {"environment_variables": {"HOST": "there"}},
}


@pytest.mark.parametrize(
    ("of_stage", "named"),
    [("prod", "LIMIT (dev, beta), PAGE (dev)"), ("beta", "HOST (dev, prod), PAGE (dev)")],
)
def test_variables_that_only_other_stages_set_are_named(
    of_stage: str, named: str, tmp_path: Path
) -> None:
    config = {"app_name": "pour", "environment_variables": {"ALL": "x"}, "stages": STAGES}
    project = Project.load(write_project(tmp_path / "p", config=config), of_stage)
    declared = declaration(TABLE, ROUTER)
    (line,) = set_elsewhere(project, declared, {})
    assert line.startswith(
        f"warning: stage {of_stage} does not set variables that other stages set: {named}. "
    )
    own = {"LIMIT": "9", "HOST": "x", "PAGE": {"Ref": "Page"}}
    overrides = {"Globals": {"Function": {"Environment": {"Variables": own}}}}
    assert [*set_elsewhere(project, declared, overrides)] == []


def test_a_stage_that_sets_all_has_no_warning(tmp_path: Path) -> None:
    project = Project.load(write_project(tmp_path / "p", config={"app_name": "pour"}))
    assert [*set_elsewhere(project, DECLARED, {})] == []


def exposed(folder: Path, overrides: dict[str, Any], **variables: str) -> list[str]:
    return [*exposed_secrets(stage(folder, **variables), DECLARED, overrides)]


def test_a_secret_in_plain_text_is_named_once_without_its_value(tmp_path: Path) -> None:
    (line,) = exposed(tmp_path, {}, API_TOKEN="hunter2", TABLE="bids")
    assert line.startswith("warning: API_TOKEN in .chalice/config.json looks like a secret")
    assert '"API_TOKEN": "{{resolve:secretsmanager:NAME}}"' in line
    assert "hunter2" not in line


def test_the_overrides_are_searched_too(tmp_path: Path) -> None:
    variables = {"PASSWORD": "hunter2", "API_KEY": {"Ref": "ApiKey"}}
    own = {"Properties": {"Environment": {"Variables": variables}}}
    (line,) = exposed(tmp_path, {"Resources": {"WebsocketConnect": own}})
    assert line.startswith("warning: PASSWORD in .chalice/overrides.json looks like a secret")


def test_a_secure_parameter_is_refused_by_cloudformation(tmp_path: Path) -> None:
    (line,) = exposed(tmp_path, {}, API_KEY="{{resolve:ssm-secure:/pour/key:1}}")
    assert "CloudFormation refuses in a function's environment" in line
    assert "/pour/key" not in line


ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"


@pytest.mark.parametrize(
    ("existing", "configured", "warned"),
    [
        ("orders", "orders", False),
        ("orders", "", False),
        ("orders", "others", True),
        (ARN, "orders", False),
        (ARN, ARN, False),
        (ARN, "others", True),
        ("{{resolve:ssm:/shop/orders}}", "others", False),
        (None, "others", False),
    ],
)
def test_a_name_that_is_not_the_existing_tables_has_a_warning(
    existing: str | None, configured: str, warned: bool, tmp_path: Path
) -> None:
    declared = declaration({**TABLE, "existing": existing})
    found = [*other_tables(stage(tmp_path, CONNECTIONS_TABLE=configured), declared)]
    start = "warning: CONNECTIONS_TABLE in .chalice/config.json is others, which only"
    assert [line.startswith(start) for line in found] == [True] * warned
