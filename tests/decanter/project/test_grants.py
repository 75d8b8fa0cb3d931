"""The lines that grant rights."""

import json
from pathlib import Path
from typing import Any

import pytest

from decanter.gateway.iam import Decision, Policy
from decanter.project.config import Project
from decanter.project.grants import MANAGE, Grants, matching, portable
from decanter.project.roles import resolver
from decanter.project.stack import Stack
from decanter.project.template import Template
from tests.support.declarations import CHANNELS, NEEDY_TABLE, ROUTER, SUBSCRIPTIONS, declaration
from tests.support.projects import APP, CONFIG, TABLE, write_project

STACK = Stack("pour", "dev", api_id="local", api_stage="v1")
SCORES, ROOMS = (STACK.arn("dynamodb", f"table/{name}") for name in ("scores", "rooms"))
POST, DELETE, GET = (
    STACK.arn("execute-api", f"local/v1/{method}/@connections/*")
    for method in ("POST", "DELETE", "GET")
)
MODELS = [
    {**TABLE, "environment": f"{word.upper()}S_TABLE", "logical_id": word, "model": f"app.{word}"}
    | {"is_connections": False}
    for word in ("Score", "Room")
]
NO_USES: dict[str, Any] = {"uses": None, "sends": False}
NAMES = {
    "SCORES_TABLE": "scores",
    "ROOMS_TABLE": "rooms",
    "CONNECTIONS_TABLE": "rows",
    "SUBSCRIPTIONS_TABLE": "subscribed",
}


def grants(*declared: dict[str, Any], **more: Any) -> Grants:
    app = declaration(*declared, *(MODELS if declared else ()))
    more = {"project": None, "template": None, **more}
    return Grants.of(app, [{}, NAMES], STACK, more["project"], more["template"])


def line(action: str, resource: str, *allowed: tuple[Any, str]) -> str:
    """Return the line for a function whose role allows these actions on these resources."""
    policy = Policy([{"Effect": "Allow", "Action": a, "Resource": r} for a, r in allowed])

    def allows(action: str, resource: str) -> bool:
        return policy.decide(action, resource) is Decision.ALLOWED

    return grants(ROUTER).grant("websocket_message", action, resource, allows).line


@pytest.mark.parametrize(
    ("action", "resource", "allowed", "expected"),
    [
        ("dynamodb:GetItem", SCORES, [], "@uses(reads=[Score])"),
        ("dynamodb:Query", f"{SCORES}/index/by_player", [], "@uses(reads=[Score])"),
        ("dynamodb:PutItem", SCORES, [], "@uses(writes=[Score])"),
        ("dynamodb:ConditionCheckItem", SCORES, [], "@uses(writes=[Score])"),
        (
            "dynamodb:GetItem",
            SCORES,
            [("dynamodb:*", ROOMS)],
            "@uses(reads=[Room, Score], writes=[Room])",
        ),
        ("dynamodb:GetItem", SCORES, [("dynamodb:GetItem", ROOMS)], "@uses(reads=[Score])"),
        (MANAGE, POST, [], "@uses(sends=True)"),
        (MANAGE, DELETE, [("*", POST)], "@uses(sends=True)"),
        (
            "dynamodb:GetItem",
            SCORES,
            [("*", POST), ("*", DELETE)],
            "@uses(reads=[Score], sends=True)",
        ),
    ],
)
def test_uses_is_merged_with_the_rights_of_the_role(
    action: str, resource: str, allowed: list[Any], expected: str
) -> None:
    assert line(action, resource, *allowed) == expected


@pytest.mark.parametrize(
    ("action", "resource", "shown"),
    [
        ("dynamodb:DescribeTable", SCORES, {"Fn::GetAtt": ["Score", "Arn"]}),
        (
            "dynamodb:PartiQLSelect",
            f"{SCORES}/index/i",
            {"Fn::Sub": "${Score.Arn}/index/i"},
        ),
        ("dynamodb:GetItem", STACK.arn("dynamodb", "table/x"), "arn:*:dynamodb:*:*:table/x"),
        ("dynamodb:ListTables", "*", "*"),
        (MANAGE, GET, "arn:*:execute-api:*:*:*/v1/GET/@connections/*"),
    ],
)
def test_other_rights_are_a_statement(action: str, resource: str, shown: Any) -> None:
    statement = {"Effect": "Allow", "Action": [action], "Resource": [shown]}
    assert line(action, resource) == f"@uses(also=[{json.dumps(statement)}])"
    kept = line(action, resource, ("dynamodb:*", ROOMS))
    assert kept == f"@uses(reads=[Room], writes=[Room], also=[{json.dumps(statement)}])"
    resolved = resolver(STACK, {"Score": "scores"}, None)(statement)
    assert Policy([resolved]).decide(action, resource) is Decision.ALLOWED


@pytest.mark.parametrize(
    ("function", "route", "place"),
    [
        ("websocket_message", "sendmessage", 'below @router.route("sendmessage")'),
        ("websocket_message", "$default", "below the decorator of websocket_message in app.py"),
        ("websocket_message", "", "or of its hook"),
        ("websocket_disconnect", "sendmessage", "or of its hook"),
        ("api_handler", "", "below the decorator of the HTTP route that makes the call"),
        ("api_handler", "sendmessage", "below the decorator of the HTTP route that makes the call"),
        ("gone", "", "below the decorator of gone in app.py"),
    ],
)
def test_the_place_of_uses(function: str, route: str, place: str) -> None:
    grant = grants(ROUTER).grant(function, "dynamodb:GetItem", SCORES, lambda *_: False, route)
    assert place in grant.what


def test_the_place_of_uses_is_the_only_hook_or_the_http_route() -> None:
    uses = {
        "websocket_connect": [{"place": "chalicelib.a.hook", **NO_USES}],
        "api_handler": [{"place": "app.scores", **NO_USES}],
    }
    router = {**ROUTER, "uses": uses}
    app = declaration(router, *MODELS, http_routes=("/scores/{name}",))
    named = Grants.of(app, [NAMES], STACK, None, None)
    calls = {"websocket_connect": "$connect", "api_handler": "/scores/bob"}
    assert [
        named.grant(function, "dynamodb:GetItem", SCORES, lambda *_: False, route).what
        for function, route in calls.items()
    ] == [
        "write this below the decorator of hook in chalicelib/a.py",
        "write this below the decorator of the HTTP route /scores/{name}",
    ]
    alone = named.grant("api_handler", "dynamodb:GetItem", SCORES, lambda *_: False)
    assert alone.what == "write this below the decorator of scores in app.py"


CONNECTIONS, SUBSCRIBED = (STACK.arn("dynamodb", f"table/{it}") for it in ("rows", "subscribed"))
UNSURE = " (if the router makes this call, sends=True instead of {}=[Connection])"


@pytest.mark.parametrize(
    ("action", "resource", "sends", "unsure", "expected"),
    [
        ("dynamodb:Scan", CONNECTIONS, False, UNSURE.format("reads"), "reads=[Connection]"),
        ("dynamodb:DeleteItem", CONNECTIONS, False, UNSURE.format("writes"), "writes=[Connection]"),
        ("dynamodb:PutItem", CONNECTIONS, False, "", "writes=[Connection]"),
        ("dynamodb:Scan", CONNECTIONS, True, "", "sends=True"),
        ("dynamodb:PutItem", CONNECTIONS, True, "", "writes=[Connection]"),
        ("dynamodb:GetItem", SCORES, True, "", "reads=[Score]"),
        ("dynamodb:Query", SUBSCRIBED, False, "", "sends=True"),
        (MANAGE, POST, False, "", "sends=True"),
    ],
)
def test_a_call_of_the_router_needs_no_model(
    action: str, resource: str, sends: bool, unsure: str, expected: str
) -> None:
    tables = [{**NEEDY_TABLE, "model": "app.Connection"}, SUBSCRIPTIONS, *MODELS]
    app = declaration({**ROUTER, **CHANNELS}, *tables, schedules={"hourly": "rate(1 hour)"})
    named = Grants.of(app, [NAMES], STACK, None, None)
    grant = named.grant("hourly", action, resource, lambda *_: False, sends=sends)
    assert grant.line == f"@uses({expected})"
    assert grant.what == f"write this{unsure} below the decorator of hourly in app.py"
    everything = named.grant("hourly", "dynamodb:GetItem", SCORES, lambda *_: True).line
    assert "Subscriptions" not in everything
    of_router = named.of_router("websocket_message")
    score = named.grant("websocket_message", "dynamodb:GetItem", SCORES, of_router)
    assert score.line == "@uses(reads=[Score])"


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/scores/top", "/scores/top"),
        ("/scores/bob/", "/scores/{name}"),
        ("/scores/{name}", "/scores/{name}"),
        ("/scores/bob/games", ""),
        ("/scores", ""),
    ],
)
def test_a_path_leads_to_its_http_route(path: str, route: str) -> None:
    assert matching(path, ["/", "/scores/{name}", "/scores/top"]) == route


def test_a_parameter_of_an_http_route_is_not_empty() -> None:
    assert matching("/", ["/{name}"]) == ""


def test_a_policy_file_has_the_literal_name_of_a_table(tmp_path: Path) -> None:
    config = json.loads(json.dumps(CONFIG))
    own = {"iam_policy_file": "policy-dev-websocket_message.json"}
    config["stages"]["dev"]["lambda_functions"] = {"websocket_message": own}
    project = Project.load(write_project(tmp_path / "p", APP, config))
    named = grants(ROUTER, project=project)
    found = named.statement("websocket_message", ["dynamodb:DescribeTable"], SCORES)
    assert found["Resource"] == ["arn:*:dynamodb:*:*:table/scores"]


def test_the_statements_of_uses_are_kept() -> None:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"B": True}}
    own = {"place": "app.f", "reads": [], "writes": [], "sends": False, "also": [statement]}
    router = {**ROUTER, "uses": {"websocket_message": [{"place": "app.f", "uses": own}]}}
    named = grants(router)
    line = named.grant("websocket_message", "dynamodb:GetItem", SCORES, lambda *_: False).line
    assert line == f"@uses(reads=[Score], also=[{statement!r}])"


ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"Policies": [{"PolicyDocument": {"Statement": []}, "PolicyName": "p"}]},
}


def test_other_apps_get_a_statement_for_their_policy(tmp_path: Path) -> None:
    config = json.loads(json.dumps(CONFIG))
    own = {"iam_policy_file": "policy-dev-message.json"}
    arn = "arn:aws:iam::123456789012:role/web"
    config["stages"]["dev"] |= {
        "autogen_policy": False,
        "lambda_functions": {
            "websocket_message": own,
            "api_handler": {"manage_iam_role": False, "iam_role_arn": arn},
            "nightly": {"autogen_policy": True},
        },
    }
    project = Project.load(write_project(tmp_path / "p", APP, config))
    template = Template({"Resources": {"WebsocketConnectRole": ROLE}}, STACK)
    plain = grants(project=project, template=template)
    places = {
        "websocket_message": ".chalice/policy-dev-message.json",
        "websocket_disconnect": ".chalice/policy-dev.json",
        "websocket_connect": "the role of websocket_connect in the merge template",
        "api_handler": f"the role of api_handler, {arn}",
        "nightly": 'a new policy file for nightly, with "autogen_policy": false and its name as '
        '"iam_policy_file" in .chalice/config.json',
    }
    for function, place in places.items():
        grant = plain.grant(function, "dynamodb:GetItem", SCORES, lambda *_: False)
        assert grant.what == f"add this statement to {place}"
        assert json.loads(grant.line)["Resource"] == ["arn:*:dynamodb:*:*:table/scores"]


def test_an_arn_is_portable() -> None:
    assert portable(f"{SCORES}/index/i") == "arn:*:dynamodb:*:*:table/scores/index/i"
    assert portable(POST) == "arn:*:execute-api:*:*:*/v1/POST/@connections/*"
    assert portable("*") == "*"
