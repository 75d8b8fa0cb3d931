"""The rights of each Lambda function, for templates, for policy files and for this machine.

The router and the connection table declare their own calls. `@uses` declares the calls of the app's
code. Without `@uses`, the app's code may read and write every declared table. This code also has
the rights in the policy file of the function or, with `autogen_policy`, the rights that Chalice
finds by an analysis of app.py.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple, Protocol, Self

from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration, TableDeclaration
from decanter.project.declared_queue import QueueDeclaration
from decanter.project.document import read_json
from decanter.project.uses import Uses

Json = Any
Section = dict[str, Any]

STREAM_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")

READS = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan")
WRITES = (
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
)
SENDS = ("dynamodb:DeleteItem", "dynamodb:Scan")
"""The calls to the connection table by a function that sends. It deletes rows of gone clients."""

JOBS = ("dynamodb:GetItem", "dynamodb:PutItem")
"""The calls to the job table by the function of a queue."""

RECEIVES = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
"""The calls that Lambda makes to receive a queue's messages for the function."""

ON_INDEXES = {"dynamodb:Query", "dynamodb:Scan"}

METHODS = ("DELETE", "POST")
"""The HTTP methods of @connections that a function may use if it sends."""

# Lambda makes these calls with the function's role, if the configuration needs them. Their
# resources are not known in advance (AWS Lambda Developer Guide, "VPC" and "X-Ray").
_VPC_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
]
_XRAY_ACTIONS = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


class Names(Protocol):
    """Returns the names of resources, in the form that a policy needs."""

    log_actions: tuple[str, ...]

    def table(self, table: TableDeclaration) -> Json:
        """Return a table's ARN."""
        ...

    def indexes(self, table: TableDeclaration) -> Json:
        """Return the ARN of all indexes of a table."""
        ...

    def connections(self, method: str) -> Json:
        """Return the ARN of all connections of the API, for one HTTP method."""
        ...

    def queue(self, queue: QueueDeclaration) -> Json:
        """Return the ARN of a router's queue."""
        ...

    def dead_letters(self, queue: QueueDeclaration) -> Json:
        """Return the ARN of the dead-letter queue of a router's queue."""
        ...

    def log_group(self, function: str) -> Json:
        """Return the ARN of a function's log group with all its streams."""
        ...


def is_declared(declaration: Declaration, function: str) -> bool:
    """True if the app declares the function's rights.

    Otherwise, Chalice creates the policy or reads it from a file.
    """
    needs = [*(t.actions for t in declaration.tables), *(r.posts for r in declaration.routers)]
    return any(function in need for need in needs) or any(
        declaration.tables or not each.is_default for each in declaration.uses.get(function, ())
    )


def managed(project: Project, declaration: Declaration) -> list[str]:
    """Return the functions whose role Decanter writes."""
    return [
        function
        for function in declaration.functions
        if project.scope(function).manage_iam_role and is_declared(declaration, function)
    ]


def sends(declaration: Declaration, function: str) -> bool:
    """True if the function may call @connections."""
    calls = any(function in router.posts for router in declaration.routers)
    return calls or any(each.sends for each in declaration.uses.get(function, ()))


def posts(declaration: Declaration, function: str) -> bool:
    """True if the function may post to connections, not only look up or close them."""
    return "POST" in _methods(declaration, function)


def without_uses(declaration: Declaration, function: str, *, sends: bool) -> Declaration:
    """Return the declaration without the rights that the app's code adds to a function.

    With `sends`, it includes the rights of `sends=True`.
    """
    kept = [each for each in declaration.uses.get(function, ()) if each.is_router]
    senders = [Uses(function, sends=True)] if sends and declaration.websocket else []
    return replace(declaration, uses={function: (*kept, *senders)})


def has_disconnect_hooks(declaration: Declaration) -> bool:
    """True if the deletion of a connection's row has consequences for hooks or channels."""
    return any(it.where_rows_are_deleted or it.channels for it in declaration.routers)


def policy(
    project: Project | None, declaration: Declaration, function: str, names: Names
) -> Section:
    """Return the function's policy document.

    Raises:
        ProjectError: the function declares a right to a table or to connections that the app does
            not have, or the function's policy file cannot be read.
    """
    statements = [
        *_tables(declaration, function, names),
        *_connections(declaration, function, names),
        *_queue(declaration, function, names),
        *_further(project, declaration, function),
        _statement("Logs", names.log_actions, [names.log_group(function)]),
        *_configured(project, function),
    ]
    return {"Version": "2012-10-17", "Statement": [*_with_own_ids(statements)]}


def _tables(declaration: Declaration, function: str, names: Names) -> Iterator[Section]:
    allowed = _actions(declaration, function)
    for table in declaration.tables:
        if actions := allowed[table.environment]:
            resources = [names.table(table)]
            if table.has_indexes and actions & ON_INDEXES:
                resources.append(names.indexes(table))
            yield _statement(table.logical_id, sorted(actions), resources)


def _actions(declaration: Declaration, function: str) -> dict[str, set[str]]:
    """Return the actions of a function on each table, by the environment variable of the table."""
    found: dict[str, set[str]] = defaultdict(set)
    tables = {table.environment: table for table in declaration.tables}
    for variable, table in tables.items():
        found[variable].update(table.actions.get(function, ()))
        if table.is_connections and any(e.sends for e in declaration.uses.get(function, ())):
            found[variable].update(SENDS)
        if table.is_jobs and function in declaration.workers:
            found[variable].update(JOBS)
        sends = any(e.sends for e in declaration.uses.get(function, ()))
        for channels in (it.channels for it in declaration.routers if it.channels):
            kinds = {name: getattr(table, name) for name in ("is_connections", "is_subscriptions")}
            found[variable].update(channels.actions(function, sends=sends, **kinds))
    for each in declaration.uses.get(function, ()):
        everything = tuple(tables) if each.is_default else ()
        for variables, actions in ((each.reads, READS), (each.writes, WRITES)):
            for variable in (*variables, *everything):
                if variable not in tables:
                    raise ProjectError(
                        f"@uses of {each.place} names the table of {variable}, which app.py does "
                        "not reach: import its model's module in app.py or in chalicelib/"
                    )
                found[variable].update(actions)
    return found


def _connections(declaration: Declaration, function: str, names: Names) -> Iterator[Section]:
    for each in declaration.uses.get(function, ()):
        if each.sends and not declaration.websocket:
            raise ProjectError(
                f"{each.place} has @uses(sends=True), but the app has no WebSocket handler, so "
                "there are no connections"
            )
    if methods := _methods(declaration, function):
        arns = [names.connections(method) for method in sorted(methods)]
        yield _statement("Connections", ["execute-api:ManageConnections"], arns)


def _methods(declaration: Declaration, function: str) -> set[str]:
    methods = {m for router in declaration.routers for m in router.posts.get(function, ())}
    sends = any(each.sends for each in declaration.uses.get(function, ()))
    return methods.union(METHODS if sends else ())


def _queue(declaration: Declaration, function: str, names: Names) -> Iterator[Section]:
    queue = declaration.queue
    if queue is None:
        return
    own, dead = [names.queue(queue)], []
    if function in declaration.workers:
        yield _statement("Messages", RECEIVES, own)
        dead = [names.dead_letters(queue)]
    if posts(declaration, function):
        yield _statement("Queue", ["sqs:SendMessage"], own + dead)


def _further(project: Project | None, declaration: Declaration, function: str) -> Iterator[Section]:
    uses = declaration.uses.get(function, ())
    for each in uses:
        yield from map(dict, each.also)
    if function not in declaration.workers:
        yield from _of_event_source(declaration.lambdas[function].kind)
    if any(each.is_default for each in uses):
        yield from kept(project, declaration, function)


def kept(project: Project | None, declaration: Declaration, function: str) -> list[Section]:
    """Return the statements of a function's policy file, or the result of Chalice's analysis.

    Raises:
        ProjectError: the policy file cannot be read.
    """
    if project is None:
        return []
    config = project.scope(function)
    if config.autogen_policy:
        found = [*Analysis.of(project).statements]
        if declaration.websocket and not declaration.routers:
            from chalice.constants import POST_TO_WEBSOCKET_CONNECTION_POLICY

            found = [*found, POST_TO_WEBSOCKET_CONNECTION_POLICY]
        return found
    path = project.config_path.parent / policy_file_name(project, function)
    if has_generated_file(project, function) or not path.is_file():
        return []
    return statements_of(read_json(path))


def statements_of(document: Section) -> list[Section]:
    """Return the statements of a policy document as a list, even if it has a single statement."""
    statements = document.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def policy_file_name(project: Project, function: str) -> str:
    """Return the name of the policy file that Chalice reads if it does not analyse app.py."""
    name: str | None = project.scope(function).iam_policy_file
    return name or f"policy-{project.chalice_stage}.json"


def has_generated_file(project: Project, function: str) -> bool:
    """True if a function's policy file has the name that `decanter template` writes.

    A file with any other name belongs to the user.
    """
    own = f"policy-{project.chalice_stage}-{function}.json"
    return bool(project.scope(function).iam_policy_file == own)


def with_analysis(project: Project, declaration: Declaration) -> list[str]:
    """Return the functions whose policy contains the result of Chalice's policy analyzer."""
    kept = _with_kept(project, declaration)
    return [function for function in kept if project.scope(function).autogen_policy]


def _with_kept(project: Project, declaration: Declaration) -> list[str]:
    """Return the functions whose policy contains the result of `kept`."""
    own = {*managed(project, declaration)}
    return [
        function
        for function in declaration.functions
        if project.scope(function).manage_iam_role
        and (function not in own or any(e.is_default for e in declaration.uses.get(function, ())))
    ]


def missing_policies(
    project: Project, declaration: Declaration, *, for_chalice: bool = False
) -> Iterator[str]:
    """Yield a warning for each missing policy file that `decanter template` does not write.

    `for_chalice` includes the files that Chalice reads but the functions do not need.
    """
    own = managed(project, declaration)
    missing: dict[tuple[str, bool], list[str]] = {}
    for function in declaration.functions if for_chalice else _with_kept(project, declaration):
        config, name = project.scope(function), policy_file_name(project, function)
        is_written = function in own and has_generated_file(project, function)
        is_there = is_written or (project.config_path.parent / name).is_file()
        if config.manage_iam_role and not config.autogen_policy and not is_there:
            missing.setdefault((name, function in own), []).append(function)
    for (name, is_own), functions in missing.items():
        stage, first = project.chalice_stage, functions[0]
        yield (
            f"stage {stage} takes the policy of {', '.join(functions)} from .chalice/{name}, which "
            "does not exist, so Chalice fails: "
        ) + (
            f'set "iam_policy_file" of each function, such as "policy-{stage}-{first}.json", so '
            "that `decanter template` writes it"
            if is_own
            else 'write it as {"Version": "2012-10-17", "Statement": […]}, or remove '
            '"autogen_policy" in .chalice/config.json'
        )


class Analysis(NamedTuple):
    """The statements that Chalice's policy analyzer finds, or the reason why it fails."""

    statements: tuple[Section, ...]
    failure: str | None = None

    @classmethod
    def of(cls, project: Project) -> Self:
        """Analyse a project's app.py."""
        return cls.of_source((project.directory / "app.py").read_text(encoding="utf-8"))

    @classmethod
    @cache
    def of_source(cls, source: str) -> Self:
        """Analyse the source of an app.py, once for each text."""
        from chalice.policy import policy_from_source_code  # loads botocore's models

        try:
            found = policy_from_source_code(source)["Statement"]
        except Exception as error:  # noqa: BLE001 - the analyzer may raise any type
            return cls((), f"{type(error).__name__}: {' '.join(str(error).split())}")
        return cls(tuple({k: it for k, it in each.items() if k != "Sid"} for each in found))


def _of_event_source(kind: str) -> list[Section]:
    """Return the rights that Lambda needs to read an event source for the function."""
    from chalice import constants

    policies = {
        "dynamodb": constants.DDB_EVENT_SOURCE_POLICY,
        "kinesis": constants.KINESIS_EVENT_SOURCE_POLICY,
        "sqs": constants.SQS_EVENT_SOURCE_POLICY,
    }
    return [policies[kind]] if kind in policies else []


def _configured(project: Project | None, function: str) -> Iterator[Section]:
    if project is None:
        return
    config = project.scope(function)
    if config.subnet_ids and config.security_group_ids:
        yield _statement("Network", _VPC_ACTIONS, ["*"])
    if config.xray_enabled:
        yield _statement("Traces", _XRAY_ACTIONS, ["*"])


def _statement(sid: str, actions: Iterable[str], resources: list[Json]) -> Section:
    return {"Sid": sid, "Effect": "Allow", "Action": [*actions], "Resource": resources}


def _with_own_ids(statements: Iterable[Section]) -> Iterator[Section]:
    """Yield each statement once. Remove a repeated id, because IAM refuses it."""
    seen: list[Section] = []
    ids = set()
    for statement in statements:
        if statement in seen:
            continue
        seen.append(statement)
        is_taken = statement.get("Sid") in ids
        ids.add(statement.get("Sid"))
        yield {key: it for key, it in statement.items() if not (is_taken and key == "Sid")}
