"""Each function has exactly the rights that it needs: its policies compared with a run of the app.

DynamoDB is called through an endpoint that records the callers: each function signs with its own
access key. @connections belongs to the local gateway, whose log shows the calls.
"""

import json
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from decanter.local.dynamodb.embedded import EmbeddedDynamoDB
from decanter.project.config import Project
from decanter.project.stack import logical_id
from decanter.project.tables import create
from tests.aws.own import Swept
from tests.aws.recording import recorded
from tests.decanter.conftest import Database
from tests.support.clients import sweep
from tests.support.gateways import ROOT, SECONDS, Running, gateway, wait_until

FUNCTIONS = ("websocket_connect", "websocket_message", "websocket_disconnect", "sweep")
STAGES = ("dev", "prod")

Rights = Mapping[str, set[str]]


@pytest.fixture(name="project")
def _project(tmp_path: Path, swept: Swept) -> Path:
    """A copy of this repository's app with its sweep; each function has its own access key.

    An identity is valid only briefly, so that the sweep finds one to close.
    """
    project = Path(shutil.copytree(swept.project, tmp_path / "project"))
    model = project / "chalicelib" / "connections.py"
    model.write_text(model.read_text().replace("ConnectionModel", "IdentifiedModel"))
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    for name, function in config["stages"]["dev"]["lambda_functions"].items():
        function["environment_variables"] = {"AWS_ACCESS_KEY_ID": name}
    path.write_text(json.dumps(config))
    return project


def posts(running: Running) -> list[str]:
    """Return the methods of all calls to @connections so far, from the gateway's log."""
    lines = [line for line in running.lines if re.search(r" posts? ", line)]
    counts = [each for line in lines for each in re.findall(r"(\d+) x ([A-Z]+) \d{3}", line)]
    return [method for count, method in counts for _ in range(int(count))]


@pytest.fixture(name="used")
def _used(project: Path) -> Rights:
    """The calls of each function: clients connect, one disappears, a broadcast, all leave."""
    with (
        EmbeddedDynamoDB() as dynamodb,
        recorded(dynamodb.endpoint) as recording,
        gateway(project, "--no-reload", "--dynamodb-endpoint", recording.endpoint) as running,
    ):
        rows = Rows(project, Database(dynamodb.endpoint).client())
        with running.connect() as first, running.connect() as second:
            rows.wait_for(2)
            connecting = posts(running)
            rows.put("Gone0000DoECA=", minutes_ago=1)  # old enough to be deleted without a wait
            first.send('{"message":"sendmessage","data":1}')
            first.send("no JSON")
            assert second.recv(timeout=SECONDS) == "1"
            wait_until(lambda: len(posts(running)) == 4, "four posts in the log")
            sending = posts(running)[len(connecting) :]
        rows.wait_for(0)
        leaving = posts(running)[len(connecting) + len(sending) :]
        before = len(posts(running))
        rows.put("Gone0000DoECA=", minutes_ago=1)
        rows.put("Expired0DoECA=", minutes_ago=1, identity_expires_at=1)
        find_gone(running)
        wait_until(lambda: len(posts(running)) == before + 2, "two calls in the log")
        asking = posts(running)[before:]
    calls = (connecting, sending, leaving, asking)
    return {
        name: recording.actions[name] | {f"execute-api:ManageConnections {m}" for m in methods}
        for name, methods in zip(FUNCTIONS, calls, strict=True)
    }


def find_gone(running: Running) -> None:
    """Run the sweep with one connection that is gone, and one to close that is gone."""
    found = sweep(running)
    assert (found["gone"], found["problem"]) == (2, None)


class Rows:
    """The connection table, created as in the template."""

    def __init__(self, project: Path, client: Any) -> None:
        template = Project.load(project, "dev").template()
        assert template is not None
        (table,) = template.tables()
        create(client, table)
        self._name, self._client = table.name, client

    def wait_for(self, count: int) -> None:
        wait_until(lambda: self._count() == count, f"{count} rows in the table")

    def put(self, connection_id: str, minutes_ago: int, **numbers: int) -> None:
        numbers["connected_at"] = int(time.time() - 60 * minutes_ago) * 1000
        item = {name: {"N": str(number)} for name, number in numbers.items()}
        key = {"connectionID": {"S": connection_id}}
        self._client.put_item(TableName=self._name, Item=key | item)

    def _count(self) -> int:
        count: int = self._client.scan(TableName=self._name, Select="COUNT")["Count"]
        return count


def granted(document: Mapping[str, Any]) -> set[str]:
    """Return the actions that a policy allows, except logs; @connections with its methods."""
    rights = set()
    for statement in document["Statement"]:
        for action in statement["Action"]:
            if action == "execute-api:ManageConnections":
                methods = re.findall(r"/v1/([A-Z]+)/@connections/\*", str(statement["Resource"]))
                rights |= {f"{action} {method}" for method in methods}
                assert len(methods) == len(statement["Resource"])
            elif not action.startswith("logs:"):
                rights.add(action)
    return rights


def of_template(project: Path) -> Rights:
    resources = json.loads((project / ".chalice" / "resources.json").read_text())["Resources"]
    found = {}
    for name in FUNCTIONS:
        role = resources[f"{logical_id(name)}Role"]
        (policy,) = role["Properties"]["Policies"]
        found[name] = granted(policy["PolicyDocument"])
    return found


def of_files(project: Path, stage: str) -> Rights:
    folder = project / ".chalice"
    return {
        name: granted(json.loads((folder / f"policy-{stage}-{name}.json").read_text()))
        for name in FUNCTIONS
    }


def test_policies_grant_exactly_the_calls_made(project: Path, used: Rights) -> None:
    files = {stage: of_files(project, stage) for stage in STAGES}
    assert {"dev": used, "prod": used} == files
    assert used == of_template(project)


def test_without_a_sweep_the_policies_are_this_repositorys(project: Path) -> None:
    """So the test above covers the repository's policies too."""
    for path in (ROOT / ".chalice").glob("policy-*.json"):
        assert path.read_text() == (project / ".chalice" / path.name).read_text()
    roles = [
        json.loads((each / ".chalice" / "resources.json").read_text())["Resources"]
        for each in (ROOT, project)
    ]
    for name in FUNCTIONS[:3]:
        assert roles[0][f"{logical_id(name)}Role"] == roles[1][f"{logical_id(name)}Role"]
