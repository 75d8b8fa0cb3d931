"""The local gateway allows what the policies of the rendered template allow, for generated apps.

The tests have their own evaluator and their own resolver of CloudFormation's functions.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import decanter.runtime.rights
from decanter.aws import template
from decanter.local.rights import Rights
from decanter.project import app_process
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.grants import Grants
from decanter.project.roles import roles
from decanter.project.stack import Stack, role_id
from decanter.project.template import Template
from tests.support.marks import THOROUGH
from tests.support.projects import write_project

STACK = Stack("pour", "dev", api_stage="api")
PLACE = "arn:aws:dynamodb:us-east-1:123456789012:table"
MANAGE = "execute-api:ManageConnections"
API = "arn:aws:execute-api:us-east-1:123456789012:local"

HEAD = """\
import boto3
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, LocalSecondaryIndex
from pynamodb.models import Model

from decanter import ConnectionModel, Router, connection_table, scheduled_sweep, table, uses

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


class ByOwner(GlobalSecondaryIndex):
    class Meta:
        index_name = "by_owner"
        projection = AllProjection()

    owner = UnicodeAttribute(hash_key=True)


class ByRank(LocalSecondaryIndex):
    class Meta:
        index_name = "by_rank"
        projection = AllProjection()

    name = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)


router = Router("$request.body.action", connections=Connection)
ARN = {"Fn::GetAtt": ["ConnectionsTable", "Arn"]}
INDEXES = {"Fn::Sub": "${ConnectionsTable.Arn}/index/?"}
"""
MODEL = """
@table(env="{variable}"{existing})
class {name}(Model):
    name = UnicodeAttribute(hash_key=True)
    number = UnicodeAttribute(range_key=True)
    owner = UnicodeAttribute()
    rank = UnicodeAttribute()
    {index}
"""
HANDLERS = [
    f"@app.on_ws_{name}()\n{{uses}}def {name}(event):\n    return router.handle(event)\n"
    for name in ("connect", "message", "disconnect")
]
FUNCTIONS = [
    "@router.on_connect\n{uses}def coming(handshake): ...\n",
    "@router.on_disconnect\n{uses}def going(gone): ...\n",
    '@router.route("one")\n{uses}def one(request): ...\n',
    '@router.route("two")\n{uses}def two(request): ...\n',
    '@app.route("/a")\n{uses}def get_a(): ...\n',
    '@app.route("/b")\n{uses}def get_b(): boto3.client("dynamodb").list_tables()\n',
    '@app.schedule("rate(1 hour)")\n{uses}def hourly(event): ...\n',
    '@app.on_sqs_message(queue="jobs")\n{uses}def work(event): ...\n',
    "@app.lambda_function()\n{uses}def alone(event, context): ...\n",
    'sweep = scheduled_sweep(app, router, {{"DECANTER_SWEEP_MINUTES": "5"}})\n',
]
MODELS = {"Score": "SCORES_TABLE", "Room": "ROOMS_TABLE", "Old": "OLD_TABLE"}
INDEXES = ["by_owner = ByOwner()", "by_rank = ByRank()", ""]
ALSO = """\
{"Effect": "Allow", "Action": "dynamodb:DescribeTable", "Resource": ARN}
{"Effect": "Allow", "Action": ["DynamoDB:Q*"], "Resource": [INDEXES, "*/by_owner"]}
{"Effect": "Deny", "Action": "dynamodb:Scan", "Resource": "*"}
{"Effect": "Deny", "NotAction": ["dynamodb:*", "logs:*"], "Resource": "*/DELETE/*"}
{"Effect": "Allow", "Action": "execute-api:*", "NotResource": "arn:*:*/POST/*"}
""".splitlines()
POLICY = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": f"{PLACE}/other"},
}
ACTIONS = [
    f"dynamodb:{action}"
    for action in (
        *("BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem", "DescribeTable"),
        *("GetItem", "ListTables", "PartiQLSelect", "PutItem", "Query", "Scan", "UpdateItem"),
    )
]
TABLES = [
    *(f"pour-dev-{name}Table" for name in ("Connections", "Scores", "Rooms")),
    *("old", "other", "pour-dev-ScoresTableB"),
]
UNIVERSE = [
    *((action, f"{PLACE}/{name}{index}") for action in ACTIONS for name in TABLES
      for index in ("", "/index/by_owner", "/index/by_rank", "/index/b")),
    *((action, "*") for action in ACTIONS),
    *((MANAGE, f"{api}/{stage}/{method}/@connections/a=") for api in (API, f"{API}2")
      for stage in ("api", "v2") for method in ("POST", "DELETE", "GET")),
]  # fmt: skip


@st.composite
def apps(draw: st.DrawFn) -> str:
    """Return the source of an app."""
    models = draw(st.lists(st.sampled_from([*MODELS]), unique=True))
    names = st.lists(st.sampled_from(["Connection", *models]), unique=True, max_size=2)

    def line() -> str:
        if draw(st.booleans()):
            return ""
        reads, writes = (", ".join(draw(names)) for _ in range(2))
        also = draw(st.lists(st.sampled_from(ALSO), unique=True, max_size=2))
        sends = draw(st.booleans())
        return f"@uses(reads=[{reads}], writes=[{writes}], sends={sends}, also=[{', '.join(also)}])"

    parts = [HEAD]
    for name in models:
        existing = ', existing="old"' * (name == "Old")
        index = draw(st.sampled_from(INDEXES))
        variable = MODELS[name]
        parts.append(MODEL.format(variable=variable, existing=existing, name=name, index=index))
    for part in [*HANDLERS, *draw(st.lists(st.sampled_from(FUNCTIONS), unique=True))]:
        used = line()
        parts.append(part.format(uses=f"{used}\n" if used else ""))
    return "\n\n".join(parts)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resolved(value: Any) -> str:
    """Return an ARN of the rendered template with the names of this machine."""
    if isinstance(value, str):
        return value
    ((function, operand),) = value.items()
    if function == "Fn::GetAtt":
        return f"{PLACE}/pour-dev-{operand[0]}"
    assert function == "Fn::Sub"
    pseudo = {"Partition": "aws", "Region": "us-east-1", "AccountId": "123456789012"}
    text = re.sub(r"\$\{AWS::(\w+)\}", lambda found: pseudo[found[1]], operand)
    text = text.replace("${WebsocketAPI}", "local")
    return re.sub(r"\$\{(\w+)\.Arn\}", rf"{PLACE}/pour-dev-\1", text)


def concerns(statement: Mapping[str, Any], element: str, text: str) -> bool:
    name = element if element in statement else f"Not{element}"
    patterns = [resolved(each) for each in listed(statement[name])]
    if element == "Action":
        patterns, text = [each.lower() for each in patterns], text.lower()
    return any(fnmatchcase(text, each) for each in patterns) == (name == element)


def allows(statements: list[Mapping[str, Any]], action: str, resource: str) -> bool:
    effects = {
        each["Effect"]
        for each in statements
        if concerns(each, "Action", action) and concerns(each, "Resource", resource)
    }
    return effects == {"Allow"}


def rendered(document: Mapping[str, Any], function: str) -> list[Mapping[str, Any]]:
    """Return the statements of a function's role."""
    (policy,) = document["Resources"][role_id(function)]["Properties"]["Policies"]
    return listed(policy["PolicyDocument"]["Statement"])


def on_this_machine(project: Project, declared: Declaration, merge: Template | None) -> Rights:
    environments = {
        function: {it.environment: it.local_name("pour-dev", ()) for it in declared.tables}
        for function in declared.functions
    }
    found = roles(project, declared, merge, STACK, environments)
    assert all(each.known for each in found.values())
    rights = Rights("enforce", STACK, lambda *_, **__: None)
    rights.deploy(found, Grants.of(declared, environments.values(), STACK, project, merge))
    return rights


Compare = Callable[[str, bool], None]


@pytest.fixture(name="compare", scope="module")
def _compare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compare]:
    """Compare both for each function, action and resource."""
    folder = tmp_path_factory.mktemp("generated")
    projects = []
    for analysed in (True, False):
        stages = {"dev": {"autogen_policy": analysed}}
        config = {"version": "2.0", "app_name": "pour", "stages": stages}
        projects.append(Project.load(write_project(folder / f"{analysed}", config=config)))
        (projects[-1].config_path.parent / "policy-dev.json").write_text(json.dumps(POLICY))

    def compare(source: str, analysed: bool) -> None:
        project = projects[0 if analysed else 1]
        (project.directory / "app.py").write_text(source)
        decanter.runtime.rights.declared.clear()
        module = ModuleType("app")
        exec(source, vars(module))
        declared = Declaration.from_json(app_process.declaration(module, module.app))
        document = template.build(project, declared)
        expected = {
            function: [pair for pair in UNIVERSE if allows(rendered(document, function), *pair)]
            for function in declared.functions
        }
        for merge in (None, Template(document, STACK)):
            guard = on_this_machine(project, declared, merge).guard
            assert expected == {
                function: [pair for pair in UNIVERSE if guard.refusal(function, [pair]) is None]
                for function in declared.functions
            }

    declared = [*decanter.runtime.rights.declared]
    yield compare
    decanter.runtime.rights.declared[:] = declared


SHARED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a smaller app takes minutes to find
)


@settings(SHARED, max_examples=2)
@given(source=apps(), analysed=st.booleans())
def test_both_allow_the_same(compare: Compare, source: str, analysed: bool) -> None:
    compare(source, analysed)


@THOROUGH
@settings(SHARED, max_examples=50)
@given(source=apps(), analysed=st.booleans())
def test_both_allow_the_same_for_fifty_apps(compare: Compare, source: str, analysed: bool) -> None:
    compare(source, analysed)
