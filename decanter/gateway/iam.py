"""The policies of a function's role, as IAM evaluates them.

An explicit Deny overrides every Allow. If no statement allows a call, the call is denied.
Permission boundaries, session policies and resource-based policies are not evaluated.
The process of the embedded DynamoDB loads this file by its path, so this file imports only the
standard library.
Source: AWS IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

import enum
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

SHOWN_CHARACTERS = 200

VARIABLE = re.compile(r"\$\{[^}]*\}")
_PARTS = re.compile(rf"{VARIABLE.pattern}|\*|\?")

Matches = Callable[[str], object]
Note = Callable[[str], object]


class Decision(enum.Enum):
    """The result of an evaluation."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    """No statement allows the call."""
    DENIED = "denied"
    """A statement denies the call."""


class Policy:
    """The statements of all policies of one role.

    Conditions and policy variables in resources cannot be evaluated on this machine. An Allow
    statement with a condition or a variable applies. A Deny statement with one does not apply.
    A statement that AWS would refuse allows nothing. If its effect is Deny, it denies everything.
    `note` gets a line about each statement that is not evaluated as on AWS.
    """

    def __init__(self, statements: Iterable[Any], note: Note = lambda _: None) -> None:
        self._allows: list[tuple[Matches, Matches]] = []
        self._denies: list[tuple[Matches, Matches]] = []
        for statement in statements:
            self._add(statement, note)

    def decide(self, action: str, resource: str) -> Decision:
        """Return the decision for an action, such as `dynamodb:GetItem`, on an ARN or `*`."""
        if any(acts(action) and concerns(resource) for acts, concerns in self._denies):
            return Decision.DENIED
        if any(acts(action) and concerns(resource) for acts, concerns in self._allows):
            return Decision.ALLOWED
        return Decision.NOT_ALLOWED

    def _add(self, statement: Any, note: Note) -> None:
        shown = json.dumps(statement, default=str)[:SHOWN_CHARACTERS]
        effect = statement.get("Effect") if isinstance(statement, Mapping) else None
        try:
            entry = _entry(statement)
        except ValueError as error:
            note(f"AWS refuses the statement {shown}: {error}")
            if str(effect).lower() == "deny":
                self._denies.append((bool, bool))
            return
        if (missing := _without_value(statement)) is not None:
            counts = "is not applied" if effect == "Deny" else "allows calls without it"
            what = f"the {missing} of the statement {shown} is not evaluated here"
            note(f"{what}: the statement {counts}")
            if effect == "Deny":
                return
        (self._denies if effect == "Deny" else self._allows).append(entry)


def _entry(statement: Any) -> tuple[Matches, Matches]:
    """Return the matchers of a statement's actions and resources.

    Raises:
        ValueError: the value is not a statement of an identity-based policy.
    """
    if not isinstance(statement, Mapping):
        raise ValueError("it is not an object")  # noqa: TRY004 - each fault is a ValueError
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise ValueError("Effect must be Allow or Deny")
    if "Principal" in statement or "NotPrincipal" in statement:
        raise ValueError("a role's policy has no Principal")
    return _matcher(statement, "Action", re.IGNORECASE), _matcher(statement, "Resource", 0)


def _matcher(statement: Mapping[str, Any], element: str, flags: int) -> Matches:
    names = [name for name in (element, f"Not{element}") if name in statement]
    if len(names) != 1:
        raise ValueError(f"it needs {element} or Not{element}")
    given = statement[names[0]]
    patterns = [given] if isinstance(given, str) else given
    if not isinstance(patterns, list) or not patterns:
        raise ValueError(f"{names[0]} must be a string or a list of strings")
    if not all(isinstance(each, str) and each for each in patterns):
        raise ValueError(f"{names[0]} must be a string or a list of strings")
    matches = re.compile("|".join(map(_expression, patterns)), flags | re.DOTALL).fullmatch
    return matches if names[0] == element else lambda text: matches(text) is None


def _expression(pattern: str) -> str:
    """Return the regular expression for an IAM pattern. A variable matches any text."""
    literals = map(re.escape, _PARTS.split(pattern))
    wildcards = ["." if each == "?" else ".*" for each in _PARTS.findall(pattern)]
    return next(literals) + "".join(map("".join, zip(wildcards, literals, strict=True)))


def _without_value(statement: Mapping[str, Any]) -> str | None:
    """Return the part of a statement that cannot be evaluated locally; None without such a part."""
    if statement.get("Condition"):
        return "Condition"
    resources = json.dumps([statement.get("Resource"), statement.get("NotResource")])
    return "policy variable" if VARIABLE.search(resources) else None
