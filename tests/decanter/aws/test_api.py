"""The WebSocket API in the merge template."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from decanter.aws import api
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration, Handler
from tests.support.declarations import ROUTER, declaration
from tests.support.projects import write_project

RETENTION = {"RetentionInDays": 1}


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Project:
    return Project.load(write_project(tmp_path / "p"))


def with_route(**route: Any) -> dict[str, Any]:
    """Return the router with one more route."""
    new = {"route_key": "shout", "operation_name": None, "function": "shout", **route}
    return {**ROUTER, "routes": [*ROUTER["routes"], new]}


def deployment(project: Project, declared: Declaration) -> tuple[str, dict[str, Any]]:
    """Return the deployment that the stage serves, and its logical id."""
    resources = api.resources(project, declared, RETENTION)
    name = resources["WebsocketAPIStage"]["Properties"]["DeploymentId"]["Ref"]
    return name, resources[name]


def test_a_routers_route_leads_to_the_message_function(project: Project) -> None:
    resources = api.resources(project, declaration(ROUTER), RETENTION)
    assert resources["RouteSendmessage"] == {
        "Type": "AWS::ApiGatewayV2::Route",
        "Properties": {
            "ApiId": {"Ref": "WebsocketAPI"},
            "RouteKey": "sendmessage",
            "OperationName": "SendRoute",
            "Target": {
                "Fn::Join": ["/", ["integrations", {"Ref": "WebsocketMessageAPIIntegration"}]]
            },
        },
    }
    expression = {"Properties": {"RouteSelectionExpression": "$request.body.message"}}
    assert resources["WebsocketAPI"] == expression


def test_only_existing_routes_of_chalice_get_names(project: Project) -> None:
    resources = api.resources(project, declaration(ROUTER), RETENTION)
    names = {
        key: value["Properties"]["OperationName"]
        for key, value in resources.items()
        if key in ("WebsocketConnectRoute", "WebsocketMessageRoute", "WebsocketDisconnectRoute")
    }
    expected = {"WebsocketConnectRoute": "ConnectRoute", "WebsocketMessageRoute": "DefaultRoute"}
    assert names == expected


def test_the_deployment_waits_for_every_route(project: Project) -> None:
    _, resource = deployment(project, declaration(with_route()))
    assert resource["DependsOn"] == [
        "RouteSendmessage",
        "RouteShout",
        "WebsocketConnectRoute",
        "WebsocketMessageRoute",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda: declaration(with_route()),
        lambda: declaration({**ROUTER, "expression": "$request.body.action"}),
        lambda: declaration({**ROUTER, "routes": []}),
        lambda: declaration(
            {**ROUTER, "routes": [{**ROUTER["routes"][0], "operation_name": "Other"}]}
        ),
        lambda: declaration({**ROUTER, "routes": [{**ROUTER["routes"][0], "function": "other"}]}),
        declaration,
    ],
    ids=["route added", "expression", "route removed", "operation", "function", "no router"],
)
def test_a_change_of_its_routes_makes_a_new_deployment(
    change: Callable[[], Declaration], project: Project
) -> None:
    assert deployment(project, change())[0] != deployment(project, declaration(ROUTER))[0]


def test_the_same_app_has_the_same_deployment(project: Project) -> None:
    assert deployment(project, declaration(ROUTER)) == deployment(project, declaration(ROUTER))


def test_chalices_own_deployment_is_never_created(project: Project) -> None:
    name = api.resources(project, declaration(), RETENTION)["WebsocketAPIDeployment"]["Condition"]
    assert api.conditions()[name] == {"Fn::Equals": [{"Ref": "AWS::StackName"}, ""]}


def test_access_logs_contain_no_messages_and_no_query_strings(project: Project) -> None:
    stage = api.resources(project, declaration(), RETENTION)["WebsocketAPIStage"]["Properties"]
    _, settings, otherwise = stage["AccessLogSettings"]["Fn::If"]
    assert otherwise == {"Ref": "AWS::NoValue"}
    fields = set(json.loads(settings["Format"]).values())
    assert not [field for field in fields if "query" in field or "body" in field]
    assert "$context.connectionId" in fields


def test_the_url_is_right_in_every_partition(project: Project) -> None:
    assert api.outputs(project)["APIGatewayURL"] == {
        "Description": "API Gateway Websocket URL",
        "Value": {
            "Fn::Sub": "wss://${WebsocketAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1"
        },
    }


def test_routers_with_different_expressions_are_an_error(project: Project) -> None:
    other = {**ROUTER, "expression": "$request.body.action", "routes": []}
    with pytest.raises(
        ProjectError, match=r"have \$request.body.action and \$request.body.message"
    ):
        api.resources(project, declaration(ROUTER, other), RETENTION)


@pytest.mark.parametrize(
    ("one", "other"),
    [("send", "Send"), ("send_it", "sendit"), ("send/it", "send_it"), ("ä", "ö"), ("a", "A")],
)
def test_each_route_has_its_own_logical_id(one: str, other: str) -> None:
    assert api.route_id(one) != api.route_id(other)
    assert api.route_id(one).isalnum()
    assert api.route_id(one).isascii()


def test_a_plain_key_is_readable_in_the_logical_id() -> None:
    assert api.route_id("sendmessage") == "RouteSendmessage"


def test_the_rate_limits_have_defaults_and_apply_to_every_route(project: Project) -> None:
    stage = api.resources(project, declaration(ROUTER), RETENTION)["WebsocketAPIStage"]
    settings = stage["Properties"]["DefaultRouteSettings"]
    limits = {name: settings[name]["Ref"] for name in settings if name.startswith("Throttling")}
    parameters = api.parameters()
    assert {name: parameters[each]["Default"] for name, each in limits.items()} == {
        "ThrottlingRateLimit": 500,
        "ThrottlingBurstLimit": 1000,
    }


def with_key(key: str) -> Declaration:
    """Return an app that registers a route key with Chalice."""
    return replace(declaration(), websocket={key: Handler(key, "websocket_message")})


def test_a_route_key_of_chalices_is_a_part_of_the_deployment(project: Project) -> None:
    resources = api.resources(project, with_key("bid"), RETENTION)
    assert resources["WebsocketBidRoute"] == {"Properties": {"OperationName": "BidRoute"}}
    assert deployment(project, with_key("bid"))[1]["DependsOn"] == ["WebsocketBidRoute"]


def test_a_route_key_that_chalice_cannot_package_is_refused(project: Project) -> None:
    with pytest.raises(ProjectError, match="cannot package the route key 'send_bid': use only let"):
        api.resources(project, with_key("send_bid"), RETENTION)
