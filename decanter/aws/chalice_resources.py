"""Predict the resources of the template that Chalice generates, by logical id.

Source: Chalice 1.34, `package.py` and `deploy/appgraph.py`.
"""

from typing import Any

from decanter.aws import api
from decanter.aws.build_config import analysed
from decanter.aws.references import FUNCTION
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.roles import DEFAULT_ROLE
from decanter.project.stack import WEBSOCKET_API, integration, logical_id, role_id

Section = dict[str, Any]


def chalice_resources(project: Project, declaration: Declaration) -> dict[str, Section]:
    """Return the resources, with those parts from which SAM creates additional resources."""
    found: dict[str, Section] = {}
    for function, declared in declaration.lambdas.items():
        name = logical_id(function)
        # The name of a function's event starts with the function's name.
        properties = {"Role": "", "Events": {name: {}}}
        found[name] = {"Type": FUNCTION, "Properties": properties}
        if declared.kind in {"websocket", "http", "authorizer"}:
            found[f"{name}InvokePermission"] = {}
        if _has_own_role(project, function):
            found[role_id(function)] = {}
    if analysed(project, declaration):
        found[DEFAULT_ROLE] = {}
    if declaration.websocket:
        found |= {name: {} for name in _of_websocket_api(project, declaration)}
    if declaration.http_routes:
        found["RestAPI"] = {"Type": "AWS::Serverless::Api"}
        found |= _domain("ApiGatewayCustomDomain", project.config.api_gateway_custom_domain)
    return found


def _has_own_role(project: Project, function: str) -> bool:
    config = project.scope(function)
    return bool(config.manage_iam_role and not config.autogen_policy)


def _of_websocket_api(project: Project, declaration: Declaration) -> list[str]:
    parts = [
        logical_id(it.function).removeprefix("Websocket") for it in declaration.websocket.values()
    ]
    return [
        *(WEBSOCKET_API, api.DEPLOYMENT, api.STAGE),
        *(integration(part) for part in parts),
        *(f"Websocket{part}Route" for part in parts),
        *_domain("WebsocketApiCustomDomain", project.config.websocket_api_custom_domain),
    ]


def _domain(name: str, configured: Any) -> dict[str, Section]:
    return {name: {}, f"{name}Mapping": {}} if configured else {}
