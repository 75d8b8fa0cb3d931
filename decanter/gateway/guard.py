"""The guard refuses calls that a function's role does not allow, and reports each kind of call.

The gateway has a guard for @connections. The process of the embedded DynamoDB has a guard for
DynamoDB and SQS, and loads this file by its path, so this file imports only the standard library.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ENFORCE = "enforce"
WARN = "warn"
OFF = "off"
MODES = (ENFORCE, WARN, OFF)

ALLOWED = "allowed"
UNKNOWN = "unknown"
"""The role's statements are unknown, so the call is allowed."""

EXPLICIT = "denied"

EARLY = "early"
"""The `trace` in the report of a call that was made before the first roles arrived.

Such a call is allowed.
"""

MOST_DECISIONS = 20_000
MOST_EARLY_CALLS = 1_000

CONNECTIONS = "/@connections/"

Report = dict[str, str]
"""Has `function`, `action`, `resource`, `outcome` and `trace` of a call, or `function` and `note`.

`trace` is the trace id of the event that the function handles.
"""


@dataclass(frozen=True, slots=True)
class Denial:
    """A right that a function lacks.

    Attributes:
        principal: the ARN of the function's session, or the name of a function without a role.
        explicit: True if a statement of the role denies the action.
    """

    principal: str
    action: str
    resource: str
    explicit: bool

    @property
    def text(self) -> str:
        """The message of AWS's AccessDeniedException."""
        why = f"because no identity-based policy allows the {self.action} action"
        if self.explicit:
            why = "with an explicit deny in an identity-based policy"
        who, what = f"User: {self.principal}", f"{self.action} on resource: {self.resource}"
        return f"{who} is not authorized to perform: {what} {why}"


_UNDECIDED = Denial("", "", "", explicit=False)


@dataclass(frozen=True, slots=True)
class _Roles:
    """The current roles, and the decisions and reports since they arrived."""

    mode: str
    principals: Mapping[str, str]
    policies: Mapping[str, Any]
    known: dict[tuple[str, str, str], Denial | None] = field(default_factory=dict)
    reported: set[tuple[str, str, str]] = field(default_factory=set)


class Guard:
    """Allows or refuses calls according to the current roles.

    Before the first roles arrive, every call is allowed.

    Args:
        make_policy: creates an `iam.Policy` from statements and a function that takes notes.
        report: called once for each combination of function, action and resource after `general`,
            and again after new roles arrive; also called with each note about a statement.
    """

    def __init__(self, make_policy: Callable[..., Any], report: Callable[[Report], object]) -> None:
        self.place = ""
        self._make_policy = make_policy
        self._report = report
        self._roles: _Roles | None = None
        self._early: set[tuple[str, str, str]] = set()
        self._reporting = threading.Lock()

    @property
    def is_on(self) -> bool:
        """True if the guard checks calls, or if no roles have arrived yet."""
        return self._roles is None or self._roles.mode != OFF

    def obey(self, rights: Mapping[str, Any]) -> None:
        """Replace all roles. Report the calls that were made before the first roles arrived.

        `rights` has `mode`, `place` (the start of the tables' ARNs) and `roles` by function. Each
        role has `principal`, `statements` and `known`.
        """
        roles = rights["roles"]
        self.place = rights["place"]
        self._roles = _Roles(
            rights["mode"],
            {name: role["principal"] for name, role in roles.items()},
            {
                name: self._policy(name, role["statements"])
                for name, role in roles.items()
                if role["known"]
            },
        )
        early, self._early = self._early, set()
        for function, action, resource in sorted(early):
            placed = f"{self.place}{resource}" if resource.startswith("table/") else resource
            self.refusal(function, [(action, placed)], EARLY)

    def refusal(
        self, function: str, pairs: Iterable[tuple[str, str]], trace: str = ""
    ) -> Denial | None:
        """Return a call's first right that the function lacks; None if the call is allowed."""
        roles = self._roles
        if roles is None:
            if len(self._early) < MOST_EARLY_CALLS:
                self._early.update((function, *pair) for pair in pairs)
            return None
        if roles.mode == OFF:
            return None
        first = None
        for action, resource in pairs:
            call = (function, action, resource)
            denial = roles.known.get(call, _UNDECIDED)
            if denial is _UNDECIDED:
                denial = self._judge(roles, call, trace)
            first = first or denial
        return first if roles.mode == ENFORCE else None

    def _judge(self, roles: _Roles, call: tuple[str, str, str], trace: str) -> Denial | None:
        if len(roles.known) >= MOST_DECISIONS:
            roles.known.clear()
        denial, outcome = self._decide(roles, *call)
        roles.known[call] = denial
        self._tell(roles, call, outcome, trace)
        return denial

    def _decide(
        self, roles: _Roles, function: str, action: str, resource: str
    ) -> tuple[Denial | None, str]:
        principal = roles.principals.get(function)
        policy = roles.policies.get(function)
        if principal is not None and policy is None:
            return None, UNKNOWN
        outcome = policy.decide(action, resource).value if policy else "not allowed"
        if outcome == ALLOWED:
            return None, outcome
        return Denial(principal or function, action, resource, outcome == EXPLICIT), outcome

    def _tell(self, roles: _Roles, call: tuple[str, str, str], outcome: str, trace: str) -> None:
        function, action, resource = call
        shown = general(resource)
        if (function, action, shown) in roles.reported:
            return
        with self._reporting:
            if (function, action, shown) in roles.reported or len(roles.reported) >= MOST_DECISIONS:
                return
            roles.reported.add((function, action, shown))
        facts = {"function": function, "action": action, "resource": shown}
        self._report(facts | {"outcome": outcome, "trace": trace})

    def _policy(self, function: str, statements: Iterable[Any]) -> Any:
        def note(line: str) -> None:
            self._report({"function": function, "note": line})

        return self._make_policy(statements, note)


def general(resource: str) -> str:
    """Return an ARN with `*` instead of a connection's id. Other ARNs are unchanged."""
    head, connections, _ = resource.partition(CONNECTIONS)
    return f"{head}{connections}*" if connections else resource
