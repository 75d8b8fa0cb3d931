"""Each function's permissions, in the template and in Chalice's policy files."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from decanter.aws import access
from decanter.project.config import Project
from decanter.project.stack import role_id
from tests.support.declarations import NEEDY_TABLE, ROUTER, declaration
from tests.support.projects import CONFIG, write_project

DECLARED = declaration(NEEDY_TABLE, ROUTER)


def project(folder: Path, **stage: Any) -> Project:
    """A project whose stage `dev` has this configuration."""
    config = copy.deepcopy(CONFIG)
    config["stages"]["dev"] |= stage
    return Project.load(write_project(folder / "p", config=config))


def statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    (policy,) = role["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_a_role_names_the_stacks_own_resources(tmp_path: Path) -> None:
    roles = access.roles(project(tmp_path), DECLARED)
    assert sorted(roles) == ["WebsocketConnectRole", "WebsocketMessageRole"]
    assert statements(roles["WebsocketMessageRole"]) == [
        {
            "Sid": "ConnectionsTable",
            "Effect": "Allow",
            "Action": ["dynamodb:DeleteItem", "dynamodb:Scan"],
            "Resource": [{"Fn::GetAtt": ["ConnectionsTable", "Arn"]}],
        },
        {
            "Sid": "Connections",
            "Effect": "Allow",
            "Action": ["execute-api:ManageConnections"],
            "Resource": [
                {
                    "Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:"
                    "${AWS::AccountId}:${WebsocketAPI}/v1/POST/@connections/*"
                }
            ],
        },
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [{"Fn::GetAtt": ["WebsocketMessageLogGroup", "Arn"]}],
        },
    ]


def test_only_functions_that_post_may_post(tmp_path: Path) -> None:
    role = access.roles(project(tmp_path), DECLARED)["WebsocketConnectRole"]
    assert [it["Sid"] for it in statements(role)] == ["ConnectionsTable", "Logs"]


def test_a_scheduled_function_has_the_rights_declared_for_its_name(tmp_path: Path) -> None:
    declared = declaration(NEEDY_TABLE, ROUTER, schedules={"sweep": "rate(5 minutes)"})
    table, connections, logs = statements(access.roles(project(tmp_path), declared)["SweepRole"])
    assert (table["Sid"], table["Action"]) == ("ConnectionsTable", ["dynamodb:Scan"])
    (resource,) = connections["Resource"]
    assert resource["Fn::Sub"].endswith(":${WebsocketAPI}/v1/GET/@connections/*")
    assert logs["Resource"] == [{"Fn::GetAtt": ["SweepLogGroup", "Arn"]}]


def test_a_function_that_declares_nothing_keeps_chalices_role(tmp_path: Path) -> None:
    declared = declaration(NEEDY_TABLE, ROUTER, http_routes=("/",))
    assert "ApiHandlerRole" not in access.roles(project(tmp_path), declared)
    assert "api_handler" not in access.role_references(project(tmp_path / "2"), declared)


def test_a_role_named_in_the_configuration_is_kept(tmp_path: Path) -> None:
    own = project(tmp_path, manage_iam_role=False, iam_role_arn="arn:aws:iam::1:role/own")
    assert access.roles(own, DECLARED) == access.role_references(own, DECLARED) == {}


def test_lambdas_own_calls_are_allowed_if_configured(tmp_path: Path) -> None:
    asking = project(tmp_path, xray=True, subnet_ids=["s"], security_group_ids=["g"])
    role = access.roles(asking, DECLARED)["WebsocketConnectRole"]
    assert [it["Sid"] for it in statements(role)][-2:] == ["Network", "Traces"]


def test_a_policy_file_is_literal_and_uses_known_names(tmp_path: Path) -> None:
    name = "policy-dev-websocket_message.json"
    functions = {"websocket_message": {"iam_policy_file": name}}
    files = access.policy_files(project(tmp_path, lambda_functions=functions), DECLARED)
    assert list(files) == [name]
    resources = [it["Resource"] for it in json.loads(files[name])["Statement"]]
    assert resources == [
        ["arn:*:dynamodb:*:*:table/pour-dev-connections"],
        ["arn:*:execute-api:*:*:*/v1/POST/@connections/*"],
        ["arn:*:logs:*:*:log-group:/aws/lambda/pour-dev-websocket_message:*"],
    ]


def test_the_policy_file_of_the_http_routes_names_the_log_of_their_function(tmp_path: Path) -> None:
    """Chalice names this function `APP-STAGE`, without the configuration key."""
    functions = {"api_handler": {"iam_policy_file": "policy-dev-api_handler.json"}}
    needy = {**NEEDY_TABLE, "actions": {"api_handler": ["dynamodb:Scan"]}}
    declared = declaration(needy, http_routes=("/",))
    files = access.policy_files(project(tmp_path, lambda_functions=functions), declared)
    *_, logs = json.loads(files["policy-dev-api_handler.json"])["Statement"]
    assert logs["Resource"] == ["arn:*:logs:*:*:log-group:/aws/lambda/pour-dev:*"]


def test_a_policy_file_with_another_name_belongs_to_the_user(tmp_path: Path) -> None:
    functions = {"websocket_message": {"iam_policy_file": "mine.json"}}
    assert access.policy_files(project(tmp_path, lambda_functions=functions), DECLARED) == {}


@pytest.mark.parametrize(
    ("function", "role", "group"),
    [
        ("websocket_connect", "WebsocketConnectRole", "WebsocketConnectLogGroup"),
        ("api_handler", "ApiHandlerRole", "ApiHandlerLogGroup"),
    ],
)
def test_logical_ids_are_chalices_own(function: str, role: str, group: str) -> None:
    """The template can then be merged into that of Chalice."""
    assert (role_id(function), access.log_group_id(function)) == (role, group)
