"""The roles in service: the notes about denials, and the record of a session."""

import json
from typing import Any

import pytest

from decanter.gateway.guard import Report
from decanter.local.rights import MOST_PAIRS, Rights, route_of
from decanter.project.declaration import RouterDeclaration
from decanter.project.grants import Grants, portable
from decanter.project.roles import Role
from decanter.project.stack import Stack
from tests.support.declarations import ROUTER, declaration

STACK = Stack("pour", "dev", api_id="local", api_stage="v1")
SCORES = STACK.arn("dynamodb", "table/scores")
GET = "dynamodb:GetItem"
ALLOW = {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": SCORES}
BODY = json.dumps({"message": "sendmessage"})


def event(route: str, body: str = BODY) -> dict[str, Any]:
    return {"requestContext": {"routeKey": route}, "body": body}


class Desk:
    """Rights, and the notes about them."""

    def __init__(self, mode: str = "enforce", event: Any = None) -> None:
        self.notes: list[tuple[str, bool, str]] = []
        self.sent: list[Any] = []
        self.rights = Rights(mode, STACK, self._note, lambda _: event)
        self.rights.relay = self.sent.append

    def _note(self, line: str, *, error: bool = False, detail: str = "") -> None:
        self.notes.append((line, error, detail))

    def deploy(self, *statements: Any, known: bool = True) -> None:
        grants = Grants.of(declaration(ROUTER), [], STACK, None, None)
        role = Role("the-role", tuple(statements), known)
        self.rights.deploy({"websocket_message": role}, grants)


def report(outcome: str, resource: str = SCORES) -> Report:
    facts = {"function": "websocket_message", "action": GET, "resource": resource}
    return {**facts, "outcome": outcome, "trace": ""}


def test_the_embedded_dynamodb_gets_the_roles() -> None:
    desk = Desk("warn")
    desk.deploy(ALLOW)
    (message,) = desk.sent
    assert message["rights"] == {
        "mode": "warn",
        "place": "arn:aws:dynamodb:us-east-1:123456789012:",
        "roles": {
            "websocket_message": {
                "principal": "arn:aws:sts::123456789012:assumed-role/the-role/"
                "pour-dev-websocket_message",
                "statements": [ALLOW],
                "known": True,
            }
        },
    }


@pytest.mark.parametrize(
    ("mode", "text"), [("enforce", "refused, as on AWS"), ("warn", "AWS refuses this")]
)
def test_a_denial_is_noted_with_its_grant(mode: str, text: str) -> None:
    desk = Desk(mode, event("$default"))
    desk.deploy()
    desk.rights.take(report("not allowed"))
    ((line, error, detail),) = desk.notes
    assert line == (
        f"websocket_message has no right to {GET} on {SCORES}: {text}; to allow it, write this "
        'below @router.route("sendmessage"):'
    )
    assert error
    assert detail.startswith("@uses(also=[")


def test_a_call_at_the_first_import_was_not_refused() -> None:
    desk = Desk()
    desk.deploy()
    desk.rights.take({**report("not allowed"), "trace": "early"})
    ((line, _, _),) = desk.notes
    assert f"on {SCORES}: AWS refuses this; to allow it" in line


def test_a_deny_statement_is_not_granted_away() -> None:
    desk = Desk()
    desk.deploy()
    desk.rights.take(report("denied"))
    ((line, error, detail),) = desk.notes
    assert line.endswith("refused, as on AWS: a Deny statement of its role denies it")
    assert (error, detail) == (True, "")


def test_an_unknown_role_is_noted_once_for_each_version() -> None:
    desk = Desk()
    for _ in range(2):
        desk.deploy(known=False)
        desk.rights.take(report("unknown"))
        desk.rights.take(report("unknown", "*"))
    assert [error for _, error, _ in desk.notes] == [False, False]


def test_a_faulty_statement_is_noted_with_its_function() -> None:
    desk = Desk()
    desk.deploy({"Effect": "Allow"})
    ((line, error, _),) = desk.notes
    assert line.startswith("the role of websocket_message: AWS refuses the statement")
    assert error


def test_a_session_is_recorded_over_reloads() -> None:
    desk = Desk()
    desk.rights.ran.add("websocket_message")
    desk.deploy()
    desk.rights.take(report("not allowed"))
    desk.deploy(ALLOW)
    desk.rights.take(report("allowed"))
    desk.rights.take(report("unknown", "*"))
    pair = {"action": GET, "resource": SCORES}
    statements = [
        {"Effect": "Allow", "Action": [GET], "Resource": [it]} for it in ("*", portable(SCORES))
    ]
    uses = f"@uses(also=[{', '.join(map(json.dumps, statements))}])"
    assert desk.rights.to_json() == {
        "iam": "enforce",
        "functions": {
            "websocket_message": {
                "known": True,
                "granted": [ALLOW],
                "used": [{"action": GET, "resource": "*"}, pair],
                "denied": [pair],
                "unused": [],
                "ran": True,
                "uses": uses,
                "place": "websocket_message in app.py",
            }
        },
        "records_dynamodb": True,
    }


@pytest.mark.parametrize(("mode", "ran"), [("enforce", False), ("warn", False), ("off", True)])
def test_a_function_without_a_record_gets_no_suggestion(mode: str, ran: bool) -> None:
    desk = Desk(mode)
    desk.rights.ran |= {"websocket_message"} if ran else set()
    desk.deploy(ALLOW)
    desk.rights.take(report("allowed"))  # as for a call at import
    found = desk.rights.to_json()["functions"]["websocket_message"]
    assert [found[name] for name in ("ran", "unused", "uses", "place")] == [ran, [], "", ""]


def test_the_record_is_bounded() -> None:
    desk = Desk()
    desk.deploy()
    for number in range(MOST_PAIRS + 5):
        desk.rights.take(report("allowed", f"{SCORES}{number}"))
    used = desk.rights.to_json()["functions"]["websocket_message"]["used"]
    assert len(used) == MOST_PAIRS


@pytest.mark.parametrize(
    ("given", "route"),
    [
        (event("sendmessage"), "sendmessage"),
        (event("$connect"), "$connect"),
        (event("$default"), "sendmessage"),
        (event("$default", '{"message": "other"}'), "$default"),
        (event("$default", "not JSON"), "$default"),
        ({"requestContext": {"routeKey": "$default"}, "body": None}, "$default"),
        ({"requestContext": {}}, ""),
        ({"requestContext": None}, ""),
        ({}, ""),
        (["a", "list"], ""),
        (None, ""),
    ],
)
def test_the_route_of_an_event(given: Any, route: str) -> None:
    assert route_of(given, [RouterDeclaration.from_json(ROUTER)]) == route
