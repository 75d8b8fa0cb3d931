"""The parts that the merge template adds to Chalice's WebSocket API.

Chalice's template has only the routes of the app's handlers, a fixed selection expression, and a
deployment whose logical id never changes. A deployment is a snapshot of the routes, and API Gateway
serves this snapshot. CloudFormation creates a new deployment only under a new logical id. With
Chalice's template, API Gateway would never serve changed routes. Source: Chalice 1.34,
`package.py`; API Gateway Developer Guide, "Deploying WebSocket APIs".
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

# The middle of the logical id, as in `WebsocketConnectRoute`, and the operation name, by
# route key.
_CHALICES = {
    "$connect": ("Connect", "ConnectRoute"),
    "$default": ("Message", "DefaultRoute"),
    "$disconnect": ("Disconnect", "DisconnectRoute"),
}

# The access log contains no messages and no query string, because these may contain a token.
_ACCESS_LOG_FIELDS = (
    "requestTime",
    "requestId",
    "eventType",
    "routeKey",
    "connectionId",
    "status",
)


def parameters() -> Section:
    """Return the parameters of the API's stage."""
    choice = {"Type": "String", "AllowedValues": ["false", "true"], "Default": "false"}
    return {
        RATE_PARAMETER: {
            "Type": "Number",
            "MinValue": 1,
            "Default": 500,
            "Description": "Rate limit of the stage: messages and new connections per second.",
        },
        BURST_PARAMETER: {
            "Type": "Number",
            "MinValue": 1,
            "Default": 1000,
            "Description": "Burst limit of the stage: messages and new connections at once.",
        },
        METRICS_PARAMETER: {
            **choice,
            "Description": "Send metrics of each route to CloudWatch, which charges for them.",
        },
        ACCESS_LOGS_PARAMETER: {
            **choice,
            "Description": (
                "Log each event. The account needs a CloudWatch role for "
                "API Gateway in this region first."
            ),
        },
    }


def conditions() -> Section:
    """Return the condition for access logs, and one that is always false, for unused resources."""
    return {
        ACCESS_LOGS_CONDITION: {"Fn::Equals": [{"Ref": ACCESS_LOGS_PARAMETER}, "true"]},
        NEVER_CONDITION: {"Fn::Equals": [{"Ref": "AWS::StackName"}, ""]},
    }


def resources(project: Project, declaration: Declaration, retention: Section) -> Section:
    """Return the parts to merge into Chalice's API, and the additional resources.

    Raises:
        ProjectError: the app's routers have different selection expressions, or Chalice cannot
            package a route key.
    """
    expression = _expression(project, declaration)
    routes = _routes(declaration)
    deployment = f"{DEPLOYMENT}{_digest(expression, declaration, routes)}"
    found: Section = {
        **routes,
        deployment: _deployment(sorted(routes)),
        # Nothing refers to Chalice's deployment. A false condition prevents its creation.
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
    """Return the URL that clients connect to."""
    return {
        "APIGatewayURL": {
            "Description": "API Gateway Websocket URL",
            "Value": {"Fn::Sub": f"wss://{_host()}/{project.api_stage}"},
        }
    }


def management_endpoint(project: Project) -> Section:
    """Return the URL of @connections, for the environment of functions."""
    return {"Fn::Sub": f"https://{_host()}/{project.api_stage}"}


def _host() -> str:
    return f"${{{WEBSOCKET_API}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"


def _expression(project: Project, declaration: Declaration) -> str | None:
    """Return the routers' selection expression; None to keep Chalice's expression."""
    expressions = sorted({router.expression for router in declaration.routers})
    if len(expressions) > 1:
        raise ProjectError(
            f"{project.directory / 'app.py'}: an API has one route selection expression, but its "
            f"routers have {' and '.join(expressions)}: use the same one in all routers"
        )
    return expressions[0] if expressions else None


def _routes(declaration: Declaration) -> Section:
    """Return Chalice's routes with operation names and, with `$default`, the routers' routes."""
    routes: Section = {}
    for route_key in declaration.websocket:
        part, operation_name = _CHALICES.get(route_key) or _own_route(route_key)
        routes[f"Websocket{part}Route"] = {"Properties": {"OperationName": operation_name}}
    if "$default" in declaration.websocket:
        for router in declaration.routers:
            routes |= {route_id(route.route_key): _route(route) for route in router.routes}
    return routes


def _own_route(route_key: str) -> tuple[str, str]:
    """Return the middle of the logical id, and the operation name, of a route that Chalice creates.

    Raises:
        ProjectError: Chalice would write a logical id that CloudFormation refuses.
    """
    part = route_key.capitalize()
    if not (part.isascii() and part.isalnum()):
        raise ProjectError(
            f"Chalice cannot package the route key {route_key!r}: use only letters and digits, or "
            "a route of a router"
        )
    return part, f"{part}Route"


def route_id(route_key: str) -> str:
    """Return the logical id of a route. Different keys have different ids.

    Logical ids contain only letters and digits. The id ends with a digest of the key if the key has
    other characters or upper-case letters.
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
    """Return a digest of the routes, their handlers and functions, and the selection expression."""
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
