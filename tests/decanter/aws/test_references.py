"""References of a template that lead nowhere are found, and no others."""

from pathlib import Path
from typing import Any

import pytest

from decanter.aws.chalice_resources import chalice_resources
from decanter.aws.references import SAM, dangling, refuse_dangling
from decanter.aws.template import build
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.document import read_template
from tests.support.declarations import NEEDY_TABLE, declaration
from tests.support.projects import write_project

FUNCTION = {"Type": "AWS::Serverless::Function", "Properties": {"Events": {"Often": {}}}}
API = {"Type": "AWS::Serverless::Api", "Properties": {"StageName": "v1"}}


def template(value: Any, **member: Any) -> dict[str, Any]:
    """Return a template with a value in one of its resources."""
    return {
        "Transform": SAM,
        "Parameters": {"Size": {"Type": "Number"}},
        "Conditions": {"IsLarge": {"Fn::Equals": [{"Ref": "Size"}, "5"]}},
        "Resources": {
            "It": {"Type": "AWS::SNS::Topic", "Properties": {"A": [value]}, **member},
            "Table": {"Type": "AWS::DynamoDB::Table"},
            "Fn": FUNCTION,
            "WithRole": {**FUNCTION, "Properties": {"Role": "arn"}},
            "Web": API,
        },
    }


def found(document: dict[str, Any]) -> list[str]:
    return [reference.name for reference in dangling(document, document["Resources"])]


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Gone"},
        {"Fn::GetAtt": ["Gone", "Arn"]},
        {"Fn::GetAtt": "Gone.Arn"},
        {"Fn::Sub": "x-${Gone}"},
        {"Fn::Sub": "x-${ Gone.Arn }"},
        {"Fn::Sub": ["${Here}", {"Here": {"Ref": "Gone"}}]},
        {"Fn::If": ["Gone", 1, 2]},
        {"Fn::If": ["IsLarge", {"Fn::Join": ["", [{"Ref": "Gone"}]]}, 2]},
    ],
)
def test_a_reference_to_nothing_is_found(value: Any) -> None:
    assert found(template(value)) == ["Gone"]


@pytest.mark.parametrize("member", ["DependsOn", "Condition"])
def test_a_resources_own_references_are_checked(member: str) -> None:
    assert found(template(1, **{member: "Gone"})) == ["Gone"]


def test_several_dependencies_conditions_and_outputs_are_checked() -> None:
    document = template(1, DependsOn=["Table", "Gone"])
    document["Conditions"]["Both"] = {"Fn::And": [{"Condition": "IsLarge"}, {"Condition": "No"}]}
    document["Outputs"] = {"Out": {"Value": {"Ref": "Nothing"}, "Condition": "Never"}}
    assert found(document) == ["Gone", "Never", "Nothing", "No"]


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Size"},
        {"Ref": "AWS::Region"},
        {"Fn::Sub": "${AWS::Partition}-${Table.Arn}-${Size}-${!Literal}"},
        {"Fn::Sub": ["${Own.Name}", {"Own.Name": "x"}]},
        {"Fn::If": ["IsLarge", 1, {"Ref": "AWS::NoValue"}]},
        {"Fn::GetAtt": ["FnRole", "Arn"]},
        {"Ref": "FnOftenPermission"},
        {"Ref": "Fn.Version"},
        {"Ref": "FnAliaslive"},
        {"Ref": "Webv1Stage"},
        {"Ref": "ServerlessRestApiProdStage"},
        {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}},
        {"Condition": "a property of this name"},
        {"Ref": "Table", "and": "another member: not a reference"},
    ],
)
def test_an_existing_or_generated_name_is_not_found(value: Any) -> None:
    assert found(template(value, DependsOn="Table", Condition="IsLarge")) == []


@pytest.mark.parametrize("name", ["WithRoleRole", "FnRolle", "TableRole", "fn", "Size.Arn"])
def test_a_name_that_only_resembles_another_is_found(name: str) -> None:
    assert found(template({"Fn::GetAtt": name})) == [name.partition(".")[0]]


def test_another_macro_may_create_anything() -> None:
    document = {**template({"Ref": "Gone"}), "Transform": [SAM, "AWS::LanguageExtensions"]}
    assert found(document) == []


def test_the_error_names_the_place_and_similar_names() -> None:
    with pytest.raises(ProjectError) as error:
        refuse_dangling(template({"Ref": "Tabel"}), "prod")
    assert str(error.value) == (
        "Resources.It.Properties.A[0]: the template of stage prod has no resource or parameter "
        "Tabel: correct .chalice/overrides.json; similar names: Table"
    )


OVERRIDE = '{"Resources": {"It": {"Type": "AWS::SNS::Topic", "DependsOn": "NAME"}}}'


def overridden(folder: Path, name: str) -> Project:
    project = Project.load(write_project(folder / "p"))
    path = project.config_path.with_name("overrides.json")
    path.write_text(OVERRIDE.replace("NAME", name))
    return project


@pytest.mark.parametrize(
    "name",
    [
        *("ConnectionsTable", "WebsocketMessage", "WebsocketMessageRole", "WebsocketAPIStage"),
        *("WebsocketConnectRoute", "WebsocketConnectAPIIntegration", "APIHandler", "RestAPI"),
        *("NightlyNightlyEvent", "DefaultRole", "APIHandlerInvokePermission"),
    ],
)
def test_overrides_may_refer_to_resources_of_chalice(name: str, tmp_path: Path) -> None:
    declared = declaration(NEEDY_TABLE, http_routes=("/",), schedules={"nightly": "rate(1 day)"})
    template = build(overridden(tmp_path, name), declared)
    assert template["Resources"]["It"]["DependsOn"] == name


@pytest.mark.parametrize(
    "name", ["DefaultRole", "RestAPI", "APIHandler", "WebsocketDisconnect", "WebsocketMessageRol"]
)
def test_overrides_may_not_refer_to_what_chalice_does_not_make(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=f"^Resources.It.DependsOn: .* no resource {name}: "):
        build(overridden(tmp_path, name), declaration(NEEDY_TABLE))


@pytest.mark.parametrize("operand", [["${Nothing}"], ["${Nothing}", []]])
def test_a_malformed_sub_is_searched_too(operand: Any) -> None:
    (reference,) = dangling({"Outputs": {"A": {"Value": {"Fn::Sub": operand}}}}, {})
    assert reference.name == "Nothing"


def test_custom_domains_are_resources_of_chalice(tmp_path: Path) -> None:
    domain = {"domain_name": "a.example", "certificate_arn": "arn:aws:acm:::it"}
    config = {
        "version": "2.0",
        "app_name": "pour",
        "api_gateway_custom_domain": domain,
        "websocket_api_custom_domain": domain,
    }
    project = Project.load(write_project(tmp_path / "p", config=config))
    assert {
        *("ApiGatewayCustomDomain", "ApiGatewayCustomDomainMapping"),
        *("WebsocketApiCustomDomain", "WebsocketApiCustomDomainMapping"),
    } < {*chalice_resources(project, declaration(http_routes=("/",)))}


def test_a_key_twice_in_a_template_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "overrides.json"
    path.write_text('{"Resources": {"A": {"Type": "x"}, "A": {"Type": "y"}}}')
    with pytest.raises(ProjectError, match="an object has the key 'A' twice: remove one"):
        read_template(path)
