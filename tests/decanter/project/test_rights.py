"""The rights of each function, from an app's source to its roles on this machine."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from decanter.errors import ProjectError
from decanter.project import app_process, rights
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.roles import Role, roles
from decanter.project.stack import Stack
from tests.support.apps import FRAMEWORK
from tests.support.projects import CONFIG, write_project

APP = f"{FRAMEWORK}\nfrom decanter import Routes, scheduled_sweep, uses\n\n"
PLAIN = "from chalice import Chalice\napp = Chalice('pour')\n"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/connections"
READ = {*rights.READS}
WRITE = {*rights.WRITES}
OF_MESSAGES = {"dynamodb:Scan", "dynamodb:DeleteItem"}
S3 = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::pictures/*"}

Load = Callable[..., tuple[Project, Declaration]]
Missing = list[tuple[str, str, str]]


@pytest.fixture(name="load")
def _load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Write a project, and return it with the declarations of its app."""

    def load(source: str, *, app: str = APP, **stage: Any) -> tuple[Project, Declaration]:
        config = json.loads(json.dumps(CONFIG))
        config["stages"]["dev"] |= stage
        project = Project.load(write_project(tmp_path / "p", app=app + source, config=config))
        monkeypatch.setattr("decanter.runtime.rights.declared", [])
        module = ModuleType("app")
        exec(app + source, vars(module))
        return project, Declaration.from_json(app_process.declaration(module, module.app))

    return load


def roles_of(project: Project, declaration: Declaration) -> Mapping[str, Role]:
    environments = {key: {"CONNECTIONS_TABLE": "connections"} for key in declaration.functions}
    return roles(project, declaration, project.template(), Stack("pour", "dev"), environments)


def allowed(role: Role, resource: str = TABLE) -> set[str]:
    """Return the actions that a role allows on exactly this resource."""
    return {
        action
        for statement in role.statements
        if resource in statement["Resource"]
        for action in statement["Action"]
    }


def methods(role: Role) -> set[str]:
    """Return the HTTP methods of @connections that a role allows."""
    return {
        resource.split("/")[2]
        for statement in role.statements
        if statement.get("Sid") == "Connections"
        for resource in statement["Resource"]
    }


def test_a_router_alone_has_exactly_its_own_calls(load: Load) -> None:
    found = roles_of(*load("sweep = scheduled_sweep(app, router, {'DECANTER_SWEEP_MINUTES': '5'})"))
    assert {name: allowed(role) for name, role in found.items()} == {
        "sweep": OF_MESSAGES,
        "websocket_connect": {"dynamodb:PutItem"},
        "websocket_disconnect": {"dynamodb:DeleteItem"},
        "websocket_message": OF_MESSAGES,
    }
    assert {name: methods(role) for name, role in found.items()} == {
        "sweep": {"DELETE", "GET"},
        "websocket_connect": set(),
        "websocket_disconnect": set(),
        "websocket_message": {"POST"},
    }
    assert all(role.known for role in found.values())


def test_a_function_without_uses_may_use_every_table_and_not_send(load: Load) -> None:
    role = roles_of(*load("@app.schedule('rate(1 hour)')\ndef hourly(event): ...\n"))["hourly"]
    assert allowed(role) == READ | WRITE
    assert methods(role) == set()


@pytest.mark.parametrize(
    ("arguments", "actions", "posts"),
    [
        ("", set(), set()),
        ("reads=[Connection]", READ, set()),
        ("writes=[Connection]", WRITE, set()),
        ("sends=True", OF_MESSAGES, {"POST", "DELETE"}),
        ("reads=[Connection], sends=True", READ | OF_MESSAGES, {"POST", "DELETE"}),
    ],
)
@pytest.mark.parametrize("decorator", ["@app.schedule('rate(1 hour)')", "@app.route('/')"])
def test_a_function_has_the_rights_that_it_declares(
    decorator: str, arguments: str, actions: set[str], posts: set[str], load: Load
) -> None:
    source = f"{decorator}\n@uses({arguments})\ndef work(event=None): ...\n"
    found = roles_of(*load(source, autogen_policy=False))
    role = found["work" if "schedule" in decorator else "api_handler"]
    assert allowed(role) == actions
    assert methods(role) == posts


def test_http_routes_share_the_rights_of_all(load: Load) -> None:
    source = (
        "@app.route('/')\n@uses(reads=[Connection])\ndef index(): ...\n"
        "@app.route('/', methods=['POST'])\n@uses(writes=[Connection])\ndef make(): ...\n"
    )
    assert allowed(roles_of(*load(source))["api_handler"]) == READ | WRITE


HIDING = """
def hide(function):
    def hourly(event): return function(event)
    return hourly

@app.schedule('rate(1 hour)')
@hide
@uses()
def hourly(event): ...
"""
HOOKS = {
    "on_connect": ("@router.on_connect\n{}\ndef hook(handshake): ...\n", {"websocket_connect"}),
    "on_message": ("@router.on_message\n{}\ndef hook(request): ...\n", {"websocket_message"}),
    "route": ("@router.route('x')\n{}\ndef hook(request): ...\n", {"websocket_message"}),
    "default": ("@router.default\n{}\ndef hook(request): ...\n", {"websocket_message"}),
    "middleware": ("@router.middleware\n{}\ndef hook(request, go): ...\n", {"websocket_message"}),
    "on_error": (
        "@router.on_error(KeyError)\n{}\ndef hook(request, e): ...\n",
        {"websocket_message"},
    ),
    "allow": (
        "{}\ndef hook(_): ...\n@router.route('x', allow=hook)\n@uses()\ndef x(request): ...\n",
        {"websocket_message"},
    ),
    "included": (
        "own = Routes()\n@own.route('x')\n{}\ndef hook(request): ...\nrouter.include(own)\n",
        {"websocket_message"},
    ),
    "on_disconnect": (
        "@router.on_disconnect\n{}\ndef hook(gone): ...\n",
        {"sweep", "websocket_disconnect", "websocket_message"},
    ),
    "handler": (
        "@app.on_sqs_message(queue='orders')\n{}\ndef hook(event): ...\n",
        {"hook"},
    ),
}


@pytest.mark.parametrize(("source", "functions"), HOOKS.values(), ids=HOOKS)
def test_a_hook_adds_its_rights_to_each_function_that_runs_it(
    source: str, functions: set[str], load: Load
) -> None:
    """The router itself never needs GetItem."""
    sweep = "sweep = scheduled_sweep(app, router, {'DECANTER_SWEEP_MINUTES': '5'})\n"
    found = roles_of(*load(sweep + source.format("@uses(reads=[Connection])")))
    assert {name for name, role in found.items() if allowed(role) >= READ} == functions


def test_a_disconnect_hook_adds_its_rights_to_every_function_that_sends(load: Load) -> None:
    source = (
        "@router.on_disconnect\n@uses(reads=[Connection])\ndef hook(gone): ...\n"
        "@app.route('/')\n@uses(sends=True)\ndef index(): ...\n"
        "@app.schedule('rate(1 hour)')\n@uses()\ndef hourly(event): ...\n"
    )
    found = roles_of(*load(source))
    assert allowed(found["api_handler"]) == READ | OF_MESSAGES
    assert allowed(found["hourly"]) == set()


def test_a_disconnect_hook_without_uses_may_send(load: Load) -> None:
    found = roles_of(*load("@router.on_disconnect\ndef hook(gone): ...\n"))
    assert methods(found["websocket_disconnect"]) == {"POST", "DELETE"}
    assert allowed(found["websocket_disconnect"]) == READ | WRITE


def test_further_statements_are_kept_once_and_with_distinct_ids(load: Load) -> None:
    logs = {"Sid": "Logs", **S3}
    source = (
        f"@app.route('/')\n@uses(also=[{S3!r}, {logs!r}])\ndef index(): ...\n"
        f"@app.route('/x')\n@uses(also=[{S3!r}])\ndef x(): ...\n"
    )
    statements = roles_of(*load(source))["api_handler"].statements
    assert [each.get("Sid") for each in statements] == [None, "Logs", None]
    assert statements[0] == S3


def test_a_policy_file_is_kept_without_uses_and_replaced_with_it(load: Load) -> None:
    source = (
        "@app.schedule('rate(1 hour)')\ndef keeps(event): ...\n"
        "@app.schedule('rate(1 hour)')\n@uses()\ndef says(event): ...\n"
    )
    project, declared = load(source, autogen_policy=False, iam_policy_file="own.json")
    own = {"Version": "2012-10-17", "Statement": S3}
    (project.directory / ".chalice" / "own.json").write_text(json.dumps(own))
    found = roles_of(project, declared)
    assert S3 in found["keeps"].statements
    assert S3 not in found["says"].statements


WRITE_IT = 'write it as {"Version": "2012-10-17", "Statement": […]}, or remove "autogen_policy"'
LET_WRITE = 'set "iam_policy_file" of each function, such as "policy-dev-says.json", so'


@pytest.mark.parametrize(
    ("stage", "files", "local", "chalice"),
    [
        ({}, [], [], []),
        ({"manage_iam_role": False, "iam_role_arn": "arn:aws:iam::1:role/x"}, [], [], []),
        ({"autogen_policy": False}, ["policy-dev.json"], [], []),
        (
            {"autogen_policy": False},
            [],
            [("defaults, keeps", "policy-dev.json", WRITE_IT)],
            [
                ("defaults, keeps", "policy-dev.json", WRITE_IT),
                ("says", "policy-dev.json", LET_WRITE),
            ],
        ),
        (
            {
                "autogen_policy": False,
                "iam_policy_file": "own.json",
                "lambda_functions": {"says": {"iam_policy_file": "policy-dev-says.json"}},
            },
            [],
            [("defaults, keeps", "own.json", WRITE_IT)],
            [("defaults, keeps", "own.json", WRITE_IT)],
        ),
    ],
)
def test_a_missing_policy_file_has_a_warning(
    stage: dict[str, Any], files: list[str], local: Missing, chalice: Missing, load: Load
) -> None:
    source = (
        "@app.schedule('rate(1 hour)')\n@uses()\ndef says(event): ...\n"
        "@app.schedule('rate(1 hour)')\ndef keeps(event): ...\n"
        "@app.schedule('rate(1 hour)')\ndef defaults(event): ...\n"
    )
    project, declared = load(source, app=PLAIN + "from decanter import uses\n", **stage)
    for name in files:
        project.config_path.with_name(name).write_text("{}")
    for expected, found in (
        (local, rights.missing_policies(project, declared)),
        (chalice, rights.missing_policies(project, declared, for_chalice=True)),
    ):
        for (functions, name, remedy), line in zip(expected, found, strict=True):
            start = f"stage dev takes the policy of {functions} from .chalice/{name}, which does"
            assert line.startswith(start)
            assert f"so Chalice fails: {remedy}" in line


def test_chalices_analysis_is_kept_without_uses(load: Load) -> None:
    source = (
        "import boto3\n"
        "@app.schedule('rate(1 hour)')\ndef keeps(event):\n    boto3.client('s3').list_buckets()\n"
        "@app.schedule('rate(1 hour)')\n@uses()\ndef says(event): ...\n"
    )
    found = roles_of(*load(source))
    listing = {"Effect": "Allow", "Action": ["s3:ListAllMyBuckets"], "Resource": ["*"]}
    assert listing in found["keeps"].statements
    assert listing not in found["says"].statements


def test_a_source_that_the_analyzer_cannot_read_adds_nothing() -> None:
    found = rights.Analysis.of_source("def (")
    assert found.statements == ()
    assert (found.failure or "").startswith("SyntaxError: ")


@pytest.mark.parametrize("arguments", ["", "@uses()"])
def test_lambda_reads_the_queue_with_the_functions_role(arguments: str, load: Load) -> None:
    source = f"@app.on_sqs_message(queue='orders')\n{arguments}\ndef ordered(event): ...\n"
    assert "sqs:ReceiveMessage" in allowed(roles_of(*load(source))["ordered"], "*")


@pytest.mark.parametrize(
    ("kind", "attached"),
    [
        ("AWS::IAM::Policy", {"Roles": [{"Ref": "WebsocketMessageRole"}]}),
        ("AWS::IAM::ManagedPolicy", {"Roles": [{"Ref": "WebsocketMessageRole"}]}),
        ("AWS::IAM::RolePolicy", {"RoleName": {"Ref": "WebsocketMessageRole"}}),
    ],
)
def test_the_templates_policies_are_added(kind: str, attached: Any, load: Load) -> None:
    project, declared = load("")
    policy = {
        "PolicyName": "pictures",
        "Roles": [{"Ref": "WebsocketMessageRole"}],
        "PolicyDocument": {
            "Statement": {**S3, "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3"}}
        },
    }
    unknown: dict[str, Any] = {"Roles": [{"Ref": "WebsocketConnectRole"}]}
    unknown["PolicyDocument"] = {"Statement": {**S3, "Resource": {"Fn::ImportValue": "x"}}}
    resources = {
        "A": {"Type": kind, "Properties": policy},
        "B": {"Type": "AWS::IAM::Policy", "Properties": unknown},
    }
    path = project.directory / ".chalice" / "resources.json"
    path.write_text(json.dumps({"Resources": resources}))
    found = roles_of(project, declared)
    assert {**S3, "Resource": "arn:aws:s3"} in found["websocket_message"].statements
    assert found["websocket_message"].known
    assert not found["websocket_connect"].known


@pytest.mark.parametrize(
    ("role", "known"),
    [
        ("arn:aws:iam::1:role/x", False),
        ({"Fn::GetAtt": ["Own", "Arn"]}, True),
        ({"Fn::GetAtt": "Own.Arn"}, True),  # the form of !GetAtt
        ({"Fn::GetAtt": ["DefaultRole", "Arn"]}, False),
        ({"Fn::GetAtt": ["WebsocketConnectRole", "Arn"]}, False),
    ],
)
def test_another_role_of_the_template_replaces_the_generated_one(
    role: Any, known: bool, load: Load
) -> None:
    project, declared = load("")
    policies = [{"PolicyName": "function", "PolicyDocument": {"Statement": [S3]}}]
    resources = {
        "Own": {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}},
        "WebsocketMessage": {"Properties": {"Role": role}},
    }
    path = project.directory / ".chalice" / "resources.json"
    path.write_text(json.dumps({"Resources": resources}))
    found = roles_of(project, declared)["websocket_message"]
    assert found.statements == ((S3,) if known else ())
    assert found.known is known


@pytest.mark.parametrize("condition", ["IsDev", "IsProd"])
@pytest.mark.parametrize("whole", [True, False])
def test_conditional_policies_of_a_role_are_read(condition: str, whole: bool, load: Load) -> None:
    project, declared = load("")
    policy = {"PolicyName": "pictures", "PolicyDocument": {"Statement": [S3]}}
    nothing: dict[str, Any] = {"Ref": "AWS::NoValue"}
    chosen = {"Fn::If": [condition, [policy] if whole else policy, [] if whole else nothing]}
    role = {"Properties": {"Policies": chosen if whole else [chosen]}}
    template = {
        "Conditions": {
            "IsDev": {"Fn::Equals": [{"Ref": "AWS::StackName"}, f"{project.app_name}-dev"]},
            "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]},
        },
        "Resources": {"WebsocketMessageRole": role},
    }
    path = project.directory / ".chalice" / "resources.json"
    path.write_text(json.dumps(template))
    found = roles_of(project, declared)["websocket_message"]
    assert (S3 in found.statements) is (condition == "IsDev")


def test_a_role_that_nobody_creates_is_refused(load: Load) -> None:
    project, declared = load("")
    resources = {"WebsocketMessage": {"Properties": {"Role": {"Fn::GetAtt": ["Owm", "Arn"]}}}}
    path = project.directory / ".chalice" / "resources.json"
    path.write_text(json.dumps({"Resources": resources}))
    with pytest.raises(
        ProjectError, match="websocket_message has the role Owm, which the template lacks"
    ):
        roles_of(project, declared)


@pytest.mark.parametrize("configured", [{}, {"autogen_policy": False}])
def test_a_plain_apps_rights_are_known_by_its_policy_file(
    configured: dict[str, Any], load: Load
) -> None:
    project, declared = load("@app.route('/')\ndef index(): ...\n", app=PLAIN, **configured)
    (project.directory / ".chalice" / "policy-dev.json").write_text(json.dumps({"Statement": [S3]}))
    role = roles_of(project, declared)["api_handler"]
    assert role.known is bool(configured)
    assert role.statements == ((S3,) if configured else ())


def test_a_role_of_another_owner_is_unknown(load: Load) -> None:
    found = roles_of(*load("", manage_iam_role=False, iam_role_arn="arn:aws:iam::1:role/x"))
    assert {(role.statements, role.known) for role in found.values()} == {((), False)}


def test_sending_needs_a_websocket_api(load: Load) -> None:
    index = "from decanter import uses\n@app.route('/')\n@uses(sends=True)\ndef index(): ...\n"
    project, declared = load(index, app=PLAIN)
    with pytest.raises(ProjectError, match=r"app.index has @uses\(sends=True\), but the app has"):
        roles_of(project, declared)


@pytest.mark.parametrize(
    "source",
    [
        "@uses()\ndef helper(): ...\n",
        HIDING,
    ],
)
def test_uses_of_a_function_that_nothing_runs_is_refused(source: str, load: Load) -> None:
    _, declared = load(source)
    assert declared.refusal
    assert " grants nothing: no Lambda function, route or hook" in declared.refusal
