"""The guard: modes, current roles, and one report for each kind of call."""

from typing import Any

import pytest

from decanter.gateway.dynamodb_rights import pairs
from decanter.gateway.guard import MOST_DECISIONS, Guard, Report
from decanter.gateway.iam import Policy

PLACE = "arn:aws:dynamodb:us-east-1:123456789012:"
TABLE = f"{PLACE}table/t"
GET, PUT = ("dynamodb:GetItem", TABLE), ("dynamodb:PutItem", TABLE)
SESSION = "arn:aws:sts::123456789012:assumed-role/app-dev-work/app-dev-work"


def rights(*statements: Any, mode: str = "enforce", known: bool = True) -> dict[str, Any]:
    role = {"principal": SESSION, "statements": [*statements], "known": known}
    return {"mode": mode, "place": PLACE, "roles": {"work": role}}


def allow(action: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": "*"}


@pytest.fixture(name="reports")
def _reports() -> list[Report]:
    return []


@pytest.fixture(name="guard")
def _guard(reports: list[Report]) -> Guard:
    return Guard(Policy, reports.append)


def test_a_call_needs_all_of_its_rights(guard: Guard, reports: list[Report]) -> None:
    guard.obey(rights(allow(GET[0])))
    assert guard.refusal("work", [GET]) is None
    denial = guard.refusal("work", [GET, PUT], "Root=1")
    assert denial is not None
    assert denial.text == (
        f"User: {SESSION} is not authorized to perform: dynamodb:PutItem on resource: {TABLE} "
        "because no identity-based policy allows the dynamodb:PutItem action"
    )
    assert [each["outcome"] for each in reports] == ["allowed", "not allowed"]
    assert reports[1] == {
        "function": "work",
        "action": "dynamodb:PutItem",
        "resource": TABLE,
        "outcome": "not allowed",
        "trace": "Root=1",
    }


def test_a_deny_statement_is_named(guard: Guard) -> None:
    guard.obey(rights(allow("*"), {**allow("*"), "Effect": "Deny"}))
    denial = guard.refusal("work", [GET])
    assert denial is not None
    assert denial.text.endswith(f"{TABLE} with an explicit deny in an identity-based policy")


@pytest.mark.parametrize(
    ("mode", "outcomes"), [("enforce", ["not allowed"]), ("warn", ["not allowed"]), ("off", [])]
)
def test_only_enforcing_refuses(
    mode: str, outcomes: list[str], guard: Guard, reports: list[Report]
) -> None:
    guard.obey(rights(mode=mode))
    assert (guard.refusal("work", [GET]) is not None) == (mode == "enforce")
    assert [each["outcome"] for each in reports] == outcomes
    assert guard.is_on == (mode != "off")


def test_a_call_is_reported_once_until_the_roles_change(
    guard: Guard, reports: list[Report]
) -> None:
    for granted in ("s3:*", "dynamodb:*"):
        guard.obey(rights(allow(granted)))
        for _ in range(3):
            guard.refusal("work", [GET])
    assert [each["outcome"] for each in reports] == ["not allowed", "allowed"]


def test_an_unknown_role_allows(guard: Guard, reports: list[Report]) -> None:
    guard.obey(rights(known=False))
    assert guard.refusal("work", [GET]) is None
    assert [each["outcome"] for each in reports] == ["unknown"]


def test_a_function_without_a_role_is_refused(guard: Guard) -> None:
    guard.obey(rights(allow("*")))
    assert guard.refusal("gone", [GET]) is not None


def test_calls_before_the_first_roles_are_reported_with_them(
    guard: Guard, reports: list[Report]
) -> None:
    """While the app is imported the first time, its roles are not known yet."""
    assert guard.refusal("work", pairs("GetItem", {"TableName": "t"}, guard.place)) is None
    assert guard.refusal("work", [PUT]) is None
    assert reports == []
    guard.obey(rights(allow(GET[0])))
    found = [(it["resource"], it["outcome"], it["trace"]) for it in reports]
    assert found == [(TABLE, "allowed", "early"), (TABLE, "not allowed", "early")]


def test_a_statement_that_is_not_evaluated_is_noted(guard: Guard, reports: list[Report]) -> None:
    guard.obey(rights({"Effect": "Allow"}))
    (report,) = reports
    assert report["function"] == "work"
    assert "it needs Action or NotAction" in report["note"]


def test_connections_are_reported_as_one(guard: Guard, reports: list[Report]) -> None:
    api = "arn:aws:execute-api:us-east-1:123456789012:local/v1/POST/@connections/"
    guard.obey(rights(allow("execute-api:*")))
    for number in range(3):
        assert guard.refusal("work", [("execute-api:ManageConnections", f"{api}{number}")]) is None
    assert [each["resource"] for each in reports] == [f"{api}*"]


def test_its_memory_is_bounded(guard: Guard, reports: list[Report]) -> None:
    guard.obey(rights(allow("*")))
    for number in range(MOST_DECISIONS + 10):
        guard.refusal("work", [("dynamodb:GetItem", f"{PLACE}table/{number}")])
    assert len(reports) == MOST_DECISIONS
