"""The merge template for an app's declarations, and the command `decanter template`."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.ownership import Owner
from decanter.aws.package import CHALICE
from decanter.aws.template import (
    BILLING_PARAMETER,
    MANAGEMENT_ENDPOINT,
    build,
    render,
    warn_of_own_template,
)
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration, TableDeclaration
from decanter.project.stack import Stack, logical_id
from decanter.project.template import Template
from tests.support.declarations import NEEDY_TABLE, ROUTER, declaration
from tests.support.projects import (
    APP,
    CONFIG,
    ROOT,
    TABLE,
    clean_environment,
    decanter_here,
    write_project,
)

pytestmark = pytest.mark.usefixtures("kept")

CONNECTIONS = TableDeclaration.from_json(TABLE)
FUNCTIONS = ("websocket_connect", "websocket_message")


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Project:
    return Project.load(write_project(tmp_path / "p"))


def read(project: Project, declared: Declaration, **parameters: str) -> Template:
    document = json.loads(render(project, declared))
    for name, value in parameters.items():
        document["Parameters"][name]["Default"] = value
    return Template(document, Stack("pour", "dev", api_stage="v1"))


def test_the_table_has_the_key_and_the_ttl_of_its_class(project: Project) -> None:
    (table,) = read(project, declaration(TABLE)).tables()
    assert table.ttl_attribute == "expires_at"
    assert table.arguments == {
        "TableName": "pour-dev-ConnectionsTable",
        "AttributeDefinitions": [{"AttributeName": "connectionID", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "connectionID", "KeyType": "HASH"}],
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    }


def test_one_parameter_makes_the_table_on_demand(project: Project) -> None:
    on_demand = {BILLING_PARAMETER: "PAY_PER_REQUEST"}
    (table,) = read(project, declaration(TABLE), **on_demand).tables()
    assert table.arguments["BillingMode"] == "PAY_PER_REQUEST"
    assert "ProvisionedThroughput" not in table.arguments


def test_only_stage_dev_is_provisioned_by_default(project: Project) -> None:
    prod = Project.load(project.directory, "prod")
    defaults = [
        build(each, declaration(TABLE))["Parameters"][BILLING_PARAMETER]["Default"]
        for each in (project, prod)
    ]
    assert defaults == ["PROVISIONED", "PAY_PER_REQUEST"]


def test_every_function_gets_the_tables_name(project: Project) -> None:
    template = read(project, declaration(TABLE))
    for function in FUNCTIONS:
        expected = {"CONNECTIONS_TABLE": "pour-dev-ConnectionsTable"}
        assert template.environment(function) == expected
    assert template.environment("websocket_disconnect") == {}


def test_functions_that_post_get_the_endpoint(project: Project) -> None:
    """The functions for HTTP routes and schedules get it too: their events do not contain it."""
    scheduled = {"nightly": "rate(1 day)"}
    template = read(project, declaration(ROUTER, http_routes=("/",), schedules=scheduled))
    where = {MANAGEMENT_ENDPOINT: "https://local.execute-api.us-east-1.amazonaws.com/v1"}
    assert template.environment("websocket_connect") == {}
    assert template.environment("websocket_message") == where
    assert template.environment("api_handler") == where
    assert template.environment("nightly") == where


OTHERS = {
    "orders": "sqs",
    "news": "sns",
    "pictures": "s3",
    "rows": "dynamodb",
    "ticks": "kinesis",
    "pure": "lambda",
}


def test_every_function_gets_the_table_the_endpoint_and_a_log_group(project: Project) -> None:
    scheduled = {"nightly": "rate(1 day)"}
    declared = declaration(TABLE, ROUTER, http_routes=("/",), schedules=scheduled, others=OTHERS)
    template, resources = read(project, declared), build(project, declared)["Resources"]
    variables = {
        "CONNECTIONS_TABLE": "pour-dev-ConnectionsTable",
        MANAGEMENT_ENDPOINT: "https://local.execute-api.us-east-1.amazonaws.com/v1",
    }
    for function in ("api_handler", "nightly", *OTHERS):
        assert template.environment(function) == variables
        group = resources[logical_id(function)]["Properties"]["LoggingConfig"]["LogGroup"]
        assert resources[group["Ref"]]["Properties"]["RetentionInDays"] == {
            "Ref": "LogRetentionInDays"
        }


def test_the_mark_has_the_source_of_each_other_function(project: Project) -> None:
    declared = declaration(http_routes=("/",), others={"orders": "sqs"})
    mark = build(project, declared)["Metadata"]["Decanter"]
    assert mark["Sources"] == {"APIHandler": ["http", "/"], "Orders": ["sqs", "orders"]}


def test_a_table_without_ttl_has_no_ttl_property(project: Project) -> None:
    table = replace(CONNECTIONS, ttl_attribute=None)
    declared = replace(declaration(TABLE), tables=(table,))
    properties = build(project, declared)["Resources"]["ConnectionsTable"]["Properties"]
    assert "TimeToLiveSpecification" not in properties


def test_an_app_that_chalice_refuses_gets_no_template(project: Project) -> None:
    declared = replace(declaration(TABLE), refusal="app.py does not switch it on: add a line")
    with pytest.raises(ProjectError, match=r"^app\.py does not switch it on: add a line$"):
        build(project, declared)


def test_two_tables_share_the_parameter(project: Project) -> None:
    rooms = {**TABLE, "logical_id": "RoomsTable", "environment": "ROOMS_TABLE"}
    document = build(project, declaration(TABLE, rooms))
    assert [name for name in document["Parameters"] if "Table" in name] == [BILLING_PARAMETER]
    assert sorted(document["Outputs"]) == [
        "APIGatewayURL",
        "ConnectionsTableArn",
        "ConnectionsTableName",
        "RoomsTableArn",
        "RoomsTableName",
    ]


def test_an_app_without_functions_has_only_its_mark(project: Project) -> None:
    mark = {"Decanter": {"App": "pour", "Stage": "dev"}}
    assert build(project, replace(declaration(), websocket={}, lambdas={})) == {"Metadata": mark}


@pytest.mark.parametrize("metadata", [{"Decanter": {"App": "other"}}, {"Decanter": 1}, "none"])
def test_overrides_cannot_change_the_mark(project: Project, metadata: object) -> None:
    overrides = {"Metadata": metadata}
    (project.directory / ".chalice" / "overrides.json").write_text(json.dumps(overrides))
    assert Owner.marked(build(project, declaration())) == Owner("pour", "dev")


def test_overrides_keep_their_own_metadata(project: Project) -> None:
    overrides: dict[str, Any] = {"Metadata": {"AWS::CloudFormation::Interface": {}}}
    (project.directory / ".chalice" / "overrides.json").write_text(json.dumps(overrides))
    assert build(project, declaration())["Metadata"].keys() == {
        "AWS::CloudFormation::Interface",
        "Decanter",
    }


def test_an_app_without_declarations_keeps_its_roles_and_expression(project: Project) -> None:
    """Chalice's errors are fixed for it too; its own declarations are kept."""
    resources = build(project, declaration())["Resources"]
    assert "WebsocketAPI" not in resources
    assert not [name for name in resources if name.endswith("Role")]
    assert "Role" not in resources["WebsocketMessage"]["Properties"]
    assert resources["WebsocketConnectRoute"] == {"Properties": {"OperationName": "ConnectRoute"}}


def test_each_function_has_its_own_log_with_a_retention(project: Project) -> None:
    document = build(project, declaration(TABLE))
    group = document["Resources"]["WebsocketConnectLogGroup"]["Properties"]
    assert group == {
        "LogGroupName": {"Fn::Sub": "/aws/lambda/${AWS::StackName}/websocket_connect"},
        "RetentionInDays": {"Ref": "LogRetentionInDays"},
    }
    function = document["Resources"]["WebsocketConnect"]["Properties"]
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": "WebsocketConnectLogGroup"}}
    assert document["Parameters"]["LogRetentionInDays"]["Default"] == 30


def test_chalices_configuration_sets_the_retention(tmp_path: Path) -> None:
    config = {**CONFIG, "log_retention_in_days": 7}
    project = Project.load(write_project(tmp_path / "p", config=config))
    document = build(project, declaration())
    assert document["Parameters"]["LogRetentionInDays"]["Default"] == 7


def test_a_functions_own_retention_is_kept(tmp_path: Path) -> None:
    """The parameter still sets the retention of the other functions."""
    config = copy.deepcopy(CONFIG)
    names = ("api_handler", "websocket_connect")
    own = {name: {"log_retention_in_days": 3} for name in names}
    config["stages"]["dev"]["lambda_functions"] = own
    project = Project.load(write_project(tmp_path / "p", config=config))
    document = build(project, declaration(http_routes=("/",)))
    found = {
        name: document["Resources"][f"{name}LogGroup"]["Properties"]["RetentionInDays"]
        for name in ("ApiHandler", "WebsocketConnect", "WebsocketMessage")
    }
    parameter = {"Ref": "LogRetentionInDays"}
    assert found == {"ApiHandler": 3, "WebsocketConnect": 3, "WebsocketMessage": parameter}
    assert document["Parameters"]["LogRetentionInDays"]["Default"] == 30


def test_the_projects_overrides_take_precedence(project: Project) -> None:
    own = {
        "Parameters": {"LogRetentionInDays": {"Default": 1}},
        "Resources": {"Alarm": {"Type": "AWS::SNS::Topic"}},
    }
    (project.directory / ".chalice" / "overrides.json").write_text(json.dumps(own))
    document = build(project, declaration(TABLE))
    assert document["Parameters"]["LogRetentionInDays"]["Default"] == 1
    assert document["Parameters"]["LogRetentionInDays"]["Type"] == "Number"
    assert {"Alarm", "ConnectionsTable"} <= set(document["Resources"])


def test_invalid_overrides_are_a_one_line_error(project: Project) -> None:
    path = project.directory / ".chalice" / "overrides.json"
    path.write_text('{"Resources": []}')
    with pytest.raises(ProjectError, match=r"overrides.json: Resources must be an object"):
        build(project, declaration())


def test_the_text_does_not_depend_on_the_order(project: Project) -> None:
    declared = declaration(TABLE, ROUTER)
    turned = replace(declared, websocket=dict(reversed(list(declared.websocket.items()))))
    assert render(project, declared) == render(project, turned)


@pytest.fixture(name="packaged", scope="module")
def _packaged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return Chalice's package of a project with the template."""
    folder = write_project(tmp_path_factory.mktemp("packaged") / "p")
    template = build(Project.load(folder), declaration(NEEDY_TABLE, ROUTER))
    (folder / ".chalice" / "resources.json").write_text(json.dumps(template))
    arguments = ["package", "--merge-template", ".chalice/resources.json", "out"]
    subprocess.run(
        [sys.executable, "-c", CHALICE, *arguments],
        cwd=folder,
        env=clean_environment() | {"AWS_DEFAULT_REGION": "us-east-1"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    document: dict[str, Any] = json.loads(Path(folder / "out" / "sam.json").read_text())
    return document


class TestPackaged:
    """The template merged into Chalice's, for a configuration without policy files."""

    def test_chalices_functions_refer_to_the_table(self, packaged: dict[str, Any]) -> None:
        for name in ("WebsocketConnect", "WebsocketMessage"):
            function = packaged["Resources"][name]
            assert function["Type"] == "AWS::Serverless::Function"
            variables = function["Properties"]["Environment"]["Variables"]
            assert variables["CONNECTIONS_TABLE"] == {"Ref": "ConnectionsTable"}

    def test_each_function_has_its_own_role(self, packaged: dict[str, Any]) -> None:
        for name in ("WebsocketConnect", "WebsocketMessage"):
            role = {"Fn::GetAtt": [f"{name}Role", "Arn"]}
            assert packaged["Resources"][name]["Properties"]["Role"] == role
            assert packaged["Resources"][f"{name}Role"]["Type"] == "AWS::IAM::Role"

    def test_no_resource_is_left_without_a_type(self, packaged: dict[str, Any]) -> None:
        """A part for a function that Chalice does not generate would be such a resource."""
        assert not [name for name, it in packaged["Resources"].items() if "Type" not in it]

    def test_chalices_outputs_are_kept(self, packaged: dict[str, Any]) -> None:
        expected = {"WebsocketAPIId", "APIGatewayURL", "ConnectionsTableName"}
        assert expected <= set(packaged["Outputs"])


def test_a_users_own_template_is_not_packaged_and_causes_a_warning(project: Project) -> None:
    lines: list[str] = []
    path = project.directory / ".chalice" / "resources.json"
    text = render(project, declaration(TABLE))
    warn_of_own_template(project, text, lines.append)
    path.write_text(render(project, declaration()))
    warn_of_own_template(project, text, lines.append)
    assert lines == []
    path.write_text('{"Resources": {"Orders": {}}}')
    warn_of_own_template(project, text, lines.append)
    (line,) = lines
    assert line == (
        "warning: .chalice/resources.json has content that `decanter template` did not write, "
        "which is not packaged: move it to .chalice/overrides.json"
    )


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "p")


def test_writes_the_projects_file_and_then_finds_no_difference(folder: Path) -> None:
    path = folder / ".chalice" / "resources.json"
    written = decanter_here("template", "--project-dir", folder)
    checked = decanter_here("template", "--project-dir", folder, "--check")
    assert (written.returncode, written.stdout) == (0, f"wrote {path}\n")
    assert (checked.returncode, checked.stdout) == (0, f"{path} matches the app\n")
    assert path.read_text().endswith("}\n")


def test_writes_only_the_template_to_standard_output(folder: Path) -> None:
    done = decanter_here("template", "--project-dir", folder, "--output", "-")
    assert "ConnectionsTable" in json.loads(done.stdout)["Resources"]
    assert not (folder / ".chalice" / "resources.json").exists()


def test_check_shows_the_differences_of_a_file(folder: Path) -> None:
    path = folder / "other.json"
    decanter_here("template", "--project-dir", folder, "--output", path)
    path.write_text(path.read_text().replace("expires_at", "expires"))
    done = decanter_here("template", "--project-dir", folder, "--output", path, "--check")
    assert done.returncode == 1
    assert '-          "AttributeName": "expires",\n' in done.stdout
    assert '+          "AttributeName": "expires_at",\n' in done.stdout
    remedy = f"run `decanter template --output {path}`"
    assert done.stderr == f"{path} does not match the app: {remedy}\n"


def test_check_of_a_missing_file_is_a_difference(folder: Path) -> None:
    done = decanter_here("template", "--project-dir", folder, "--check")
    assert done.returncode == 1
    assert "+++ the app's declarations" in done.stdout


def test_a_file_that_cannot_be_written_is_a_one_line_error(folder: Path) -> None:
    path = folder / "none" / "t.json"
    done = decanter_here("template", "--project-dir", folder, "--output", path)
    expected = f"decanter: error: cannot write {path}: No such file or directory\n"
    assert (done.returncode, done.stderr) == (2, expected)


def test_this_repositorys_files_match_its_app() -> None:
    """The template, and a policy for each function at each stage."""
    done = decanter_here("template", "--project-dir", ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.count(" matches the app\n") == 8


def test_a_schedule_of_one_stage_gets_its_policy_there(tmp_path: Path) -> None:
    config = copy.deepcopy(CONFIG)
    for stage, configuration in config["stages"].items():
        name = f"policy-{stage}-sweep.json"
        configuration["lambda_functions"] = {"sweep": {"iam_policy_file": name}}
    config["stages"]["prod"]["environment_variables"]["SWEEPS"] = "yes"
    app = APP.replace(repr(TABLE), repr(NEEDY_TABLE)) + SWEEPS
    folder = write_project(tmp_path / "p", app, config)
    done = decanter_here("template", "--project-dir", folder)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.glob(".chalice/policy-*")] == ["policy-prod-sweep.json"]


SWEEPS = """
import os

if os.environ.get("SWEEPS"):
    app.schedule("rate(5 minutes)", name="sweep")(lambda event: None)
"""


def test_the_policies_of_every_stage_are_written(tmp_path: Path) -> None:
    config = copy.deepcopy(CONFIG)
    for stage, configuration in config["stages"].items():
        name = f"policy-{stage}-websocket_message.json"
        configuration["lambda_functions"] = {"websocket_message": {"iam_policy_file": name}}
    app = APP.replace(repr(TABLE), repr(NEEDY_TABLE))
    folder = write_project(tmp_path / "p", app, config)
    decanter_here("template", "--project-dir", folder)
    record = json.loads((folder / ".chalice" / "generated.json").read_text())
    assert set(record) == {f"policy-{stage}-websocket_message.json" for stage in ("dev", "prod")}
    for stage in ("dev", "prod"):
        policy = folder / ".chalice" / f"policy-{stage}-websocket_message.json"
        assert f"table/pour-{stage}-connections" in policy.read_text()
        policy.write_text("{}")
    checked = decanter_here("template", "--project-dir", folder, "--check")
    assert checked.returncode == 1
    assert checked.stderr.count("does not match the app") == 2


def test_a_users_own_template_is_not_overwritten(folder: Path) -> None:
    """One line names the file and the remedy, and no file is written."""
    path = folder / ".chalice" / "resources.json"
    own = {"Resources": {"Orders": {"Type": "AWS::DynamoDB::Table"}}}
    path.write_text(json.dumps(own))
    done = decanter_here("template", "--project-dir", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"decanter: error: {path} was not written by `decanter template`, or was changed since: "
        "move your own parts to .chalice/overrides.json and delete the file, or use --force to "
        "overwrite it\n"
    )
    assert json.loads(path.read_text()) == own
    assert decanter_here("template", "--project-dir", folder, "--force").returncode == 0
    assert json.loads(path.read_text())["Metadata"]["Decanter"]["App"] == "pour"


def test_check_does_not_show_values_of_variables(folder: Path) -> None:
    variables = {"API_KEY": "canary-1"}
    path = folder / ".chalice" / "resources.json"
    overrides = {"Globals": {"Function": {"Environment": {"Variables": variables}}}}
    (folder / ".chalice" / "overrides.json").write_text(json.dumps(overrides))
    decanter_here("template", "--project-dir", folder)
    assert "canary-1" in path.read_text()
    path.write_text(path.read_text().replace("canary-1", "canary-2"))
    done = decanter_here("template", "--project-dir", folder, "--check")
    assert done.returncode == 1
    assert '"API_KEY": "(hidden, changed)"' in done.stdout
    assert "canary" not in done.stdout + done.stderr


def test_check_does_not_show_a_file_that_is_not_a_template(folder: Path) -> None:
    path = folder / ".chalice" / "resources.json"
    path.write_text("canary")
    done = decanter_here("template", "--project-dir", folder, "--check")
    assert done.returncode == 1
    assert done.stdout == f"{path} is not a JSON object, so its content is not shown\n"


@pytest.mark.parametrize("function", ["scores", "SCORES", "websocket_connect"])
def test_a_table_and_a_function_with_one_logical_id_are_refused(
    function: str, project: Project
) -> None:
    """Otherwise, the template has no table."""
    scores = {**TABLE, "logical_id": logical_id(function), "model": "app.Score"}
    with pytest.raises(ProjectError, match=r"table of app\.Score and another resource .* are both"):
        build(project, declaration(scores, others={function: "lambda"}))
    existing = declaration({**scores, "existing": "scores"}, others={function: "lambda"})
    build(project, existing)


@pytest.mark.parametrize("variable", ["RestAPI", "WebsocketAPI", "DefaultRole"])
def test_a_table_with_the_logical_id_of_a_resource_of_chalice_is_refused(
    variable: str, project: Project
) -> None:
    declared = declaration({**TABLE, "logical_id": variable}, http_routes=("/",))
    with pytest.raises(ProjectError, match=f"are both {variable} in the template"):
        build(project, declared)


def test_the_warnings_about_the_app_are_printed_once(tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", f"import helper\n{APP}")
    (project / "helper.py").touch()
    done = decanter_here("template", "--project-dir", project)
    (line,) = [line for line in done.stderr.splitlines() if "helper.py" in line]
    assert line.startswith("warning: Lambda will not find helper.py (imported in app.py:1)")
    assert done.returncode == 0
