"""The calls of a session, as arguments of `@uses`."""

from pathlib import Path
from typing import Any

import pytest

from decanter.local.usage import Pair, Usage
from decanter.project.config import Project
from decanter.project.grants import MANAGE, Grants
from decanter.project.roles import Role
from decanter.project.stack import Stack
from tests.support.declarations import CHANNELS, NEEDY_TABLE, ROUTER, SUBSCRIPTIONS, declaration
from tests.support.projects import CONFIG, TABLE, write_project

STACK = Stack("pour", "dev", api_id="local", api_stage="v1")
CONNECTIONS, SCORES, SUBSCRIBED = (
    STACK.arn("dynamodb", f"table/{name}") for name in ("rows", "scores", "subscribed")
)
NAMES = {
    "CONNECTIONS_TABLE": "rows",
    "SCORES_TABLE": "scores",
    "SUBSCRIPTIONS_TABLE": "subscribed",
}
TABLES = [
    {**NEEDY_TABLE, "model": "app.Connection"},
    {
        **TABLE,
        "environment": "SCORES_TABLE",
        "logical_id": "ScoresTable",
        "model": "app.Score",
        "is_connections": False,
    },
]
POST, DELETE, GET = (
    (MANAGE, STACK.arn("execute-api", f"local/v1/{method}/@connections/*"))
    for method in ("POST", "DELETE", "GET")
)
DESCRIBE = {
    "Effect": "Allow",
    "Action": ["dynamodb:DescribeTable"],
    "Resource": [{"Fn::GetAtt": ["ScoresTable", "Arn"]}],
}
S3 = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
SQS = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
QUEUE = STACK.arn("sqs", "pour-dev-work")
MESSAGE, CONNECT = "websocket_message", "websocket_connect"
SCAN = ("dynamodb:Scan", CONNECTIONS)


def row(action: str, table: str = SCORES) -> Pair:
    return f"dynamodb:{action}", table


def own(place: str, **uses: Any) -> dict[str, Any]:
    written = {"place": place, "reads": [], "writes": [], "sends": False, "also": [], **uses}
    return {"place": place, "uses": written, "sends": False}


def usage(uses: dict[str, list[Any]], **calls: list[Pair]) -> Usage:
    router = {**ROUTER, "uses": uses}
    app = declaration(router, *TABLES, http_routes=("/scores",))
    return Usage(Grants.of(app, [NAMES], STACK, None, None), {}, calls)


@pytest.mark.parametrize(
    ("function", "calls", "expected"),
    [
        (MESSAGE, [row("GetItem", CONNECTIONS)], "@uses(reads=[Connection])"),
        (MESSAGE, [row("Query", f"{SCORES}/index/i")], "@uses(reads=[Score])"),
        (MESSAGE, [row("PutItem"), row("Scan")], "@uses(reads=[Score], writes=[Score])"),
        (MESSAGE, [DELETE], "@uses(sends=True)"),
        (CONNECT, [POST, row("Scan", CONNECTIONS), row("DeleteItem", CONNECTIONS)], "(sends=True)"),
        (CONNECT, [row("DeleteItem", CONNECTIONS)], "@uses(writes=[Connection])"),
        (
            MESSAGE,
            [GET, row("GetItem")],
            (
                '@uses(reads=[Score], also=[{"Effect": "Allow", "Action": '
                '["execute-api:ManageConnections"], "Resource": '
                '["arn:*:execute-api:*:*:*/v1/GET/@connections/*"]}])'
            ),
        ),
    ],
)
def test_the_line_grants_the_calls_that_are_not_the_routers(
    function: str, calls: list[Pair], expected: str
) -> None:
    assert usage({}, **{function: calls}).grant(function).line.endswith(expected)


def test_the_place_is_each_function_of_the_app_that_runs() -> None:
    uses = {MESSAGE: [own("app.a"), own("chalicelib.rooms.b")]}
    found = usage(uses, websocket_message=[row("GetItem")])
    assert found.grant(MESSAGE).what == "a in app.py, b in chalicelib/rooms.py"
    called = usage({}, websocket_connect=[row("GetItem")])
    assert called.grant(CONNECT).what == "websocket_connect in app.py"


@pytest.mark.parametrize(
    "calls", [[], [row("Scan", CONNECTIONS), row("DeleteItem", CONNECTIONS), POST]]
)
@pytest.mark.parametrize("uses", [{}, {MESSAGE: [own("app.a")]}])
def test_a_handler_with_the_routers_calls_alone_needs_no_line(
    calls: list[Pair], uses: dict[str, list[Any]]
) -> None:
    grant = usage(uses, websocket_message=calls).grant(MESSAGE)
    assert (grant.what, grant.line) == ("", "")


def with_channels(
    calls: list[Pair], uses: dict[str, Any], function: str, refused: list[Pair]
) -> Usage:
    """Return the usage of an app whose router has channels, a queue, and its own table for both."""
    queue = {
        "name": "work",
        "environment": "QUEUE_URL",
        "dead_letter_environment": "DEAD_URL",
        "concurrency": 1,
    }
    router = {**ROUTER, **CHANNELS, "queue": queue, "uses": {function: [uses]} if uses else {}}
    schedules = {"hourly": "rate(1 hour)", "sweep": "rate(5 minutes)"}
    app = declaration(
        router, *TABLES, SUBSCRIPTIONS, schedules=schedules, others={"work": "sqs", "job": "sqs"}
    )
    named = Grants.of(app, [NAMES], STACK, None, None)
    return Usage(named, {}, {function: calls}, {function: refused})


SENDS = own("app.f", sends=True)
READS = own("app.f", sends=True, reads=["CONNECTIONS_TABLE"])
NONE = {"place": "app.f", "uses": None, "sends": False}
QUERY, UPDATE = row("Query", SUBSCRIBED), row("UpdateItem", CONNECTIONS)
OF_SENDER = [SCAN, POST, QUERY, UPDATE, row("DeleteItem", CONNECTIONS)]
TO_QUEUE = ("sqs:SendMessage", QUEUE)


@pytest.mark.parametrize(
    ("function", "uses", "calls", "line"),
    [
        (MESSAGE, None, [POST, DELETE, QUERY, UPDATE, row("PutItem", SUBSCRIBED), TO_QUEUE], ""),
        (MESSAGE, None, [row("GetItem"), QUERY], "@uses(reads=[Score])"),
        (CONNECT, None, [row("PutItem", CONNECTIONS)], ""),
        ("sweep", None, [SCAN, POST, QUERY], ""),
        ("work", None, [*OF_SENDER, TO_QUEUE, ("sqs:ReceiveMessage", QUEUE)], ""),
        ("job", None, [("sqs:ReceiveMessage", STACK.arn("sqs", "job"))], ""),
        ("job", None, [*OF_SENDER, row("PutItem")], "@uses(writes=[Score], sends=True)"),
        ("hourly", None, [SCAN, POST], "@uses(sends=True)"),
        ("hourly", None, [SCAN, TO_QUEUE], "@uses(sends=True)"),
        ("hourly", None, [QUERY], "@uses(sends=True)"),
        ("hourly", None, [SCAN], "@uses(reads=[Connection])"),
        ("hourly", NONE, [SCAN], "@uses(reads=[Connection])"),
        ("hourly", NONE, [row("PutItem"), QUERY], "@uses(writes=[Score], sends=True)"),
        ("hourly", SENDS, [SCAN], "@uses(sends=True)"),
        ("hourly", READS, [SCAN], "@uses(reads=[Connection])"),
        ("hourly", READS, [], "@uses()"),
    ],
)
def test_the_routers_calls_need_no_models(
    function: str, uses: dict[str, Any], calls: list[Pair], line: str
) -> None:
    assert with_channels(calls, uses, function, []).grant(function).line == line


def test_a_default_table_without_a_name_is_in_a_statement() -> None:
    line = with_channels([row("Scan", SUBSCRIBED)], NONE, "hourly", []).grant("hourly").line
    assert line.startswith('@uses(also=[{"Effect": "Allow", "Action": ["dynamodb:Scan"]')
    assert "reads=[Subscriptions]" not in with_channels([], NONE, "hourly", []).unused("hourly")


def test_a_refused_post_shows_whose_the_other_calls_are() -> None:
    found = with_channels([SCAN], NONE, "hourly", [POST])
    assert found.sends("hourly")
    assert found.grant("hourly").line == "@uses()"


@pytest.mark.parametrize(
    ("kinds", "has_sqs", "calls", "unused"),
    [
        ({"job": "sqs"}, True, [], True),
        ({"job": "sqs"}, True, [("sqs:SendMessage", QUEUE)], False),
        ({"job": "sqs"}, False, [], False),
        ({}, True, [], False),
    ],
)
def test_a_right_to_sqs_is_unused_if_decanter_sees_the_calls(
    kinds: dict[str, str], has_sqs: bool, calls: list[Pair], unused: bool
) -> None:
    router = {**ROUTER, "uses": {MESSAGE: [own("app.a", also=[SQS])]}}
    app = declaration(router, *TABLES, others=kinds)
    found = Usage(Grants.of(app, [NAMES], STACK, None, None, has_sqs=has_sqs), {}, {MESSAGE: calls})
    assert bool(found.unused(MESSAGE)) is unused
    assert ("sqs:SendMessage" in found.grant(MESSAGE).line) is not unused


@pytest.mark.parametrize(
    ("uses", "line"),
    [
        (own("app.a", reads=["SCORES_TABLE"], sends=True), "@uses(reads=[Score], sends=True)"),
        (own("app.a", also=[DESCRIBE]), "dynamodb:DescribeTable"),
        (own("app.a", also=[{**SQS, "Action": ["sqs:SendMessage", "dynamodb:Scan"]}]), "sqs:Send"),
        (own("app.a", also=[{**SQS, "Action": "*"}]), '"Action": "*"'),
        ({"place": "app.a", "uses": None, "sends": False}, "reads=[Connection, Score], writes=["),
    ],
)
def test_no_right_to_a_dynamodb_that_decanter_does_not_see_is_unused(
    uses: dict[str, Any], line: str
) -> None:
    app = declaration({**ROUTER, "uses": {MESSAGE: [uses]}}, *TABLES, others={"job": "sqs"})
    grants = Grants.of(app, [NAMES], STACK, None, None, sees_dynamodb=False)
    found = Usage(grants, {}, {})
    assert found.unused(MESSAGE) == []
    assert line in found.grant(MESSAGE).line


def test_lambdas_calls_to_the_queue_of_a_function_are_used() -> None:
    receives = {"Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": "*"}
    named = Grants.of(declaration(others={"job": "sqs"}), [], STACK, None, None)
    found = Usage(named, {"job": Role("role", (receives, SQS))}, {})
    assert found.unused("job") == [
        '{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}'
    ]
    assert "sqs:ReceiveMessage" in found.grant("job").line


def test_a_right_that_no_call_needs_is_unused() -> None:
    route = own("app.a", reads=["SCORES_TABLE"], writes=["SCORES_TABLE"], also=[DESCRIBE, S3])
    uses = {MESSAGE: [route, {"place": "app.b", "uses": None, "sends": True}]}
    found = usage(uses, websocket_message=[row("GetItem")])
    assert found.unused(MESSAGE) == [
        "reads=[Connection]",
        "sends=True",
        "writes=[Connection]",
        "writes=[Score]",
        (
            '{"Effect": "Allow", "Action": ["dynamodb:DescribeTable"], "Resource": '
            '[{"Fn::GetAtt": ["ScoresTable", "Arn"]}]}'
        ),
    ]
    assert found.unused(CONNECT) == []


def test_a_hooks_right_is_used_if_one_of_its_functions_uses_it() -> None:
    hook = own("app.gone", sends=True, reads=["SCORES_TABLE"])
    calls = {MESSAGE: [row("GetItem"), POST], CONNECT: [POST]}
    found = usage({MESSAGE: [hook], CONNECT: [hook]}, **calls)
    assert (found.unused(MESSAGE), found.unused(CONNECT)) == ([], [])


def test_a_statement_that_was_used_stays_as_it_is_written() -> None:
    uses = {MESSAGE: [own("app.a", also=[DESCRIBE, S3])]}
    line = usage(uses, websocket_message=[row("DescribeTable")]).grant(MESSAGE).line
    assert line.startswith('@uses(also=[{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, ')
    assert line.count("DescribeTable") == 1


def test_an_app_without_the_framework_gets_statements(tmp_path: Path) -> None:
    config = {**CONFIG, "stages": {"dev": {"autogen_policy": False}}}
    project = Project.load(write_project(tmp_path / "p", config=config))
    named = Grants.of(declaration(), [], STACK, project, None)
    all_rows = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
    roles = {MESSAGE: Role("role", (S3, all_rows))}
    used = Usage(named, roles, {MESSAGE: [row("GetItem"), row("PutItem")]})
    assert used.grant(MESSAGE).what == ".chalice/policy-dev.json"
    assert used.grant(MESSAGE).line.splitlines() == [
        '{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}',
        (
            '{"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem"], "Resource": '
            '["arn:*:dynamodb:*:*:table/scores"]}'
        ),
    ]
    assert used.unused(MESSAGE) == []
    assert Usage(named, roles, {}).unused(MESSAGE) == [
        '{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}'
    ]
