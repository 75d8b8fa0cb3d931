"""Compare the rights of functions with their calls, and suggest arguments for `@uses`."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from decanter.gateway.iam import Decision, Policy
from decanter.project.grants import (
    SENDS,
    Grant,
    Grants,
    Right,
    as_python,
    has_name,
    in_file,
    model_name,
    uses_line,
)
from decanter.project.rights import RECEIVES, kept
from decanter.project.roles import Role
from decanter.project.uses import Uses

Pair = tuple[str, str]
"""An IAM action and an ARN."""

Statement = Mapping[str, Any]

_SEEN = ("execute-api:",)
"""The prefixes of the IAM actions whose calls Decanter always observes on this machine."""

_DYNAMODB = ("*", "dynamodb:")
"""The prefixes of the IAM actions whose calls Decanter observes in the embedded DynamoDB."""


@dataclass(frozen=True)
class Usage:
    """The calls and the rights of an app's functions.

    Attributes:
        calls: the rights that each function's allowed calls needed.
        refused: the rights that each function lacked.
    """

    grants: Grants
    roles: Mapping[str, Role]
    calls: Mapping[str, Collection[Pair]]
    refused: Mapping[str, Collection[Pair]] = field(default_factory=dict)

    def used(self, function: str) -> set[Right]:
        """Return the `@uses` arguments that a function's calls need. Ignore the router's calls.

        If Decanter does not observe DynamoDB, include all declared rights, because unobserved calls
        may need them. For example, a broadcast without receivers only reads the connection table.
        """
        found = {right for pair in self._own(function) for right in self.grants.rights_for(*pair)}
        if not self.grants.sees_dynamodb:
            found |= {it for each in self._declared(function) for it in self.granted_by(each)}
        return found | ({SENDS} if self._has_sent(function, self._calls(function)) else set())

    def sends(self, function: str) -> bool:
        """True if one of a function's calls needs `sends=True`. Refused calls count too."""
        return self._has_sent(function, [*self._calls(function), *self.refused.get(function, ())])

    def unused(self, function: str) -> list[str]:
        """Return a function's unused rights as arguments of `@uses` or as IAM statements.

        Several functions may run the same hook. A hook's right counts as used if one of these
        functions has used the right.
        """
        found = {
            right
            for each in self._declared(function)
            for right in self.granted_by(each) - self.used_by(each)
        }
        arguments = [uses_line([each], ())[len("@uses(") : -1] for each in sorted(found)]
        return [*arguments, *(as_python(each) for each in self._idle(function))]

    def grant(self, function: str) -> Grant:
        """Return the line of code that grants exactly a function's calls, and the line's place.

        Statements for services whose calls Decanter does not always observe stay unchanged.
        The grant is empty if the function's own code needs no rights and has none.
        """
        further = self._further(function)
        if not self.grants.has_uses:
            return Grant(self.grants.policy(function), "\n".join(map(as_python, further)))
        used = self.used(function)
        declared = self._declared(function)
        has_more = any(it.is_default or it.also or self.granted_by(it) for it in declared)
        if not (has_more or used or further):
            return Grant("")
        places = dict.fromkeys(in_file(each.place) for each in declared)
        place = ", ".join(places) or self.grants.handler(function)
        return Grant(place, uses_line(used, further))

    def _declared(self, function: str) -> tuple[Uses, ...]:
        """Return the `@uses` declarations of a function's own code, without the router's."""
        found = self.grants.declaration.uses.get(function, ())
        return tuple(each for each in found if not each.is_router)

    def granted_by(self, uses: Uses) -> set[Right]:
        """Return the arguments of a `@uses`, or the default arguments for code without `@uses`."""
        tables = self.grants.declaration.tables
        names = {it.environment: model_name(it) for it in tables}
        everything = [it.environment for it in tables if has_name(it) and uses.is_default]
        found = {("reads", names[each]) for each in (*uses.reads, *everything)}
        found |= {("writes", names[each]) for each in (*uses.writes, *everything)}
        return found | ({SENDS} if uses.sends else set())

    def used_by(self, uses: Uses) -> set[Right]:
        """Return the rights that any function with this `@uses` has used."""
        functions = self.grants.declaration.functions
        used = self._used_by_function
        return {it for each in functions if uses in self._declared(each) for it in used[each]}

    @cached_property
    def _used_by_function(self) -> Mapping[str, set[Right]]:
        return {each: self.used(each) for each in self.grants.declaration.functions}

    def _calls(self, function: str) -> Collection[Pair]:
        """Return a function's calls. Without the framework, include Lambda's calls to its queue."""
        found = self.calls.get(function, ())
        it = self.grants.declaration.lambdas.get(function)
        if it is None or it.kind != "sqs" or self.grants.has_uses:
            return found
        queue = it.source if ":" in it.source else self.grants.stack.arn("sqs", it.source)
        return [*found, *((action, queue) for action in RECEIVES)]

    def _own(self, function: str) -> list[Pair]:
        """Return a function's calls, without the calls that the router makes or may make."""
        of_router = self.grants.of_router(function, sends=self.sends(function))
        return [each for each in self._calls(function) if not of_router(*each)]

    def _has_sent(self, function: str, calls: Iterable[Pair]) -> bool:
        """True if one of the calls needs `sends=True`.

        A broadcast without receivers only scans the connection table, as the app's own code may do.
        In a function with `sends=True` and no right to read this table, the router has scanned it.
        """
        of_router = self.grants.of_router(function)
        of_sender = self.grants.of_router(function, sends=True)
        explicit = [it for it in self._declared(function) if not it.is_default]
        declared = {right for each in explicit for right in self.granted_by(each)}
        for each in calls:
            if not of_sender(*each) or of_router(*each):
                continue
            needed = self.grants.rights_for(*each)
            if SENDS in needed or (SENDS in declared and not needed & declared):
                return True
        return False

    def _further(self, function: str) -> list[Statement]:
        """Return the IAM statements for `also` of `@uses`.

        They are the app's own statements for calls that Decanter does not observe, and statements
        for the observed calls that no other argument grants.
        """
        calls = [it for it in self._own(function) if not self.grants.rights_for(*it)]
        found = [it for it in self._written(function) if not self._is_seen(it)]
        if self.grants.has_uses:
            used = [it for it in self._written(function) if self._allowed(it, calls)]
            found += [it for it in used if it not in found]
            calls = [call for call in calls if not any(self._allowed(it, [call]) for it in used)]
        by_resource = defaultdict(list)
        for action, resource in sorted(calls):
            by_resource[resource].append(action)
        new = [self.grants.statement(function, it, where) for where, it in by_resource.items()]
        return [*found, *new]

    def _idle(self, function: str) -> list[Statement]:
        """Return the IAM statements that no call needed."""
        written = self._written(function)
        if self.grants.has_uses and any(each.is_default for each in self._declared(function)):
            written += kept(self.grants.project, self.grants.declaration, function)
        calls = self._calls(function)
        return [it for it in written if self._is_seen(it) and not self._allowed(it, calls)]

    def _written(self, function: str) -> list[Statement]:
        """Return the IAM statements that the user wrote for a function."""
        if self.grants.has_uses:
            return [it for each in self._declared(function) for it in each.also]
        return [*self.roles[function].statements] if function in self.roles else []

    def _allowed(self, statement: Statement, calls: Collection[Pair]) -> bool:
        """True if a statement allows one of the calls."""
        policy = Policy([self.grants.resolved(statement)])
        return any(policy.decide(*each) is Decision.ALLOWED for each in calls)

    def _is_seen(self, statement: Statement) -> bool:
        """True for an Allow statement if Decanter observes all its actions on this machine."""
        actions = statement.get("Action", [])
        listed = [actions] if isinstance(actions, str) else actions
        sqs = ("sqs:",) if self.grants.sees_sqs else ()
        seen = (*_SEEN, *sqs, *(_DYNAMODB if self.grants.sees_dynamodb else ()))
        are_seen = [str(each).lower().startswith(seen) for each in listed]
        return statement.get("Effect") == "Allow" and bool(listed) and all(are_seen)
