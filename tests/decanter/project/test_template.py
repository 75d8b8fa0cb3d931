"""The local form of a merge template's resources."""

from typing import Any

import pytest

from decanter.errors import ProjectError
from decanter.project.stack import Stack
from decanter.project.template import Route, Template

KEY = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}
MESSAGE = {"Fn::Join": ["/", ["integrations", {"Ref": "WebsocketMessageAPIIntegration"}]]}


def template(resources: dict[str, Any], **sections: Any) -> Template:
    stack = Stack("pour", "dev", region="eu-west-1", api_id="abc", api_stage="v1")
    return Template({"Resources": resources, **sections}, stack, "t.json")


def table(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::DynamoDB::Table", "Properties": {**KEY, **properties}}


def route(route_key: str, target: Any = MESSAGE, **properties: Any) -> dict[str, Any]:
    required = {"ApiId": {"Ref": "WebsocketAPI"}, "RouteKey": route_key, "Target": target}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": required | properties}


class TestTables:
    def test_a_table_without_a_name_is_called_after_the_stack(self) -> None:
        (found,) = template({"T": table(BillingMode="PAY_PER_REQUEST")}).tables()
        assert found.arguments == {
            "TableName": "pour-dev-T",
            "BillingMode": "PAY_PER_REQUEST",
            **KEY,
        }
        assert found.ttl_attribute is None

    def test_a_named_table_keeps_its_name(self) -> None:
        (found,) = template({"T": table(TableName={"Fn::Sub": "${AWS::StackName}-x"})}).tables()
        assert found.name == "pour-dev-x"

    def test_properties_without_local_effect_are_left_out_and_never_resolved(self) -> None:
        unknown = {"Fn::ImportValue": "key"}
        indexes = [{"IndexName": "i", "KeySchema": [], "ContributorInsightsSpecification": {}}]
        found = template(
            {"T": table(Tags=[], GlobalSecondaryIndexes=indexes, SSESpecification=unknown)}
        ).tables()
        assert found[0].arguments["GlobalSecondaryIndexes"] == [{"IndexName": "i", "KeySchema": []}]
        assert "Tags" not in found[0].arguments

    @pytest.mark.parametrize("enabled", [True, "true"])
    def test_ttl_is_an_attribute(self, enabled: Any) -> None:
        ttl = {"AttributeName": "expires_at", "Enabled": enabled}
        (found,) = template({"T": table(TimeToLiveSpecification=ttl)}).tables()
        assert found.ttl_attribute == "expires_at"

    def test_ttl_may_be_disabled(self) -> None:
        (found,) = template({"T": table(TimeToLiveSpecification={"Enabled": False})}).tables()
        assert found.ttl_attribute is None

    def test_capacity_given_as_text_becomes_numbers(self) -> None:
        capacity = {"ReadCapacityUnits": "5", "WriteCapacityUnits": {"Ref": "Units"}}
        found = template(
            {"T": table(ProvisionedThroughput=capacity)},
            Parameters={"Units": {"Type": "Number", "Default": "7"}},
        ).tables()
        assert found[0].arguments["ProvisionedThroughput"] == {
            "ReadCapacityUnits": 5,
            "WriteCapacityUnits": 7,
        }

    def test_a_table_with_a_false_condition_is_left_out(self) -> None:
        conditions = {"Never": {"Fn::Equals": ["a", "b"]}}
        assert not template({"T": table() | {"Condition": "Never"}}, Conditions=conditions).tables()

    def test_a_wrong_condition_is_an_error_that_names_the_file(self) -> None:
        resource = table() | {"Condition": "Empty"}
        with pytest.raises(ProjectError, match=r"^t.json: Conditions.Empty: a condition is an obj"):
            template({"T": resource}, Conditions={"Empty": {}}).tables()

    @pytest.mark.parametrize("key", ["AttributeDefinitions", "KeySchema"])
    def test_a_table_without_a_key_is_an_error(self, key: str) -> None:
        properties = {name: value for name, value in KEY.items() if name != key}
        resource = {"Type": "AWS::DynamoDB::Table", "Properties": properties}
        with pytest.raises(ProjectError, match=rf"t.json: Resources.T.Properties has no {key}"):
            template({"T": resource}).tables()

    def test_an_error_names_file_and_place(self) -> None:
        resource = table(TableName={"Fn::ImportValue": "x"})
        with pytest.raises(
            ProjectError, match=r"^t.json: Resources.T.Properties.TableName: Fn::Im"
        ):
            template({"T": resource}).tables()


class TestRoles:
    @pytest.mark.parametrize("operand", [["Own", "Arn"], "Own.Arn"], ids=["JSON", "YAML"])
    def test_a_functions_role_is_named_by_a_list_or_a_text(self, operand: Any) -> None:
        role = {"Properties": {"Role": {"Fn::GetAtt": operand}}}
        assert template({"WebsocketMessage": role}).role("websocket_message") == "Own"

    def test_a_role_of_another_form_is_an_error(self) -> None:
        role = {"Properties": {"Role": {"Fn::GetAtt": 5}}}
        with pytest.raises(ProjectError, match="websocket_message has the role"):
            template({"WebsocketMessage": role}).role("websocket_message")

    @pytest.mark.parametrize(
        ("condition", "found"), [("yes", [("a", {})]), ("no", []), ("unknown", [("None", None)])]
    )
    def test_the_policies_of_a_role_may_be_chosen(self, condition: str, found: Any) -> None:
        policies = [{"PolicyName": "a", "PolicyDocument": {}}]
        chosen = {"Fn::If": ["Wanted", policies, []]}
        wanted: dict[str, Any] = {"Fn::Equals": ["yes", condition]}
        if condition == "unknown":
            wanted = {"Fn::Equals": ["yes", {"Fn::ImportValue": "x"}]}
        role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": chosen}}
        made = template({"Own": role}, Conditions={"Wanted": wanted})
        assert [*made.policies("Own")] == found


class TestRoutes:
    def test_a_route_leads_to_a_function(self) -> None:
        resources = {"SendRoute": route("sendmessage", OperationName="SendRoute")}
        expected = Route("sendmessage", "SendRoute", "websocket_message", route_response=False)
        assert template(resources).routes() == [expected]

    def test_fn_sub_names_an_integration_too(self) -> None:
        target = {"Fn::Sub": "integrations/${WebsocketConnectAPIIntegration}"}
        (found,) = template({"R": route("x", target)}).routes()
        assert found.function == "websocket_connect"

    def test_a_route_with_a_route_response_answers(self) -> None:
        answer = {
            "Type": "AWS::ApiGatewayV2::RouteResponse",
            "Properties": {"RouteId": {"Ref": "Asked"}, "RouteResponseKey": "$default"},
        }
        resources = {"Asked": route("ask"), "Told": route("tell"), "Answer": answer}
        found = {route.route_key: route.route_response for route in template(resources).routes()}
        assert found == {"ask": True, "tell": False}

    def test_parts_of_chalices_own_routes_may_be_incomplete(self) -> None:
        answer = {
            "Type": "AWS::ApiGatewayV2::RouteResponse",
            "Properties": {"RouteId": {"Ref": "WebsocketMessageRoute"}},
        }
        resources = {
            "WebsocketConnectRoute": {"Properties": {"OperationName": "ConnectRoute"}},
            "WebsocketMessageRoute": {"Properties": {}},
            "Answer": answer,
        }
        assert template(resources).routes() == [
            Route("$connect", "ConnectRoute", "websocket_connect", route_response=False),
            Route("$default", None, "websocket_message", route_response=True),
        ]

    def test_another_target_is_an_error(self) -> None:
        with pytest.raises(
            ProjectError, match=r"R.Properties.Target: 'integrations/x' is not one of"
        ):
            template({"R": route("x", "integrations/x")}).routes()

    @pytest.mark.parametrize(
        ("properties", "authorizer"),
        [
            ({}, None),
            ({"AuthorizationType": "NONE"}, None),
            ({"AuthorizationType": "AWS_IAM"}, "AWS_IAM"),
            ({"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Guard"}}, "Guard"),
            ({"AuthorizationType": "CUSTOM", "AuthorizerId": "abc123"}, "CUSTOM"),
        ],
    )
    def test_its_authorizer_is_named(
        self, properties: dict[str, Any], authorizer: str | None
    ) -> None:
        (found,) = template({"WebsocketConnectRoute": {"Properties": properties}}).routes()
        assert found.authorizer == authorizer

    @pytest.mark.parametrize("value", [[], {"Fn::If": ["Never", "a", ["b"]]}])
    @pytest.mark.parametrize(
        ("name", "kind", "key"),
        [
            ("R", "AWS::ApiGatewayV2::Route", "OperationName"),
            ("R", "AWS::ApiGatewayV2::Route", "RouteKey"),
            ("R", "AWS::ApiGatewayV2::Route", "AuthorizationType"),
            ("WebsocketAPI", "AWS::ApiGatewayV2::Api", "RouteSelectionExpression"),
            ("WebsocketAPIStage", "AWS::ApiGatewayV2::Stage", "StageName"),
            ("Q", "AWS::SQS::Queue", "QueueName"),
            ("T", "AWS::DynamoDB::Table", "TableName"),
        ],
    )
    def test_a_list_in_place_of_text_has_its_place(
        self, name: str, kind: str, key: str, value: Any
    ) -> None:
        usual = {**KEY, "RouteKey": "x", "Target": MESSAGE}
        resources = {name: {"Type": kind, "Properties": {**usual, key: value}}}

        def read() -> object:
            it = template(resources, Conditions={"Never": {"Fn::Equals": ["a", "b"]}})
            return it.routes(), it.selection_expression(), [*it.queues()], it.tables()

        with pytest.raises(ProjectError) as raised:
            read()
        wrong = value if isinstance(value, list) else ["b"]
        place = f"t.json: Resources.{name}.Properties.{key}"
        assert str(raised.value) == f"{place} must be text, not {wrong!r}"

    def test_a_route_without_a_key_is_an_error(self) -> None:
        resource = {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"Target": MESSAGE}}
        with pytest.raises(ProjectError, match=r"Resources.R.Properties has no RouteKey"):
            template({"R": resource}).routes()


def test_the_selection_expression_is_the_apis() -> None:
    properties = {"RouteSelectionExpression": "$request.body.message"}
    found = template({"WebsocketAPI": {"Properties": properties}}).selection_expression()
    assert found == "$request.body.message"
    assert template({}).selection_expression() is None


class TestEnvironment:
    def test_references_become_names(self) -> None:
        variables = {
            "CONNECTIONS_TABLE": {"Ref": "T"},
            "TABLE_ARN": {"Fn::GetAtt": ["T", "Arn"]},
            "SENDER": {"Fn::GetAtt": ["WebsocketMessage", "Arn"]},
            "ENDPOINT": {"Fn::Sub": "https://${WebsocketAPI}.x/${WebsocketAPIStage}"},
            "UNITS": 5,
        }
        connect = {"Properties": {"Environment": {"Variables": variables}}}
        found = template({"T": table(), "WebsocketConnect": connect})
        assert found.environment("websocket_connect") == {
            "CONNECTIONS_TABLE": "pour-dev-T",
            "TABLE_ARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/pour-dev-T",
            "SENDER": "arn:aws:lambda:eu-west-1:123456789012:function:pour-dev-websocket_message",
            "ENDPOINT": "https://abc.x/v1",
            "UNITS": "5",
        }
        assert found.environment("websocket_message") == {}

    def test_globals_apply_to_every_function_unless_overridden(self) -> None:
        shared = {"Function": {"Environment": {"Variables": {"A": "all", "B": "all"}}}}
        own = {"Properties": {"Environment": {"Variables": {"B": "own"}}}}
        found = template({"WebsocketConnect": own}, Globals=shared)
        assert found.environment("websocket_connect") == {"A": "all", "B": "own"}

    def test_an_unknown_value_is_an_error_only_if_needed(self) -> None:
        variables = {"TOPIC": {"Ref": "Topic"}}
        resources = {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "WebsocketMessage": {"Properties": {"Environment": {"Variables": variables}}},
        }
        found = template(resources)
        assert found.environment("websocket_connect") == {}
        with pytest.raises(
            ProjectError,
            match=r"WebsocketMessage.Properties.Environment.Variables.TOPIC: Ref Topic has no val",
        ):
            found.environment("websocket_message")

    def test_only_tables_and_functions_have_an_arn(self) -> None:
        variables = {"ARN": {"Fn::GetAtt": ["WebsocketAPI", "Arn"]}}
        resources = {"WebsocketConnect": {"Properties": {"Environment": {"Variables": variables}}}}
        with pytest.raises(ProjectError, match=r"Fn::GetAtt WebsocketAPI.Arn has no value"):
            template(resources).environment("websocket_connect")


class TestStages:
    def test_the_configurations_stage_is_the_default(self) -> None:
        found = template({})
        assert (found.api_stage, found.http_stage("v2")) == ("v1", "v2")

    def test_the_templates_stages_are_used_also_by_references(self) -> None:
        found = template(
            {
                "WebsocketAPIStage": {"Properties": {"StageName": "live"}},
                "RestAPI": {"Properties": {"StageName": {"Fn::Sub": "${WebsocketAPIStage}-http"}}},
            }
        )
        assert (found.api_stage, found.http_stage("v2")) == ("live", "live-http")
