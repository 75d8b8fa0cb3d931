"""`decanter table`, as it is typed, against the embedded DynamoDB."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from decanter.cli import main
from tests.decanter.conftest import Database
from tests.decanter.projects import CONFIG, clean_environment, decanter, write_project

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-west-1"}
NAME = "pour-dev-connections"

Done = subprocess.CompletedProcess[str]


class Command:
    """`decanter table` on one project and one DynamoDB."""

    def __init__(self, project: Path, endpoint: str) -> None:
        self.arguments = ["--project-dir", str(project), "--endpoint-url", endpoint]

    def typed(self, *arguments: str, **variables: str) -> Done:
        """Run it as a user does."""
        return decanter("table", *arguments, *self.arguments, **variables)

    def __call__(self, *arguments: str) -> int:
        """Run it in this process, which spares a second."""
        return main(["table", *arguments, *self.arguments])


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "p")


@pytest.fixture(name="table")
def _table(project: Path, dynamodb: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    for name, value in (clean_environment() | KEYS).items():
        monkeypatch.setenv(name, value)
    return Command(project, dynamodb.endpoint)


def describe(dynamodb: Database, name: str = NAME) -> dict[str, Any]:
    description: dict[str, Any] = dynamodb.client().describe_table(TableName=name)["Table"]
    return description


def test_create_makes_the_declared_table_once(table: Command, dynamodb: Database) -> None:
    line = f"created table {NAME}: provisioned with 5 read and 5 write units, "
    first, second = table.typed("create", **KEYS), table.typed("create", **KEYS)
    assert (first.returncode, first.stderr) == (second.returncode, second.stderr) == (0, "")
    assert first.stdout == line + "items expire by expires_at\n"
    assert second.stdout == (
        f"table {NAME} is already there, with the key and the TTL that it should have\n"
    )
    description = describe(dynamodb)
    assert description["KeySchema"] == [{"AttributeName": "connectionID", "KeyType": "HASH"}]
    assert description["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    ttl = dynamodb.client().describe_time_to_live(TableName=NAME)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expires_at"


@pytest.mark.parametrize(
    ("arguments", "name", "mode"),
    [
        (["--stage", "prod"], "pour-prod-connections", "PAY_PER_REQUEST"),
        (["--stage", "prod", "--billing-mode", "provisioned"], "pour-prod-connections", None),
        (["--billing-mode", "on-demand"], NAME, "PAY_PER_REQUEST"),
    ],
)
def test_only_stage_dev_is_provisioned_unless_one_says_so(
    arguments: list[str], name: str, mode: str | None, table: Command, dynamodb: Database
) -> None:
    assert table("create", *arguments) == 0
    summary = describe(dynamodb, name).get("BillingModeSummary", {})
    assert (summary.get("BillingMode") == "PAY_PER_REQUEST") == (mode == "PAY_PER_REQUEST")


def test_delete_is_no_mistake_twice(table: Command, capsys: pytest.CaptureFixture[str]) -> None:
    table("create")
    capsys.readouterr()
    assert (table("delete", "--yes"), capsys.readouterr().out) == (0, f"deleted table {NAME}\n")
    assert (table("delete"), capsys.readouterr().out) == (0, f"there is no table {NAME}\n")


def test_status_tells_what_is_there(table: Command, capsys: pytest.CaptureFixture[str]) -> None:
    missing = f"there is no table {NAME}: `decanter table create` makes it\n"
    assert (table("status"), capsys.readouterr().out) == (1, missing)
    table("create", "--billing-mode", "on-demand")
    capsys.readouterr()
    facts = "ACTIVE, on-demand, items expire by expires_at, 0 items when last counted"
    assert (table("status"), capsys.readouterr().out) == (0, f"table {NAME}: {facts}\n")


def test_a_table_with_another_key_is_left_alone(
    table: Command, dynamodb: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    dynamodb.client().create_table(
        TableName=NAME,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    expected = (
        f"decanter: error: table {NAME} has the key HASH id (S), the app declares HASH "
        "connectionID (S), so it is not this app's: name another table in .chalice/config.json\n"
    )
    assert (table("create"), capsys.readouterr().err) == (2, expected)


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({}, "cannot create table pour-dev-connections: You must specify a region: give --region"),
        (
            {"AWS_REGION": "eu-west-1"},
            "cannot create table pour-dev-connections: Unable to locate credentials: set AWS_PROF",
        ),
        (
            {**KEYS, "AWS_PROFILE": "none"},
            "cannot create table pour-dev-connections: The config profile (none) could not be",
        ),
    ],
    ids=["region", "credentials", "profile"],
)
def test_what_aws_needs_is_named_in_one_line(
    variables: dict[str, str], line: str, table: Command
) -> None:
    done = table.typed("create", **variables)
    assert done.returncode == 2
    assert done.stderr.startswith(f"decanter: error: {line}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("http://127.0.0.1:1", 'Could not connect to the endpoint URL: "http://127.0.0.1:1/": che'),
        ("nonsense", "Invalid endpoint: nonsense: write it as http://HOST:PORT"),
    ],
)
def test_an_endpoint_that_is_none_is_one_line(endpoint: str, line: str, project: Path) -> None:
    done = Command(project, endpoint).typed("delete", **KEYS)
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_app_without_tables_is_a_mistake(tmp_path: Path) -> None:
    app = "from chalice import Chalice\napp = Chalice(app_name='pour')\n"
    folder = write_project(tmp_path / "bare", app, CONFIG)
    done = decanter("table", "create", "--project-dir", folder)
    expected = f"decanter: error: {folder / 'app.py'} declares no table\n"
    assert (done.returncode, done.stderr) == (2, expected)
