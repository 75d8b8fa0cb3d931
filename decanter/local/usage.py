"""Compare the rights of functions with their calls, and suggest arguments for `@uses`."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from decanter.gateway.iam import Decision, Policy
from decanter.project.grants import (
    MANAGE,
    SENDS,
    Grant,
    Grants,
    Right,
    as_python,
    in_file,
    model_name,
    table_of,
    uses_line,
)
from decanter.project.rights import SENDS as SENDERS_CALLS
from decanter.project.rights import kept
from decanter.project.roles import Role
from decanter.project.uses import Uses

Pair = tuple[str, str]
"""An IAM action and an ARN."""

Statement = Mapping[str, Any]

_SEEN = ("*", "dynamodb:", "execute-api:")
"""The prefixes of the IAM actions whose calls Decanter always observes on this machine.

Decanter observes calls to SQS only if the app has queues.
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """The calls and the rights of an app's functions.

    Attributes:
        grants: writes `@uses`.
        roles: the role of each function.
        calls: the rights that each function's calls needed.
    """

    grants: Grants
    roles: Mapping[str, Role]
    calls: Mapping[str, Collection[Pair]]

    def used(self, function: str) -> set[Right]:
        """Return the `@uses` arguments that a function's calls need, without the router's calls."""
        return {right for pair in self._own(function) for right in self.grants.rights_for(*pair)}

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
        """Return the line of code that grants exactly a function's calls, and its place.

        Statements for services outside `_SEEN` stay, because Decanter does not see all their calls.
        The grant is empty for a handler that has only the rights of its router, because such a
        handler needs no `@uses`.
        """
        further = self._further(function)
        if not self.grants.has_uses:
            return Grant(self.grants.policy(function), "\n".join(map(as_python, further)))
        used = self.used(function)
        if not (self._declared(function) or used or further):
            return Grant("")
        places = dict.fromkeys(in_file(each.place) for each in self._declared(function))
        place = ", ".join(places) or self.grants.handler(function)
        return Grant(place, uses_line(used, further))

    def _declared(self, function: str) -> tuple[Uses, ...]:
        return self.grants.declaration.uses.get(function, ())

    def granted_by(self, uses: Uses) -> set[Right]:
        """Return the arguments of a `@uses`, or the default arguments for code without `@uses`."""
        names = {it.environment: model_name(it) for it in self.grants.declaration.tables}
        everything = tuple(names) if uses.is_default else ()
        found = {("reads", names[each]) for each in (*uses.reads, *everything)}
        found |= {("writes", names[each]) for each in (*uses.writes, *everything)}
        return found | ({SENDS} if uses.sends else set())

    def used_by(self, uses: Uses) -> set[Right]:
        """Return the rights that any function with this `@uses` has used."""
        functions = self.grants.declaration.functions
        return {it for each in functions if uses in self._declared(each) for it in self.used(each)}

    def _own(self, function: str) -> list[Pair]:
        """Return a function's calls, without the calls that are always allowed."""
        free = {*self._needs(function)}
        calls = [it for it in self.calls.get(function, ()) if (it[0], table_of(it[1])) not in free]
        if any(SENDS in self.grants.rights_for(*each) for each in calls):
            tables = [arn for arn, it in self.grants.tables.items() if it.is_connections]
            free = {(action, arn) for arn in tables for action in SENDERS_CALLS}
        return [each for each in calls if each not in free]

    def _needs(self, function: str) -> Iterator[Pair]:
        """Yield the rights that the router and the connection table need."""
        for arn, table in self.grants.tables.items():
            for action in table.actions.get(function, ()):
                yield action, arn
        for router in self.grants.declaration.routers:
            for method in router.posts.get(function, ()):
                yield MANAGE, self.grants.stack.connections_arn(method)
                if method == "POST" and self.grants.to_queue:
                    yield self.grants.to_queue

    def _further(self, function: str) -> list[Statement]:
        """Return the IAM statements for the calls that no other argument of `@uses` grants."""
        calls = [it for it in self._own(function) if not self.grants.rights_for(*it)]
        found = [it for it in self._written(function) if not _is_seen(it)]
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
        calls = self.calls.get(function, ())
        return [it for it in written if _is_seen(it) and not self._allowed(it, calls)]

    def _written(self, function: str) -> list[Statement]:
        """Return the IAM statements that the user wrote for a function."""
        if self.grants.has_uses:
            return [it for each in self._declared(function) for it in each.also]
        return [*self.roles[function].statements] if function in self.roles else []

    def _allowed(self, statement: Statement, calls: Collection[Pair]) -> bool:
        """True if a statement allows one of the calls."""
        policy = Policy([self.grants.resolved(statement)])
        return any(policy.decide(*each) is Decision.ALLOWED for each in calls)


def _is_seen(statement: Statement) -> bool:
    """True if a statement allows calls that Decanter always observes on this machine."""
    actions = statement.get("Action", [])
    listed = [actions] if isinstance(actions, str) else actions
    return statement.get("Effect") == "Allow" and any(
        str(each).lower().startswith(_SEEN) for each in listed
    )
