"""Write the code that grants a missing right. The user pastes this code into the project."""

import ast
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from decanter.project.config import Project
from decanter.project.declaration import HTTP_FUNCTION, Declaration, TableDeclaration
from decanter.project.queues import has_queues
from decanter.project.rights import (
    METHODS,
    READS,
    WRITES,
    has_generated_file,
    policy,
    policy_file_name,
    without_uses,
)
from decanter.project.roles import LocalNames, resolver
from decanter.project.stack import Stack, role_id
from decanter.project.template import Template

ROWS = {"reads": READS, "writes": WRITES}
"""The IAM actions that the arguments `reads` and `writes` of `@uses` grant on a table."""

MANAGE = "execute-api:ManageConnections"

SENDS = ("sends", "")

Right = tuple[str, str]
"""An argument of `@uses`: `SENDS`, or `reads` or `writes` with a model's name."""

Allows = Callable[[str, str], bool]
"""Takes an action and an ARN. Returns True if the function may call the action."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An instruction for the user to grant a right.

    Attributes:
        what: an instruction that contains the place for `line`, or only this place; "" if nothing
            needs to be granted.
        line: the code to paste; "" if nothing needs to be pasted.
    """

    what: str
    line: str = ""


@dataclass(frozen=True, slots=True)
class Grants:
    """Writes the grants of one version of an app.

    Attributes:
        tables: the declared tables by their ARNs on this machine.
        project: the project; None for an app without a project.
        sees_sqs: True if Decanter observes the calls to SQS.
        sees_dynamodb: True if Decanter observes the calls to DynamoDB.
    """

    declaration: Declaration
    tables: Mapping[str, TableDeclaration]
    stack: Stack
    project: Project | None
    template: Template | None
    sees_sqs: bool = False
    sees_dynamodb: bool = True

    @classmethod
    def of(
        cls,
        declaration: Declaration,
        environments: Iterable[Mapping[str, str]],
        stack: Stack,
        project: Project | None,
        template: Template | None,
        *,
        has_sqs: bool = True,
        sees_dynamodb: bool = True,
    ) -> Self:
        """Return the grants of an app whose functions have these environments.

        `has_sqs` is True if the queues of the app exist on this machine.
        """
        tables = {
            stack.arn("dynamodb", f"table/{name}"): table
            for environment in environments
            for table in declaration.tables
            if (name := environment.get(table.environment))
        }
        sees_sqs = has_sqs and has_queues(declaration, template)
        return cls(declaration, tables, stack, project, template, sees_sqs, sees_dynamodb)

    @property
    def has_uses(self) -> bool:
        """True if the app uses the framework, because only then can it have `@uses`."""
        return bool(self.declaration.tables or self.declaration.routers)

    def grant(
        self,
        function: str,
        action: str,
        resource: str,
        allows: Allows,
        route: str = "",
        *,
        sends: bool = False,
    ) -> Grant:
        """Return the grant of one right.

        The grant keeps the rights that the function's role has: `allows` returns True for them.
        `resource` is an ARN or `*`. `route` is the route key or the HTTP path of the event; "" for
        an unknown route.
        `sends` is True if the function has tried to send. Then a call that `sends=True` grants is
        regarded as a call by the router.
        """
        statement = self.statement(function, [action], resource)
        if not self.has_uses:
            return Grant(f"add this statement to {self.policy(function)}", as_python(statement))
        needed = self.rights_for(action, resource)
        is_senders = self.of_router(function, sends=True)(action, resource)
        if is_senders and sends:
            needed = {SENDS}
        kept = [each for it in self.declaration.uses.get(function, ()) for each in it.also]
        also = kept if needed else [*kept, statement]
        line = uses_line(needed | {*self._kept(function, allows)}, also)
        is_unsure = is_senders and needed and SENDS not in needed
        unsure = f" ({_or_sends(needed)})" if is_unsure else ""
        return Grant(f"write this{unsure} {self._place(function, route)}", line)

    def rights_for(self, action: str, resource: str) -> set[Right]:
        """Return the `@uses` arguments that grant a right; empty if only `also` can grant it.

        Only the router uses a table whose model the app cannot name.
        """
        table = self.tables.get(table_of(resource))
        if table and not has_name(table):
            channels = [it.channels for it in self.declaration.routers if it.channels]
            is_senders = any(action in it.of_senders["subscriptions"] for it in channels)
            return {SENDS} if is_senders else set()
        found = {(word, model_name(table)) for word, it in ROWS.items() if table and action in it}
        to_connections = action == MANAGE and resource in self._sends
        sends = to_connections or (action, resource) == self.to_queue
        return found | ({SENDS} if sends else set())

    @property
    def to_queue(self) -> tuple[str, str] | None:
        """The right to send to the routers' queue: an action and an ARN. None without a queue."""
        queue = self.declaration.queue
        if queue is None:
            return None
        return "sqs:SendMessage", self.stack.arn("sqs", queue.in_stack(self.stack.name).name)

    def statement(self, function: str, actions: list[str], resource: str) -> dict[str, Any]:
        """Return the IAM statement that grants actions on a resource, in any account."""
        named = self._portable(function, resource)
        return {"Effect": "Allow", "Action": actions, "Resource": [named]}

    def _portable(self, function: str, resource: str) -> Any:
        """Return a resource for any account. A declared table becomes a reference by logical id."""
        table = self.tables.get(table_of(resource))
        has_file = self.project is not None and has_generated_file(self.project, function)
        if table is None or table.existing or has_file:  # a policy file has no logical ids
            return portable(resource)
        _, is_index, index = resource.partition("/index/")
        if is_index:
            return {"Fn::Sub": f"${{{table.logical_id}.Arn}}/index/{index}"}
        return {"Fn::GetAtt": [table.logical_id, "Arn"]}

    @property
    def _sends(self) -> list[str]:
        return [self.stack.connections_arn(method) for method in METHODS]

    def resolved(self, statement: Mapping[str, Any]) -> Any:
        """Return a statement of `also` with the names on this machine; None if one is not known."""
        names = {it.logical_id: arn.partition("/")[2] for arn, it in self.tables.items()}
        return resolver(self.stack, names, self.template)(statement)

    def of_router(self, function: str, *, sends: bool = False) -> Allows:
        """Return a check of the rights that a function has without the `@uses` of the app's code.

        With `sends`, these rights include the rights of `sends=True`.
        """
        granted = []
        if self.has_uses and function in self.declaration.lambdas:
            tables = {it.environment: arn.partition("/")[2] for arn, it in self.tables.items()}
            bare = without_uses(self.declaration, function, sends=sends)
            names = LocalNames(self.stack, tables)
            granted = policy(None, bare, function, names)["Statement"]

        def place(resource: str) -> object:
            return self.tables.get(table_of(resource), resource)

        def allows(action: str, resource: str) -> bool:
            return any(
                action in it["Action"]
                and (it["Resource"] == "*" or place(resource) in map(place, it["Resource"]))
                for it in granted
            )

        return allows

    def _kept(self, function: str, allows: Allows) -> Iterator[Right]:
        """Yield the `@uses` arguments whose rights the role has.

        Omit `SENDS` if the router's declarations already give the function these rights to
        @connections.
        """
        for word, actions in ROWS.items():
            for arn, table in self.tables.items():
                if has_name(table) and all(allows(each, arn) for each in actions):
                    yield word, model_name(table)
        of_router = self.of_router(function)
        own = [each for each in self._sends if not of_router(MANAGE, each)]
        if own and all(allows(MANAGE, each) for each in self._sends):
            yield SENDS

    def _place(self, function: str, route: str) -> str:
        routes = {each.route_key for router in self.declaration.routers for each in router.routes}
        if function == "websocket_message" and route in routes:
            return f'below @router.route("{route}")'
        is_http = function == HTTP_FUNCTION
        if is_http and (named := matching(route, self.declaration.http_routes)):
            return f"below the decorator of the HTTP route {named}"
        if not is_http and not function.startswith("websocket_"):
            return f"below the decorator of {self.handler(function)}"
        hooks = [*dict.fromkeys(it.place for it in self.declaration.uses.get(function, ()))]
        if len(hooks) == 1:
            return f"below the decorator of {in_file(hooks[0])}"
        if is_http:
            return "below the decorator of the HTTP route that makes the call"
        return f"below the decorator of {self.handler(function)} or of its hook"

    def handler(self, function: str) -> str:
        """Return the place of a function's handler, in words."""
        found = self.declaration.lambdas.get(function)
        return in_file(found.handler if found else f"app.{function}")

    def policy(self, function: str) -> str:
        """Return the place of a function's policy, in words."""
        if self.template is not None and [*self.template.policies(role_id(function))]:
            return f"the role of {function} in the merge template"
        if self.project is None:
            return f"the policy of {function}"
        config = self.project.scope(function)
        if not config.manage_iam_role:
            return f"the role of {function}, {config.iam_role_arn}"
        if config.autogen_policy:
            return (
                f'a new policy file for {function}, with "autogen_policy": false and its name as '
                '"iam_policy_file" in .chalice/config.json'
            )
        return f".chalice/{policy_file_name(self.project, function)}"


def uses_line(rights: Iterable[Right], also: Iterable[Mapping[str, Any]]) -> str:
    """Return the code of `@uses` with these rights and these statements."""
    granted = sorted(rights)
    words = [
        f"{word}=[{', '.join(names)}]"
        for word in ROWS
        if (names := [name for of, name in granted if of == word])
    ]
    if SENDS in granted:
        words.append("sends=True")
    if statements := [*dict.fromkeys(map(as_python, also))]:
        words.append(f"also=[{', '.join(statements)}]")
    return f"@uses({', '.join(words)})"


def _or_sends(rights: Iterable[Right]) -> str:
    """Return the advice for a call that may come from the app's code or from a sending router."""
    (word, name), *_ = sorted(rights)
    return f"if the router makes this call, sends=True instead of {word}=[{name}]"


def as_python(statement: Mapping[str, Any]) -> str:
    """Return a statement as code that is valid in Python, as JSON if possible."""
    text = json.dumps(statement)
    try:
        ast.literal_eval(text)
    except ValueError:  # such as JSON's `true`
        return repr(statement)
    return text


def matching(path: str, routes: Iterable[str]) -> str:
    """Return the HTTP route of a path, or "". Literal parts are preferred to parameters."""
    parts = path.strip("/").split("/")

    def fits(route: str) -> bool:
        wanted = route.strip("/").split("/")
        pairs = zip(wanted, parts, strict=False)
        return len(wanted) == len(parts) and all(a == b or (b and a[:1] == "{") for a, b in pairs)

    return min(filter(fits, routes), key=lambda route: route.count("{"), default="")


def in_file(place: str) -> str:
    """Return a function's place in words: `app.work` → `work in app.py`."""
    module, _, name = place.rpartition(".")
    return f"{name} in {module.replace('.', '/')}.py"


def has_name(table: TableDeclaration) -> bool:
    """False for the framework's default model for channels, which app.py cannot name."""
    return not table.model.startswith("decanter.")


def model_name(table: TableDeclaration) -> str:
    """Return the name of a table's model."""
    return table.model.rpartition(".")[2]


def table_of(resource: str) -> str:
    """Return the table's ARN for an index's ARN. Return any other ARN unchanged."""
    return resource.partition("/index/")[0]


def portable(resource: str) -> str:
    """Return an ARN with `*` for the partition, region, account and API id, which differ on AWS."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return resource
    name = parts[5]
    if parts[2] == "execute-api":
        name = "*/" + name.partition("/")[2]
    return f"arn:*:{parts[2]}:*:*:{name}"
