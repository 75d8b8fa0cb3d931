"""The configuration with which Chalice packages: policies, layers and profiles."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.build_config import PLACEHOLDER, analysed, build_config
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from tests.support.declarations import NEEDY_TABLE, declaration
from tests.support.projects import write_project

OWN = {"autogen_policy": False, "iam_policy_file": PLACEHOLDER}
DECLARED = declaration(NEEDY_TABLE, http_routes=("/",))


def project(folder: Path, stage: dict[str, Any], **top: Any) -> Project:
    """Return a project whose stage dev has these settings."""
    document = {"version": "2.0", "app_name": "pour", "stages": {"dev": stage}, **top}
    return Project.load(write_project(folder / "p", config=document))


def functions(project: Project, declared: Declaration) -> Any:
    return build_config(project, declared)["stages"]["dev"]["lambda_functions"]


def test_chalice_reads_no_policy_for_a_function_whose_role_is_declared(tmp_path: Path) -> None:
    where = project(tmp_path, {"lambda_functions": {"websocket_connect": {"lambda_timeout": 5}}})
    assert functions(where, DECLARED) == {
        "websocket_connect": {"lambda_timeout": 5, **OWN},
        "websocket_message": OWN,
    }
    assert analysed(where, DECLARED) == ["api_handler"]


def test_another_role_keeps_its_policy_file(tmp_path: Path) -> None:
    where = project(tmp_path, {"autogen_policy": False})
    path = where.config_path.with_name("policy-dev.json")
    path.write_text("{}")
    assert functions(where, DECLARED)["api_handler"] == {"iam_policy_file": str(path)}
    assert analysed(where, DECLARED) == []


@pytest.mark.parametrize(
    ("settings", "name"),
    [({}, "policy-dev.json"), ({"api_handler": {"iam_policy_file": "web.json"}}, "web.json")],
)
def test_a_missing_policy_file_is_named(
    settings: dict[str, Any], name: str, tmp_path: Path
) -> None:
    where = project(tmp_path, {"autogen_policy": False, "lambda_functions": settings})
    with pytest.raises(ProjectError, match=f"policy of api_handler from .chalice/{name}, which"):
        build_config(where, DECLARED)


def test_a_missing_policy_of_the_http_api_is_named(tmp_path: Path) -> None:
    where = project(tmp_path, {"api_gateway_policy_file": "api.json"})
    with pytest.raises(ProjectError, match=r'api.json, which .* remove "api_gateway_policy_file"'):
        build_config(where, DECLARED)


def test_a_role_of_the_users_own_needs_no_policy(tmp_path: Path) -> None:
    role = {"manage_iam_role": False, "iam_role_arn": "arn:aws:iam::123456789012:role/it"}
    where = project(tmp_path, {"autogen_policy": False, **role})
    assert functions(where, DECLARED) == {}
    assert analysed(where, DECLARED) == []


def test_websocket_functions_share_a_policy_if_chalice_analyses_one(tmp_path: Path) -> None:
    """Otherwise Chalice would give the right to post to none of them."""
    connects = {**NEEDY_TABLE, "actions": {"websocket_connect": ["dynamodb:PutItem"]}}
    assert functions(project(tmp_path, {}), declaration(connects)) == {
        "websocket_connect": {"autogen_policy": True}
    }


def test_there_is_no_layer_and_no_profile(tmp_path: Path) -> None:
    where = project(tmp_path, {"automatic_layer": True}, automatic_layer=True, profile="mine")
    config = build_config(where, DECLARED)
    assert config["stages"]["dev"]["automatic_layer"] is False
    assert "profile" not in config
    assert where.config.automatic_layer


def test_a_configuration_without_stages_gets_one(tmp_path: Path) -> None:
    document = {"version": "2.0", "app_name": "pour"}
    where = Project.load(write_project(tmp_path / "p", config=document))
    assert functions(where, replace(DECLARED, http_routes=())).keys() == {
        "websocket_connect",
        "websocket_message",
    }
