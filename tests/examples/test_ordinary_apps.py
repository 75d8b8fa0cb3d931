"""Ordinary apps are packaged whole: cfn-lint finds nothing, and the handlers run unpacked."""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.chalice_resources import chalice_resources
from decanter.aws.template import build
from decanter.local.dynamodb.embedded import EmbeddedDynamoDB, create_tables
from decanter.project.config import Project
from decanter.project.declaration import Declaration, LambdaFunction
from decanter.project.describe import describe
from decanter.project.example_events import example_event
from decanter.project.stack import Stack
from decanter.project.template import Template
from tests.aws.cloudformation import translate
from tests.support.bare import invoke
from tests.support.events import connect_event, disconnect_event, message_event
from tests.support.kept import describe_once
from tests.support.linting import findings
from tests.support.management import run_management
from tests.support.marks import THOROUGH
from tests.support.ordinary_apps import MESSAGE, ORDINARY_APPS, arguments_of, copy_app, daily
from tests.support.projects import decanter_here
from tests.support.wheels import index, requirements_of

REGION = "eu-west-1"
WEBSOCKET_EVENTS = {
    "websocket_connect": connect_event(),
    "websocket_message": message_event(MESSAGE),
    "websocket_disconnect": disconnect_event(),
}

each_app = pytest.mark.parametrize("name", daily("reports", "staged"))


@dataclass(frozen=True)
class Packed:
    """A packaged app: its project, its declarations, the output, the template, the code."""

    project: Project
    declaration: Declaration
    output: str
    template: dict[str, Any]
    unpacked: Path


Pack = Callable[[str], Packed]


@pytest.fixture(name="pack", scope="module")
def _pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
    """Returns an app's package, which is made once."""
    folder = tmp_path_factory.mktemp("apps")
    projects = {name: copy_app(name, folder) for name in ORDINARY_APPS}
    (folder / "wheels").mkdir()
    for project in projects.values():  # pip runs once for equal requirements
        (project / "build").mkdir()
        (project / "build" / "wheels").symlink_to(folder / "wheels")
    pip = index(folder / "index", *requirements_of(projects.values()))

    @cache
    def pack(name: str) -> Packed:
        return packed(Project.load(projects[name], ORDINARY_APPS[name]))

    with pytest.MonkeyPatch.context() as patch:
        describe_once(patch)
        for variable, value in pip.items():
            patch.setenv(variable, value)
        yield pack


def packed(project: Project) -> Packed:
    arguments = ("--project-dir", project.directory, "--stage", project.chalice_stage)
    done = decanter_here("package", *arguments, "--region", REGION)
    assert (done.returncode, done.stderr) == (0, "")
    result = project.directory / "build" / "package" / project.chalice_stage / "result"
    with zipfile.ZipFile(result / "deployment.zip") as archive:
        archive.extractall(result / "unpacked")
    template = json.loads((result / "sam.json").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    return Packed(project, describe(project), done.stdout, template, result / "unpacked")


@pytest.mark.parametrize("name", daily())  # tests/aws/test_lint.py has the apps of `make test`
def test_cfn_lint_finds_nothing_before_and_after_translation(name: str, pack: Pack) -> None:
    template = pack(name).template
    assert findings(template, (REGION,)) == []
    assert findings(json.loads(translate(json.dumps(template))), (REGION,)) == []


@each_app
def test_the_resources_of_chalice_are_known_before(name: str, pack: Pack) -> None:
    """So overrides are checked against them when the template is made."""
    app = pack(name)
    expected = {**chalice_resources(app.project, app.declaration)}
    expected |= build(app.project, app.declaration)["Resources"]
    assert {*expected} == {*app.template["Resources"]}


@each_app
def test_its_template_is_written_and_matches(name: str, pack: Pack) -> None:
    app = pack(name)
    arguments = ("--project-dir", app.project.directory, "--stage", app.project.chalice_stage)
    assert decanter_here("template", *arguments).returncode == 0
    assert decanter_here("template", *arguments, "--check").returncode == 0


@pytest.fixture(name="dynamodb", scope="module")
def _dynamodb() -> Iterator[EmbeddedDynamoDB]:
    with EmbeddedDynamoDB() as dynamodb:
        yield dynamodb


@each_app
def test_its_handlers_run_without_other_packages(
    name: str, pack: Pack, dynamodb: EmbeddedDynamoDB
) -> None:
    app = pack(name)
    stack = Stack(app.project.app_name, app.project.chalice_stage, REGION)
    template = Template(build(app.project, app.declaration), stack)
    create_tables(dynamodb.endpoint, template.tables())
    functions = app.declaration.lambdas.values()
    variables: dict[str, str] = {}
    for environment in (app.project.environment, template.environment):
        for function in functions:
            variables |= environment(function.name)
    with run_management() as management:
        answers = invoke(
            app.unpacked,
            *((function.handler, event_for(function, stack)) for function in functions),
            **variables
            | {
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint,
                "DECANTER_MANAGEMENT_ENDPOINT": management.endpoint,
            },
        )
    assert [status(answer) for answer in answers] == [200] * len(functions)


def event_for(function: LambdaFunction, stack: Stack) -> Mapping[str, Any]:
    event = WEBSOCKET_EVENTS.get(function.name) or arguments_of(function)
    return event or example_event(function, stack)


def status(answer: Any) -> int:
    return int(answer.get("statusCode", 200)) if isinstance(answer, dict) else 200


@THOROUGH
def test_dependencies_are_in_the_zip_instead_of_a_layer(pack: Pack) -> None:
    app = pack("layered")
    assert "automatic_layer: the dependencies are in the zip" in app.output
    assert (app.unpacked / "boto3").is_dir()
    layers = [
        resource["Properties"]["Layers"]
        for resource in app.template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    assert layers == [["arn:aws:lambda:eu-west-1:123456789012:layer:fonts:3"]] * 4


@THOROUGH
def test_settings_of_a_function_reach_its_resource(pack: Pack) -> None:
    resources = pack("layered").template["Resources"]
    web, message = (resources[name]["Properties"] for name in ("APIHandler", "WebsocketMessage"))
    assert (web["ReservedConcurrentExecutions"], web["Timeout"]) == (5, 20)
    assert (message["MemorySize"], message["Tracing"]) == (512, "Active")
    assert message["Tags"].items() >= {"part": "sockets"}.items()
    assert message["VpcConfig"]["SubnetIds"] == ["subnet-0123456789abcdef0"]


def test_a_stage_has_its_own_policies_and_settings(pack: Pack) -> None:
    app = pack("staged")
    resources = app.template["Resources"]
    assert "DefaultRole" not in resources
    policy = resources["ApiHandlerRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    file = app.project.config_path.parent / "policies" / "web.json"
    (kept,) = json.loads(file.read_text())["Statement"]
    assert kept in policy["Statement"]
    variables = resources["WebsocketMessage"]["Properties"]["Environment"]["Variables"]
    assert (variables["GREETING"], variables["LIMIT"]) == ("hello", "100")
    assert resources["WebsocketAPIStage"]["Properties"]["StageName"] == "v1"


def test_a_failure_of_chalices_analyzer_leaves_the_rights_that_are_known(pack: Pack) -> None:
    app = pack("reports")
    (line,) = [line for line in app.output.splitlines() if "policy analyzer fails" in line]
    assert "KeyError" in line
    assert "orders" in line
    for role, service in {"OrdersRole": "sqs", "TicksRole": "kinesis"}.items():
        policy = app.template["Resources"][role]["Properties"]["Policies"][0]
        statements = policy["PolicyDocument"]["Statement"]
        actions = {action for statement in statements for action in statement["Action"]}
        assert {action.partition(":")[0] for action in actions} == {service, "dynamodb", "logs"}
