"""The merge template that declarations make."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.template import BILLING_PARAMETER, build, render
from decanter.declaration import Declaration, TableDeclaration
from decanter.stack import Stack
from decanter.template import Template
from tests.decanter.projects import TABLE, clean_environment, write_project

CONNECTIONS = TableDeclaration.from_json(TABLE)
ROUTES = {"$connect": "websocket_connect", "$default": "websocket_message"}


def declaration(*tables: dict[str, Any], http_routes: tuple[str, ...] = ()) -> Declaration:
    report = {
        "app_name": "pour",
        "websocket": {key: {"name": key, "function": name} for key, name in ROUTES.items()},
        "http_routes": list(http_routes),
        "warnings": [],
        "declarations": list(tables),
    }
    return Declaration.from_json(report)


def read(declared: Declaration, **parameters: str) -> Template:
    document = json.loads(render(declared))
    for name, value in parameters.items():
        document["Parameters"][name]["Default"] = value
    return Template(document, Stack("pour", "dev"))


def test_the_table_has_the_key_and_the_ttl_of_its_class() -> None:
    (table,) = read(declaration(TABLE)).tables()
    assert table.ttl_attribute == "expires_at"
    assert table.arguments == {
        "TableName": "pour-dev-ConnectionsTable",
        "AttributeDefinitions": [{"AttributeName": "connectionID", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "connectionID", "KeyType": "HASH"}],
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    }


def test_one_parameter_makes_the_table_on_demand() -> None:
    (table,) = read(declaration(TABLE), **{BILLING_PARAMETER: "PAY_PER_REQUEST"}).tables()
    assert table.arguments["BillingMode"] == "PAY_PER_REQUEST"
    assert "ProvisionedThroughput" not in table.arguments


def test_the_functions_that_the_app_has_get_the_tables_name() -> None:
    template = read(declaration(TABLE))
    for function in ROUTES.values():
        expected = {"CONNECTIONS_TABLE": "pour-dev-ConnectionsTable"}
        assert template.environment(function) == expected
    assert template.environment("websocket_disconnect") == {}


def test_http_routes_get_it_too() -> None:
    template = read(declaration(TABLE, http_routes=("/",)))
    assert template.environment("api_handler") == {"CONNECTIONS_TABLE": "pour-dev-ConnectionsTable"}


def test_a_table_without_ttl_says_nothing_of_it() -> None:
    declared = declaration(TABLE)
    table = replace(CONNECTIONS, ttl_attribute=None)
    properties = build(replace(declared, tables=(table,)))["Resources"]["ConnectionsTable"]
    assert "TimeToLiveSpecification" not in properties["Properties"]


def test_two_tables_share_the_parameter() -> None:
    rooms = {**TABLE, "logical_id": "RoomsTable", "environment": "ROOMS_TABLE"}
    document = build(declaration(TABLE, rooms))
    assert list(document["Parameters"]) == [BILLING_PARAMETER]
    assert sorted(document["Outputs"]) == [
        "ConnectionsTableArn",
        "ConnectionsTableName",
        "RoomsTableArn",
        "RoomsTableName",
    ]


def test_an_app_that_declares_nothing_has_nothing() -> None:
    assert render(declaration()) == '{\n  "Resources": {}\n}\n'


def test_the_text_is_the_same_whatever_the_order() -> None:
    declared = declaration(TABLE)
    turned = replace(declared, websocket=dict(reversed(list(declared.websocket.items()))))
    assert render(declared) == render(turned)


@pytest.fixture(name="packaged", scope="module")
def _packaged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Chalice makes of a project with the template."""
    folder = write_project(
        tmp_path_factory.mktemp("packaged") / "p", template=build(declaration(TABLE))
    )
    command = "import sys; from chalice.cli import main; sys.exit(main())"
    arguments = ["package", "--merge-template", ".chalice/resources.json", "out"]
    subprocess.run(
        [sys.executable, "-c", command, *arguments],
        cwd=folder,
        env=clean_environment() | {"AWS_DEFAULT_REGION": "us-east-1"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    document: dict[str, Any] = json.loads(Path(folder / "out" / "sam.json").read_text())
    return document


class TestPackaged:
    def test_chalices_functions_refer_to_the_table(self, packaged: dict[str, Any]) -> None:
        for name in ("WebsocketConnect", "WebsocketMessage"):
            function = packaged["Resources"][name]
            assert function["Type"] == "AWS::Serverless::Function"
            assert function["Properties"]["Environment"]["Variables"] == {
                "CONNECTIONS_TABLE": {"Ref": "ConnectionsTable"}
            }

    def test_no_resource_is_left_without_a_type(self, packaged: dict[str, Any]) -> None:
        """As one would be that is laid over a function which Chalice does not generate."""
        assert not [name for name, it in packaged["Resources"].items() if "Type" not in it]

    def test_chalices_outputs_stand_beside_the_tables(self, packaged: dict[str, Any]) -> None:
        assert {"WebsocketAPIId", "ConnectionsTableName", "ConnectionsTableArn"} <= set(
            packaged["Outputs"]
        )
