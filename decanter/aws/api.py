"""The WebSocket API in the merge template: what Chalice's own has not.

Chalice models three routes, a fixed selection expression, and a deployment whose logical id never
changes. API Gateway serves the snapshot of the routes that a deployment took when it was made, and
CloudFormation makes a new one only under a new logical id: so changed routes would never go live.
Source: Chalice 1.34, `package.py`; API Gateway Developer Guide, "Deploying WebSocket APIs".
"""

import hashlib
import json
from typing import Any

from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration, RouteDeclaration
from decanter.project.stack import WEBSOCKET_API, integration
from decanter.project.template import ROUTE

Section = dict[str, Any]

DEPLOYMENT = f"{WEBSOCKET_API}Deployment"
STAGE = f"{WEBSOCKET_API}Stage"

RATE_PARAMETER = "ThrottlingRateLimit"
BURST_PARAMETER = "ThrottlingBurstLimit"
METRICS_PARAMETER = "RouteMetrics"
ACCESS_LOGS_PARAMETER = "AccessLogs"
ACCESS_LOGS_CONDITION = "AccessLogsAreKept"
ACCESS_LOG_GROUP = "WebsocketAccessLogGroup"
NEVER_CONDITION = "ChalicesDeploymentIsUsed"

# Chalice's routes by key: the part of their logical ids, and the name of their operation.
_CHALICES = {
    "$connect": ("Connect", "ConnectRoute"),
    "$default": ("Message", "DefaultRoute"),
    "$disconnect": ("Disconnect", "DisconnectRoute"),
}

# No query string, which may carry a token, and no message.
_ACCESS_LOG_FIELDS = (
    "requestTime",
    "requestId",
    "eventType",
    "routeKey",
    "connectionId",
    "status",
)


def parameters() -> Section:
    """What one may want otherwise for one stage than for another."""
    choice = {"Type": "String", "AllowedValues": ["false", "true"], "Default": "false"}
    return {
        RATE_PARAMETER: {
            "Type": "Number",
            "MinValue": 1,
            "Default": 500,
            "Description": "Messages and new connections a second that the stage takes on average.",
        },
        BURST_PARAMETER: {
            "Type": "Number",
            "MinValue": 1,
            "Default": 1000,
            "Description": "How many of them it takes at once.",
        },
        METRICS_PARAMETER: {
            **choice,
            "Description": "Whether CloudWatch gets metrics of each route, which it bills.",
        },
        ACCESS_LOGS_PARAMETER: {
            **choice,
            "Description": (
                "Whether each event is logged; the account needs a CloudWatch role for "
                "API Gateway in this region first."
            ),
        },
    }


def conditions() -> Section:
    """Whether access logs are kept; and one that never holds, for what Chalice makes in vain."""
    return {
        ACCESS_LOGS_CONDITION: {"Fn::Equals": [{"Ref": ACCESS_LOGS_PARAMETER}, "true"]},
        NEVER_CONDITION: {"Fn::Equals": [{"Ref": "AWS::StackName"}, ""]},
    }


def resources(project: Project, declaration: Declaration, retention: Section) -> Section:
    """What is laid over Chalice's API and added to it.

    Args:
        project: whose API.
        declaration: what its app declares.
        retention: a log group's `RetentionInDays`.

    Raises:
        ProjectError: the app's routers are of different minds about the selection expression.
    """
    expression = _expression(project, declaration)
    routes = _routes(declaration)
    deployment = f"{DEPLOYMENT}{_digest(expression, declaration, routes)}"
    found: Section = {
        **routes,
        deployment: _deployment(sorted(routes)),
        # Nothing refers to Chalice's own: without a snapshot of its own, it is not made at all.
        DEPLOYMENT: {"Condition": NEVER_CONDITION},
        STAGE: {"Properties": _stage(project, deployment)},
        ACCESS_LOG_GROUP: {
            "Type": "AWS::Logs::LogGroup",
            "Condition": ACCESS_LOGS_CONDITION,
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": retention,
        },
    }
    if expression is not None:
        found[WEBSOCKET_API] = {"Properties": {"RouteSelectionExpression": expression}}
    return found


def outputs(project: Project) -> Section:
    """Where clients connect."""
    return {
        "APIGatewayURL": {
            "Description": "API Gateway Websocket URL",
            "Value": {"Fn::Sub": f"wss://{_host()}/{project.api_stage}"},
        }
    }


def management_endpoint(project: Project) -> Section:
    """The URL of @connections, from the API's own id: it is known where no event is."""
    return {"Fn::Sub": f"https://{_host()}/{project.api_stage}"}


def _host() -> str:
    return f"${{{WEBSOCKET_API}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"


def _expression(project: Project, declaration: Declaration) -> str | None:
    """What the app's routers select by; None without one, which leaves Chalice's."""
    expressions = sorted({router.expression for router in declaration.routers})
    if len(expressions) > 1:
        raise ProjectError(
            f"{project.directory / 'app.py'}: an API has one route selection expression, its "
            f"routers have {' and '.join(expressions)}: give them the same"
        )
    return expressions[0] if expressions else None


def _routes(declaration: Declaration) -> Section:
    """Chalice's routes with operation names; the routers' own, if messages have a handler."""
    routes: Section = {}
    for route_key in declaration.websocket:
        part, operation_name = _CHALICES[route_key]
        routes[f"Websocket{part}Route"] = {"Properties": {"OperationName": operation_name}}
    if "$default" in declaration.websocket:
        for router in declaration.routers:
            routes |= {route_id(route.route_key): _route(route) for route in router.routes}
    return routes


def route_id(route_key: str) -> str:
    """A route's logical id, a different one for each key.

    Logical ids have letters and digits only; what a key loses by that, a digest keeps apart.
    """
    letters = "".join(c for c in route_key if c.isascii() and c.isalnum())
    exact = letters == route_key and route_key == route_key.lower()
    return f"Route{letters[:1].upper()}{letters[1:]}{'' if exact else _hash(route_key)}"


def _route(route: RouteDeclaration) -> Section:
    name = {"OperationName": route.operation_name} if route.operation_name else {}
    return {
        "Type": ROUTE,
        "Properties": {
            "ApiId": {"Ref": WEBSOCKET_API},
            "RouteKey": route.route_key,
            **name,
            "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integration("Message")}]]},
        },
    }


def _deployment(routes: list[str]) -> Section:
    return {
        "Type": "AWS::ApiGatewayV2::Deployment",
        "DependsOn": routes,
        "Properties": {"ApiId": {"Ref": WEBSOCKET_API}},
    }


def _stage(project: Project, deployment: str) -> Section:
    fields = {name: f"$context.{name}" for name in _ACCESS_LOG_FIELDS}
    group = (
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:"
        f"log-group:${{{ACCESS_LOG_GROUP}}}"
    )
    access_logs = {"DestinationArn": {"Fn::Sub": group}, "Format": json.dumps(fields)}
    return {
        "DeploymentId": {"Ref": deployment},
        "Description": f"{project.app_name}, stage {project.chalice_stage}",
        "DefaultRouteSettings": {
            "DetailedMetricsEnabled": {"Ref": METRICS_PARAMETER},
            "ThrottlingBurstLimit": {"Ref": BURST_PARAMETER},
            "ThrottlingRateLimit": {"Ref": RATE_PARAMETER},
        },
        "AccessLogSettings": {
            "Fn::If": [ACCESS_LOGS_CONDITION, access_logs, {"Ref": "AWS::NoValue"}]
        },
    }


def _digest(expression: str | None, declaration: Declaration, routes: Section) -> str:
    """Of all that a deployment takes a snapshot of, and of the handlers behind it."""
    handlers = {key: [h.name, h.function] for key, h in declaration.websocket.items()}
    functions = [
        [route.route_key, route.function]
        for router in declaration.routers
        for route in router.routes
    ]
    content = [expression, handlers, sorted(functions), routes]
    return _hash(json.dumps(content, sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
