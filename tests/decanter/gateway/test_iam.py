"""A role's policies: cases from IAM's documentation, and a second, simple evaluator."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.gateway.iam import Decision, Policy

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/scores"
GET = "dynamodb:GetItem"
ALLOWED, NOT_ALLOWED, DENIED = Decision.ALLOWED, Decision.NOT_ALLOWED, Decision.DENIED


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def without(statement: dict[str, Any], *names: str, **more: Any) -> dict[str, Any]:
    return {name: it for name, it in statement.items() if name not in names} | more


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ([], NOT_ALLOWED),
        ([allow(GET, TABLE)], ALLOWED),
        ([allow([GET], [TABLE])], ALLOWED),
        ([allow(["s3:*", GET], ["other", TABLE])], ALLOWED),
        ([allow("DYNAMODB:getitem", TABLE)], ALLOWED),
        ([allow("dynamodb:Get*", TABLE)], ALLOWED),
        ([allow("dynamodb:*", TABLE)], ALLOWED),
        ([allow("dynamodb:GetIte?", TABLE)], ALLOWED),
        ([allow("dynamodb:GetItem?", TABLE)], NOT_ALLOWED),
        ([allow("dynamodb:Get", TABLE)], NOT_ALLOWED),
        ([allow("GetItem", TABLE)], NOT_ALLOWED),
        ([allow("*:GetItem", TABLE)], ALLOWED),
        ([allow(GET, "arn:*:dynamodb:*:*:table/scores")], ALLOWED),
        ([allow(GET, "arn:aws:dynamodb:us-east-1:123456789012:table/*")], ALLOWED),
        ([allow(GET, TABLE.replace("scores", "SCORES"))], NOT_ALLOWED),
        ([allow(GET, TABLE.replace("scores", "score"))], NOT_ALLOWED),
        ([allow(GET, f"{TABLE}/index/*")], NOT_ALLOWED),
        ([allow(GET, TABLE.replace("scores", "s[a-z]ores"))], NOT_ALLOWED),
        ([allow(GET, TABLE.replace("us-east-1", "us?east?1"))], ALLOWED),
        ([allow(GET, TABLE), deny(GET, TABLE)], DENIED),
        ([deny("dynamodb:*"), allow()], DENIED),
        ([deny("dynamodb:Put*"), allow()], ALLOWED),
        ([without(allow(), "Action", NotAction="s3:*")], ALLOWED),
        ([without(allow(), "Action", NotAction=["s3:*", "dynamodb:get*"])], NOT_ALLOWED),
        ([without(allow(), "Resource", NotResource="arn:aws:s3:::*")], ALLOWED),
        ([without(allow(), "Resource", NotResource=["x", TABLE])], NOT_ALLOWED),
        ([allow(), without(deny(), "Resource", NotResource=TABLE)], ALLOWED),
        ([allow(), without(deny(), "Resource", NotResource="x")], DENIED),
        ([allow(), without(deny(), "Action", NotAction="dynamodb:*")], ALLOWED),
    ],
)
def test_statements_decide(statements: list[Any], decision: Decision) -> None:
    notes: list[str] = []
    assert Policy(statements, notes.append).decide(GET, TABLE) is decision
    assert notes == []


@pytest.mark.parametrize(
    ("statement", "decision", "note"),
    [
        (allow(Condition={"Bool": {"a": "true"}}), ALLOWED, "the Condition of the statement {"),
        (deny(Condition={"Bool": {"a": "true"}}), NOT_ALLOWED, "the statement is not applied"),
        (allow(resource="*:table/${aws:username}*"), ALLOWED, "the policy variable of the"),
        (deny(resource="*:table/${aws:username}*"), NOT_ALLOWED, "the policy variable of the"),
        ("Allow", NOT_ALLOWED, "it is not an object"),
        (None, NOT_ALLOWED, "it is not an object"),
        (allow(Effect="allow"), NOT_ALLOWED, "Effect must be Allow or Deny"),
        (without(allow(), "Effect"), NOT_ALLOWED, "Effect must be"),
        (without(allow(), "Action"), NOT_ALLOWED, "it needs Action or NotAction"),
        (without(allow(), "Resource"), NOT_ALLOWED, "it needs Resource or NotResource"),
        (allow(NotAction="s3:*"), NOT_ALLOWED, "it needs Action or NotAction"),
        (allow(NotResource="x"), NOT_ALLOWED, "it needs Resource or NotResource"),
        (allow([]), NOT_ALLOWED, "Action must be a string or a list of strings"),
        (allow(7), NOT_ALLOWED, "Action must be a string"),
        (allow(resource=[{"Ref": "T"}]), NOT_ALLOWED, "Resource must be a string"),
        (allow(Principal="*"), NOT_ALLOWED, "a role's policy has no Principal"),
        (deny([]), DENIED, "Action must be a string"),
        (deny(Effect="DENY"), DENIED, "Effect must be Allow or Deny"),
    ],
)
def test_a_statement_that_is_not_evaluated_as_on_aws_is_noted(
    statement: Any, decision: Decision, note: str
) -> None:
    notes: list[str] = []
    policy = Policy([statement], notes.append)
    assert [policy.decide(GET, TABLE) for _ in range(2)] == [decision, decision]
    (line,) = notes
    assert note in line


def test_a_condition_keeps_its_statement_to_its_action() -> None:
    policy = Policy([allow("dynamodb:PutItem", Condition={"Bool": {"a": "true"}})])
    assert policy.decide(GET, TABLE) is NOT_ALLOWED


LETTERS = st.text("aA:*?/", min_size=1, max_size=6)
PATTERNS = st.lists(LETTERS, min_size=1, max_size=3) | LETTERS
STATEMENTS = st.lists(
    st.builds(
        lambda effect, action, resource, actions, resources: {
            "Effect": effect,
            action: actions,
            resource: resources,
        },
        st.sampled_from(["Allow", "Deny"]),
        st.sampled_from(["Action", "NotAction"]),
        st.sampled_from(["Resource", "NotResource"]),
        PATTERNS,
        PATTERNS,
    ),
    max_size=4,
)
TEXTS = st.text("aA:/", max_size=6)


def fits(pattern: str, text: str) -> bool:
    """Match a pattern letter by letter."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])


def applies(statement: dict[str, Any], element: str, text: str) -> bool:
    given: Any = statement.get(element, statement.get(f"Not{element}"))
    patterns = [given] if isinstance(given, str) else given
    if element == "Action":
        patterns, text = [each.lower() for each in patterns], text.lower()
    return any(fits(each, text) for each in patterns) == (element in statement)


def plainly(statements: list[dict[str, Any]], action: str, resource: str) -> Decision:
    effects = {
        each["Effect"]
        for each in statements
        if applies(each, "Action", action) and applies(each, "Resource", resource)
    }
    return DENIED if "Deny" in effects else ALLOWED if effects else NOT_ALLOWED


@given(STATEMENTS, TEXTS, TEXTS)
def test_equals_the_plain_evaluator(
    statements: list[dict[str, Any]], action: str, resource: str
) -> None:
    expected = plainly(statements, action, resource)
    assert Policy(statements).decide(action, resource) is expected


@given(STATEMENTS, TEXTS, TEXTS)
def test_the_order_of_statements_does_not_matter(
    statements: list[dict[str, Any]], action: str, resource: str
) -> None:
    backwards = Policy(statements[::-1]).decide(action, resource)
    assert Policy(statements).decide(action, resource) is backwards
