"""The CloudFormation resources of WebSocket APIs, which moto's CloudFormation lacks.

moto looks for models in the direct subclasses of its base: `resource` makes such a model from each
class below. Source: AWS CloudFormation, resource types `AWS::ApiGatewayV2::*`.
"""

from collections.abc import Callable
from typing import Any

from moto.apigatewayv2.models import Api, ApiGatewayV2Backend, apigatewayv2_backends
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

from tests.aws.deployments import DEPLOYMENTS

Properties = dict[str, Any]


def lower(properties: Properties) -> Properties:
    """Return a resource's properties as the API names them: `StageName` → `stageName`."""
    return {key[0].lower() + key[1:]: value for key, value in properties.items()}


class Part:
    """One resource of an API: how it is created, changed and removed.

    Args:
        physical_id: the value of Ref.
        properties: the properties that it was created from.
    """

    cf_resource_type = ""
    logical_resource_id = ""

    def __init__(self, physical_id: str, properties: Properties) -> None:
        self.physical_id = physical_id
        self.properties = properties

    @property
    def physical_resource_id(self) -> str:
        return self.physical_id

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def is_created() -> bool:
        return True

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in ("ApiEndpoint", "ApiId")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        if attribute_name == "ApiEndpoint":
            return f"wss://{self.physical_id}.execute-api.us-east-1.amazonaws.com"
        return self.physical_id

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Properties,
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> Any:
        properties = cloudformation_json["Properties"]
        backend = apigatewayv2_backends[account_id][region_name]
        return cls(cls.make(backend, properties), properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Properties,
        account_id: str,
        region_name: str,
    ) -> Any:
        properties = cloudformation_json["Properties"]
        backend = apigatewayv2_backends[account_id][region_name]
        original_resource.change(backend, properties)
        original_resource.properties = properties
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *args: Any) -> None: ...

    def delete(self, account_id: str, region_name: str) -> None:
        backend = apigatewayv2_backends[account_id][region_name]
        if self.properties.get("ApiId", self.physical_id) in backend.apis:
            self.remove(backend)

    @classmethod
    def make(cls, backend: ApiGatewayV2Backend, properties: Properties) -> str:
        raise NotImplementedError

    def change(self, backend: ApiGatewayV2Backend, properties: Properties) -> None: ...

    def remove(self, backend: ApiGatewayV2Backend) -> None: ...

    def api(self, backend: ApiGatewayV2Backend) -> Api:
        return backend.get_api(self.properties["ApiId"])


def resource(kind: str) -> Callable[[type[Part]], type[Part]]:
    """Make a class the model of one type of resource."""

    def model(part: type[Part]) -> type[Part]:
        namespace = {
            # The metaclass requires a module of moto's.
            "__module__": "moto.apigatewayv2.cloudformation",
            "cloudformation_type": staticmethod(lambda: f"AWS::ApiGatewayV2::{kind}"),
        }
        return type(part.__name__, (part, CloudFormationModel), namespace)

    return model


@resource("Api")
class WebSocketApi(Part):
    @classmethod
    def make(cls, backend: ApiGatewayV2Backend, properties: Properties) -> str:
        wanted: Any = {
            "api_key_selection_expression": None,
            "cors_configuration": None,
            "description": properties.get("Description"),
            "disable_schema_validation": None,
            "disable_execute_api_endpoint": None,
            "tags": properties.get("Tags"),
            "version": None,
        }
        api = backend.create_api(
            name=properties["Name"],
            protocol_type=properties["ProtocolType"],
            route_selection_expression=properties["RouteSelectionExpression"],
            **wanted,
        )
        return str(api.api_id)

    def change(self, backend: ApiGatewayV2Backend, properties: Properties) -> None:
        api = backend.get_api(self.physical_id)
        api.route_selection_expression = properties["RouteSelectionExpression"]

    def remove(self, backend: ApiGatewayV2Backend) -> None:
        backend.delete_api(self.physical_id)


@resource("Integration")
class Integration(Part):
    @classmethod
    def make(cls, backend: ApiGatewayV2Backend, properties: Properties) -> str:
        made = backend.get_api(properties["ApiId"]).create_integration(
            connection_type=properties.get("ConnectionType", ""),
            description="",
            integration_method="POST",
            integration_type=properties["IntegrationType"],
            integration_uri=properties["IntegrationUri"],
        )
        return str(made.id)

    def change(self, backend: ApiGatewayV2Backend, properties: Properties) -> None:
        integration = self.api(backend).get_integration(self.physical_id)
        integration.integration_uri = properties["IntegrationUri"]

    def remove(self, backend: ApiGatewayV2Backend) -> None:
        self.api(backend).delete_integration(self.physical_id)


@resource("Route")
class Route(Part):
    @classmethod
    def make(cls, backend: ApiGatewayV2Backend, properties: Properties) -> str:
        made = backend.get_api(properties["ApiId"]).create_route(
            api_key_required=False,
            authorization_scopes=[],
            route_key=properties["RouteKey"],
            target=properties["Target"],
            operation_name=properties.get("OperationName"),
        )
        return str(made.route_id)

    def change(self, backend: ApiGatewayV2Backend, properties: Properties) -> None:
        route = self.api(backend).get_route(self.physical_id)
        route.target, route.route_key = properties["Target"], properties["RouteKey"]
        route.operation_name = properties.get("OperationName")

    def remove(self, backend: ApiGatewayV2Backend) -> None:
        self.api(backend).delete_route(self.physical_id)


@resource("Deployment")
class Deployment(Part):
    """A change takes no new snapshot: only the description can change in place."""

    @classmethod
    def make(cls, backend: ApiGatewayV2Backend, properties: Properties) -> str:
        return DEPLOYMENTS.create(backend.get_api(properties["ApiId"]))

    def remove(self, backend: ApiGatewayV2Backend) -> None:
        DEPLOYMENTS.delete(self.api(backend), self.physical_id)


@resource("Stage")
class Stage(Part):
    @classmethod
    def make(cls, backend: ApiGatewayV2Backend, properties: Properties) -> str:
        return str(backend.create_stage(properties["ApiId"], lower(properties)).name)

    def change(self, backend: ApiGatewayV2Backend, properties: Properties) -> None:
        api = self.api(backend)
        stage = api.get_stage(self.physical_id)
        DEPLOYMENTS.point(api, stage, properties["DeploymentId"])
        stage.description = properties.get("Description")

    def remove(self, backend: ApiGatewayV2Backend) -> None:
        self.api(backend).delete_stage(self.physical_id)


def install() -> None:
    """Let moto look for models again, if it has already done so."""
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
