"""Additions to moto's ApiGatewayV2: deployments, UpdateStage, and AWS's refusals.

A deployment is a snapshot of the routes. A stage serves the snapshot, never the draft, so a test
can check which routes are live. Source: API Gateway Version 2 API reference.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from moto.apigatewayv2 import urls
from moto.apigatewayv2.exceptions import APIGatewayV2Error
from moto.apigatewayv2.models import Api, Stage, apigatewayv2_backends
from moto.apigatewayv2.responses import ApiGatewayV2Response
from moto.moto_api._internal import mock_random

Response = tuple[int, dict[str, str], str]
Snapshot = dict[str, Any]


class NotFoundError(APIGatewayV2Error):
    code = 404

    def __init__(self, message: str) -> None:
        super().__init__("NotFoundException", message)


class ConflictError(APIGatewayV2Error):
    code = 409

    def __init__(self, message: str) -> None:
        super().__init__("ConflictException", message)


class Deployments:
    """The deployments of every API, by id; stored separately from moto's objects."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Snapshot]] = {}

    def create(self, api: Api) -> str:
        """Take a snapshot."""
        if not api.routes:
            raise APIGatewayV2Error("BadRequestException", "At least one route is required")
        identifier = str(mock_random.get_random_hex(6))
        self.of(api)[identifier] = snapshot(api)
        return identifier

    def of(self, api: Api) -> dict[str, Snapshot]:
        return self._of.setdefault(api.api_id, {})

    def delete(self, api: Api, identifier: str) -> None:
        active = [stage.name for stage in api.stages.values() if deployed(stage) == identifier]
        if active:
            raise ConflictError(f"Active stages pointing to this deployment: {active}")
        self.of(api).pop(identifier, None)

    def point(self, api: Api, stage: Stage, identifier: str) -> None:
        """Make a stage serve a deployment."""
        if identifier not in self.of(api):
            raise NotFoundError("Deployment id does not exist")
        stage.config["deploymentId"] = identifier


DEPLOYMENTS = Deployments()


def snapshot(api: Api) -> Snapshot:
    """Return the current routes: the target and the name of each."""
    functions = {key: value.integration_uri for key, value in api.integrations.items()}
    return {
        "expression": api.route_selection_expression,
        "routes": {
            route.route_key: {
                "operation": route.operation_name,
                "uri": functions.get(str(route.target).removeprefix("integrations/")),
            }
            for route in api.routes.values()
        },
    }


def deployed(stage: Stage) -> str | None:
    """Return the deployment that a stage serves."""
    identifier: str | None = stage.config.get("deploymentId")
    return identifier


def live(api_id: str, stage: str, account: str, region: str) -> Snapshot:
    """Return the routes that a stage serves; AWS has no call for this."""
    api = apigatewayv2_backends[account][region].get_api(api_id)
    return DEPLOYMENTS.of(api)[str(deployed(api.get_stage(stage)))]


class Operations(ApiGatewayV2Response):
    """Operations that moto lacks; it finds them by name and by path."""

    def _api(self, place: int) -> Api:
        return self.apigatewayv2_backend.get_api(self.path.split("/")[place])

    def _params(self) -> dict[str, Any]:
        params: dict[str, Any] = json.loads(self.body or "{}")
        return params

    def create_deployment(self) -> Response:
        api, params = self._api(-2), self._params()
        identifier = DEPLOYMENTS.create(api)
        if "stageName" in params:
            DEPLOYMENTS.point(api, api.get_stage(params["stageName"]), identifier)
        return _json({"deploymentId": identifier, "deploymentStatus": "DEPLOYED"})

    def get_deployments(self) -> Response:
        return _json({"items": [{"deploymentId": key} for key in DEPLOYMENTS.of(self._api(-2))]})

    def delete_deployment(self) -> Response:
        DEPLOYMENTS.delete(self._api(-3), self.path.split("/")[-1])
        return _json({})

    def update_stage(self) -> Response:
        api, params = self._api(-3), self._params()
        stage = api.get_stage(unquote(self.path.split("/")[-1]))
        if "deploymentId" in params:
            DEPLOYMENTS.point(api, stage, params["deploymentId"])
        return _json(stage.to_json())


def _json(value: object) -> Response:
    return 200, {}, json.dumps(value)


class Refusals(Api):
    """Requests that AWS refuses: a stage or route with a used name, a route without target."""

    def create_stage(self, config: dict[str, Any]) -> Stage:
        if config["stageName"] in self.stages:
            raise ConflictError(f"Stage {config['stageName']} already exists")
        if config.get("deploymentId", "") not in {"", *DEPLOYMENTS.of(self)}:
            raise NotFoundError("Deployment id does not exist")
        stage: Stage = BASE["create_stage"](self, config)
        return stage

    def create_route(self, *args: Any, **kwargs: Any) -> Any:
        if any(route.route_key == kwargs["route_key"] for route in self.routes.values()):
            raise ConflictError(f"Route with key {kwargs['route_key']} already exists for this API")
        if str(kwargs["target"]).removeprefix("integrations/") not in self.integrations:
            raise NotFoundError("Invalid target")
        return BASE["create_route"](self, *args, **kwargs)

    def delete_integration(self, integration_id: str) -> None:
        if any(str(r.target).endswith(f"/{integration_id}") for r in self.routes.values()):
            raise ConflictError(f"Integration {integration_id} is referenced by a route")
        BASE["delete_integration"](self, integration_id)


class DeployedStage(Stage):
    """A stage that reports its deployment."""

    def to_json(self) -> dict[str, Any]:
        return {**BASE["to_json"](self), "deploymentId": deployed(self)}


BASE: dict[str, Callable[..., Any]] = {}
"""moto's own methods, which `lay` replaces."""


def lay(over: type[Any], under: type[Any], *names: str) -> None:
    """Replace methods of moto, and keep the originals."""
    for name in names:
        BASE[name] = vars(under)[name]
        setattr(under, name, vars(over)[name])


def install() -> None:
    """Add everything to moto, once."""
    if hasattr(ApiGatewayV2Response, "create_deployment"):
        return
    for name in ("create_deployment", "get_deployments", "delete_deployment", "update_stage"):
        setattr(ApiGatewayV2Response, name, getattr(Operations, name))
    for name in ("_api", "_params"):
        setattr(ApiGatewayV2Response, name, getattr(Operations, name))
    api = "{0}/v2/apis/(?P<api_id>[^/]+)/deployments"
    urls.url_paths[f"{api}$"] = ApiGatewayV2Response.dispatch
    urls.url_paths[f"{api}/(?P<deployment_id>[^/]+)$"] = ApiGatewayV2Response.dispatch
    lay(Refusals, Api, "create_stage", "create_route", "delete_integration")
    lay(DeployedStage, Stage, "to_json")
