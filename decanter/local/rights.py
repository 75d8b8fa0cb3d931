"""Enforce the roles of the running functions, report denials, and record used rights."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from decanter.gateway.guard import ALLOWED, EARLY, ENFORCE, EXPLICIT, OFF, UNKNOWN, Guard, Report
from decanter.gateway.iam import Decision, Policy
from decanter.gateway.selection import compile_expression, parse
from decanter.local.usage import Pair, Usage
from decanter.project.declaration import RouterDeclaration
from decanter.project.grants import Grant, Grants
from decanter.project.roles import Role
from decanter.project.stack import Stack

MOST_PAIRS = 1_000
"""The highest number of used rights, and of denied rights, that are recorded for a function."""

Note = Callable[..., object]
"""Takes a line, `error`, and `detail`, which is a text to show below the line."""


@dataclass(slots=True)
class Used:
    """The rights that a function has used since the start, and the rights that it lacked."""

    used: dict[Pair, None] = field(default_factory=dict)
    denied: dict[Pair, None] = field(default_factory=dict)


class Rights:
    """The roles of the running functions, and the use of their rights.

    `mode` is `enforce`, `warn` or `off`. `note` gets lines for the user. `event_of` returns the
    event with a trace id; None if the event is not known.

    Attributes:
        ran: the functions that have run since the start. The caller adds to this set.
        guard: decides the calls to @connections.
        relay: sends the roles to the process of the embedded DynamoDB; None if there is no process.
    """

    def __init__(
        self,
        mode: str,
        stack: Stack,
        note: Note,
        event_of: Callable[[str], Any] = lambda _: None,
        ran: set[str] | None = None,
    ) -> None:
        self.mode = mode
        self.ran = set() if ran is None else ran
        self.relay: Callable[[dict[str, Any]], object] | None = None
        self.guard = Guard(Policy, self.take)
        self._stack = stack
        self._note = note
        self._event_of = event_of
        self._roles: Mapping[str, Role] = {}
        self._policies: dict[str, Policy] = {}
        self._grants: Grants | None = None
        self._uses: dict[str, Used] = {}
        self._unknown: set[str] = set()

    @property
    def api(self) -> str:
        """The ARN of the API's stage."""
        return self._stack.api_arn

    def deploy(self, roles: Mapping[str, Role], grants: Grants) -> None:
        """Replace the roles in the gateway and in the process of the embedded DynamoDB."""
        self._roles = roles
        self._grants = grants
        self._policies = {name: Policy(role.statements) for name, role in roles.items()}
        self._unknown.clear()
        rights = {
            "mode": self.mode,
            "place": self._stack.arn("dynamodb", ""),
            "roles": {name: self._of_role(name, role) for name, role in roles.items()},
        }
        self.guard.obey(rights)
        if self.relay is not None:
            self.relay({"rights": rights})

    def take(self, report: Report) -> None:
        """Record a guard's report, and print a line for a right that the function lacks."""
        function = report["function"]
        if "note" in report:
            self._note(f"the role of {function}: {report['note']}", error=True)
            return
        pair = report["action"], report["resource"]
        outcome = report["outcome"]
        calls = self._uses.setdefault(function, Used())
        recorded = calls.used if outcome in (ALLOWED, UNKNOWN) else calls.denied
        if len(recorded) < MOST_PAIRS:
            recorded[pair] = None
        if outcome == UNKNOWN:
            self._note_unknown(function)
        elif outcome != ALLOWED:
            self._note_denial(function, *pair, outcome, report["trace"])

    def to_json(self) -> dict[str, Any]:
        """Return the granted, used and denied rights of each function since the start."""
        usage = self.usage()
        names = sorted({*self._roles, *self._uses})
        functions = {name: self._function(name, usage) for name in names}
        records = usage.grants.sees_dynamodb
        return {"iam": self.mode, "functions": functions, "records_dynamodb": records}

    def usage(self) -> Usage:
        """Return the calls of each function, to suggest the function's rights."""
        assert self._grants is not None
        calls = {function: {*each.used} for function, each in self._uses.items()}
        denied = {function: {*each.denied} for function, each in self._uses.items()}
        if self.mode != ENFORCE:
            calls = {function: it | denied[function] for function, it in calls.items()}
        return Usage(self._grants, self._roles, calls, denied)

    def _function(self, name: str, usage: Usage) -> dict[str, Any]:
        role = self._roles.get(name)
        calls = self._uses.get(name, Used())
        is_known = name in self.ran and self.mode != OFF
        grant = usage.grant(name) if is_known else Grant("")
        return {
            "ran": name in self.ran,
            "known": role is not None and role.known,
            "granted": [*role.statements] if role else [],
            "used": _to_json(calls.used),
            "denied": _to_json(calls.denied),
            "unused": usage.unused(name) if is_known else [],
            "uses": grant.line,
            "place": grant.what,
        }

    def _of_role(self, name: str, role: Role) -> dict[str, Any]:
        session = f"assumed-role/{role.name}/{self._stack.name}-{name}"
        partition, account = self._stack.partition, self._stack.account_id
        return {
            "principal": f"arn:{partition}:sts::{account}:{session}",
            "statements": [*role.statements],
            "known": role.known,
        }

    def _note_unknown(self, function: str) -> None:
        if function not in self._unknown:
            self._unknown.add(function)
            why = "Chalice derives its policy from the code, or only AWS knows one of its policies"
            self._note(f"the rights of {function} are not checked: {why}")

    def _note_denial(
        self, function: str, action: str, resource: str, outcome: str, trace: str
    ) -> None:
        is_refused = self.mode == ENFORCE and trace != EARLY
        refused = "refused, as on AWS" if is_refused else "AWS refuses this"
        line = f"{function} has no right to {action} on {resource}: {refused}"
        if outcome == EXPLICIT:
            self._note(f"{line}: a Deny statement of its role denies it", error=True)
            return
        assert self._grants is not None
        policy = self._policies[function] if function in self._policies else Policy([])

        def allows(action: str, resource: str) -> bool:
            return policy.decide(action, resource) is Decision.ALLOWED

        route = route_of(self._event_of(trace), self._grants.declaration.routers)
        sends = self.usage().sends(function)
        grant = self._grants.grant(function, action, resource, allows, route, sends=sends)
        self._note(f"{line}; to allow it, {grant.what}:", error=True, detail=grant.line)


def route_of(event: Any, routers: Iterable[RouterDeclaration]) -> str:
    """Return the route key of an event, or the path of an HTTP request.

    Return "" if the route is not known. If API Gateway has selected `$default`, return the route
    that a router selects, if any.
    """
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        return ""
    context = event["requestContext"]
    key = str(context.get("routeKey") or context.get("resourcePath") or "")
    for router in routers if key == "$default" else ():
        with suppress(ValueError, TypeError):
            selected = compile_expression(router.expression)(parse(event["body"]))
            if any(selected == each.route_key for each in router.routes):
                return selected
    return key


def _to_json(pairs: Mapping[Pair, None]) -> list[dict[str, str]]:
    return [{"action": action, "resource": resource} for action, resource in sorted(pairs)]
