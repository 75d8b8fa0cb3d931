"""A project's folder and configuration, and the errors in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration, TableDeclaration
from decanter.project.stack import Stack
from decanter.project.template import Template
from tests.support.projects import CONFIG, TABLE, table_resource, write_project

CONNECTIONS = TableDeclaration.from_json(TABLE)


def config(**dev: Any) -> dict[str, Any]:
    return {"app_name": "pour", "stages": {"dev": dev}}


def declaration(*functions: str) -> Declaration:
    report = {
        "app_name": "pour",
        "framework": None,
        "websocket": {name: {"name": name, "function": name} for name in functions},
        "http_routes": [],
        "schedules": {},
        "functions": [
            {"name": name, "kind": "websocket", "source": name, "handler": "app.it"}
            for name in functions
        ],
        "warnings": [],
        "refusal": None,
        "declarations": [TABLE],
    }
    return Declaration.from_json(report)


class TestLoad:
    def test_reads_the_stage(self, tmp_path: Path) -> None:
        project = Project.load(write_project(tmp_path / "p"), "dev")
        assert (project.app_name, project.chalice_stage, project.api_stage) == ("pour", "dev", "v1")

    def test_the_api_stage_has_chalices_default(self, tmp_path: Path) -> None:
        assert Project.load(write_project(tmp_path / "p"), "prod").api_stage == "api"

    def test_the_default_stage_may_be_missing(self, tmp_path: Path) -> None:
        folder = write_project(tmp_path / "p", config={"app_name": "pour"})
        assert Project.load(folder, "dev").app_name == "pour"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "config.json:1:2: not valid JSON"),
            ("[]", "config.json: the content must be an object, not list"),
            ("{}", 'config.json: "app_name" must be a string'),
            ('{"app_name": "x", "stages": []}', '"stages" must be an object of objects'),
            ('{"app_name": "x", "stages": null}', '"stages" must be an object of objects'),
            ('{"app_name": "x", "stages": [1]}', '"stages" must be an object of objects'),
            ('{"app_name": "x", "stages": {"dev": 1}}', '"stages" must be an object of objects'),
            (json.dumps(CONFIG), "config.json has no stage 'test'; it has dev, prod"),
        ],
    )
    def test_an_invalid_configuration_is_an_error(
        self, text: str, message: str, tmp_path: Path
    ) -> None:
        folder = write_project(tmp_path / "p", config=text)
        with pytest.raises(ProjectError) as caught:
            Project.load(folder, "test")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("functions", [None, [], {"websocket_connect": None}])
    @pytest.mark.parametrize("owner", ["", " of stage dev"])
    def test_invalid_settings_of_functions_are_an_error(
        self, functions: object, owner: str, tmp_path: Path
    ) -> None:
        """Chalice itself would raise an AttributeError."""
        scope = {"lambda_functions": functions}
        config = {"app_name": "x", **({"stages": {"dev": scope}} if owner else scope)}
        folder = write_project(tmp_path / "p", config=config)
        message = f'"lambda_functions"{owner} must be an object of objects'
        with pytest.raises(ProjectError, match=message):
            Project.load(folder, "dev")

    @pytest.mark.parametrize("missing", ["app.py", ".chalice/config.json"])
    def test_a_missing_file_is_named(self, missing: str, tmp_path: Path) -> None:
        folder = write_project(tmp_path / "p")
        (folder / missing).unlink()
        with pytest.raises(ProjectError, match=rf"{folder} has no {missing}: .*--project-dir"):
            Project.load(folder, "dev")

    def test_a_configuration_in_another_encoding_is_a_one_line_error(self, tmp_path: Path) -> None:
        folder = write_project(tmp_path / "p")
        (folder / ".chalice" / "config.json").write_bytes(b'{"app_name": "\xff"}')
        with pytest.raises(ProjectError, match="not valid UTF-8 at byte 14"):
            Project.load(folder, "dev")


class TestFunctions:
    def test_the_environment_is_merged_as_chalice_merges_it(self, tmp_path: Path) -> None:
        function = {"websocket_message": {"environment_variables": {"B": "function"}}}
        stages = config(
            environment_variables={"B": "stage", "C": "stage"}, lambda_functions=function
        )
        document = {**stages, "environment_variables": {"A": "all", "B": "all"}}
        project = Project.load(write_project(tmp_path / "p", config=document), "dev")
        assert project.environment("websocket_message") == {
            "A": "all",
            "B": "function",
            "C": "stage",
        }
        assert project.environment("websocket_connect") == {"A": "all", "B": "stage", "C": "stage"}

    @pytest.mark.parametrize(
        ("value", "kind"),
        [(4711, "a number"), (True, "a boolean"), ({"a": 4711}, "an object"), (None, "null")],
    )
    def test_a_variable_that_is_not_a_string_is_named_without_its_value(
        self, value: object, kind: str, tmp_path: Path
    ) -> None:
        document = config(environment_variables={"PORT": value})
        project = Project.load(write_project(tmp_path / "p", config=document), "dev")
        with pytest.raises(ProjectError) as caught:
            project.environment("websocket_connect")
        message = str(caught.value).partition("config.json")[2]
        assert message == (
            ": the environment variable PORT of websocket_connect must be a string, not " + kind
        )

    def test_timeout_and_memory_are_the_functions_or_chalices_defaults(
        self, tmp_path: Path
    ) -> None:
        functions = {"websocket_message": {"lambda_timeout": 28, "lambda_memory_size": 512}}
        document = config(lambda_functions=functions)
        project = Project.load(write_project(tmp_path / "p", config=document), "dev")
        assert (project.timeout("websocket_message"), project.memory("websocket_message")) == (
            28,
            512,
        )
        assert (project.timeout("websocket_connect"), project.memory("websocket_connect")) == (
            60,
            128,
        )


class TestTables:
    def test_a_tables_name_comes_from_the_stage(self, tmp_path: Path) -> None:
        project = Project.load(write_project(tmp_path / "p"), "prod")
        (table,) = project.declared_tables(declaration("websocket_connect"))
        assert table.name == "pour-prod-connections"
        assert table.ttl_attribute == "expires_at"
        assert table.arguments["ProvisionedThroughput"] == {
            "ReadCapacityUnits": 5,
            "WriteCapacityUnits": 5,
        }

    def test_an_on_demand_table_has_no_capacity(self, tmp_path: Path) -> None:
        project = Project.load(write_project(tmp_path / "p"), "dev")
        (table,) = project.declared_tables(declaration("websocket_connect"), on_demand=True)
        assert table.arguments["BillingMode"] == "PAY_PER_REQUEST"
        assert "ProvisionedThroughput" not in table.arguments

    def test_without_a_tables_name_the_error_says_what_to_add(self, tmp_path: Path) -> None:
        project = Project.load(write_project(tmp_path / "p", config=config()), "dev")
        with pytest.raises(
            ProjectError, match=r'stage dev .* add "CONNECTIONS_TABLE".* run `decanter'
        ):
            project.table_name(CONNECTIONS, declaration("websocket_connect"))

    def test_different_names_for_one_table_are_an_error(self, tmp_path: Path) -> None:
        other = {"websocket_message": {"environment_variables": {"CONNECTIONS_TABLE": "other"}}}
        document = config(
            environment_variables={"CONNECTIONS_TABLE": "one"}, lambda_functions=other
        )
        project = Project.load(write_project(tmp_path / "p", config=document), "dev")
        with pytest.raises(
            ProjectError, match=r"of stage dev: websocket_connect, websocket_message$"
        ):
            project.table_name(CONNECTIONS, declaration("websocket_connect", "websocket_message"))


class TestTemplate:
    def test_a_project_may_have_none(self, tmp_path: Path) -> None:
        assert Project.load(write_project(tmp_path / "p"), "dev").template() is None

    def test_it_is_the_projects_own_for_its_stage(self, tmp_path: Path) -> None:
        resource = {"WebsocketAPI": {"Properties": {"RouteSelectionExpression": {"Ref": "X"}}}}
        document = {"Parameters": {"X": {"Default": "$request.body.m"}}, "Resources": resource}
        project = Project.load(write_project(tmp_path / "p", template=document), "dev")
        template = project.template()
        assert template is not None
        assert template.selection_expression() == "$request.body.m"

    def test_a_named_file_must_exist(self, tmp_path: Path) -> None:
        project = Project.load(write_project(tmp_path / "p"), "dev")
        with pytest.raises(ProjectError, match=r"cannot read .*other.json: No such file"):
            project.template([tmp_path / "other.json"])

    def test_the_projects_root_may_have_one_too(self, tmp_path: Path) -> None:
        """Chalice's tutorial keeps it there."""
        rooms, books = ({"Resources": {n: table_resource(n)}} for n in ("rooms", "books"))
        folder = write_project(tmp_path / "p", template=rooms)
        (folder / "resources.json").write_text(json.dumps(books))
        assert [table.name for table in of(folder).tables()] == ["rooms", "books"]
        (folder / ".chalice" / "resources.json").unlink()
        assert [table.name for table in of(folder).tables()] == ["books"]
        (folder / "resources.json").write_text('[{"Name": "pictures"}]')  # something else
        assert Project.load(folder).template() is None
        (folder / "resources.json").write_text('{"Resources": ')
        with pytest.raises(ProjectError, match=r"resources.json:1:15: not valid JSON"):
            Project.load(folder).template()

    def test_several_files_are_merged_in_their_order(self, tmp_path: Path) -> None:
        folder = write_project(tmp_path / "p", template={"Resources": {"No": {}}})
        first, second = tmp_path / "first.json", tmp_path / "second.yaml"
        first.write_text(json.dumps({"Resources": {"Books": table_resource("old")}}))
        second.write_text(
            "Resources:\n"
            "  Books: {Properties: {TableName: !Sub '${AWS::StackName}-books'}}\n"
            "  APIHandler: {Properties: {Environment: {Variables: {BOOKS: !Ref Books}}}}\n"
        )
        template = of(folder, first, second)
        assert [table.name for table in template.tables()] == ["pour-dev-books"]
        assert template.environment("api_handler") == {"BOOKS": "pour-dev-books"}
        second.write_text("Resources: {Bad: {Type: AWS::DynamoDB::Table}}")
        with pytest.raises(ProjectError, match=r"first.json and .*second.yaml: Resources.Bad"):
            of(folder, first, second).tables()

    def test_declared_tables_are_added_to_a_template_without_them(self, tmp_path: Path) -> None:
        project = Project.load(write_project(tmp_path / "p"))
        declared = declaration("websocket_message")
        books: dict[str, Any] = {"Books": table_resource("books")}
        template = Template({"Resources": books}, Stack("pour", "dev"))
        named = [table.name for table in project.tables(declared, template)]
        assert named == ["books", "pour-dev-connections"]
        own = table_resource("of-the-stack")
        variables = {"CONNECTIONS_TABLE": {"Ref": "Connections"}}
        shared = {"Function": {"Environment": {"Variables": variables}}}
        document = {"Globals": shared, "Resources": {"Connections": own}}
        whole = Template(document, Stack("pour", "dev"))
        assert [t.name for t in project.tables(declared, whole)] == ["of-the-stack"]
        assert [t.name for t in project.tables(declared, None)] == ["pour-dev-connections"]


class TestTableVariables:
    def test_functions_without_a_name_get_that_of_the_others(self, tmp_path: Path) -> None:
        """A function may have its own value."""
        own = {"connect": {"environment_variables": {"CONNECTIONS_TABLE": "one"}}}
        project = Project.load(write_project(tmp_path / "p", config=config(lambda_functions=own)))
        named = project.table_variables(declaration("connect", "hourly"), None)
        assert named == {key: {"CONNECTIONS_TABLE": "one"} for key in ("connect", "hourly")}

    def test_without_any_name_it_is_the_stacks(self, tmp_path: Path) -> None:
        project = Project.load(write_project(tmp_path / "p", config=config()))
        declared = declaration("hourly")
        name = "pour-dev-ConnectionsTable"
        assert project.table_variables(declared, None) == {"hourly": {"CONNECTIONS_TABLE": name}}
        assert [table.name for table in project.tables(declared, None)] == [name]
        inherited = {"CONNECTIONS_TABLE": "mine"}
        named = project.table_variables(declared, None, inherited)
        assert named == {"hourly": inherited}

    def test_an_index_of_the_overrides_is_added_to_the_models(self, tmp_path: Path) -> None:
        project = Project.load(write_project(tmp_path / "p"))
        resource = table_resource("pour-dev-connections")
        index = {
            "IndexName": "by_age",
            "KeySchema": [{"AttributeName": "age", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
        resource["Properties"]["GlobalSecondaryIndexes"] = [index]
        definitions = [{"AttributeName": "age", "AttributeType": "N"}]
        resource["Properties"]["AttributeDefinitions"] += definitions
        template = Template({"Resources": {"Connections": resource}}, Stack("pour", "dev"))
        (table,) = project.tables(declaration("websocket_message"), template)
        assert table.arguments["KeySchema"] == CONNECTIONS.schema()["KeySchema"]
        assert table.arguments["GlobalSecondaryIndexes"] == [index]
        assert table.arguments["AttributeDefinitions"] == [
            *CONNECTIONS.schema()["AttributeDefinitions"],
            *definitions,
        ]


def of(folder: Path, *paths: Path) -> Template:
    """Return the template of a project, or that of these files."""
    template = Project.load(folder).template(paths)
    assert template is not None
    return template
