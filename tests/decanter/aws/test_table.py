"""`decanter table`, as it is typed, against the embedded DynamoDB."""

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from decanter.cli import main
from tests.decanter.conftest import Database
from tests.support.projects import CONFIG, clean_environment, decanter, write_project

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


def test_delete_asks_and_there_has_to_be_somebody_to_answer(
    table: Command, dynamodb: Database
) -> None:
    table("create")
    done = table.typed("delete", **KEYS)
    line = "decanter: error: there is nobody to ask: give --yes to delete without a question\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
    assert describe(dynamodb)["TableStatus"] == "ACTIVE"


@pytest.mark.parametrize(("answer", "status"), [("n", 1), ("yes", 0)])
def test_delete_does_what_is_answered(
    answer: str,
    status: int,
    table: Command,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a terminal, which pytest is not."""
    table("create")
    monkeypatch.setattr("sys.stdin", Terminal(answer + "\n"))
    capsys.readouterr()
    assert table("delete") == status
    assert capsys.readouterr().out == (
        f"Delete table {NAME} and all that is in it? [y/N] "
        + (f"deleted table {NAME}\n" if status == 0 else "nothing is deleted\n")
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def make(dynamodb: Database, **arguments: Any) -> None:
    """Somebody's table of our name and key."""
    dynamodb.client().create_table(
        **{
            "TableName": NAME,
            "AttributeDefinitions": [{"AttributeName": "connectionID", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "connectionID", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            **arguments,
        }
    )


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": f"decanter:{key}", "Value": value} for key, value in values.items()]


UNTAGGED = f"table {NAME} is untagged, so it may not be this stage's: if it is, as a table that De"
OTHER_KEY = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


@pytest.mark.parametrize("action", ["delete", "create"])
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, UNTAGGED),
        ({"Tags": [{"Key": "app", "Value": "pour"}]}, UNTAGGED),
        (
            OTHER_KEY,
            f"table {NAME} has the key HASH id (S), the app declares HASH connectionID (S)",
        ),
        (
            {"Tags": tags(app="pour", stage="prod")},
            f"table {NAME} is tagged decanter:app=pour, decanter:stage=prod, this stage's is decan",
        ),
        ({"Tags": tags(app="pour")}, f"table {NAME} is tagged decanter:app=pour, this stage's is"),
        (
            {"Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "orders"}]},
            f"table {NAME} is part of stack orders: only that may change it",
        ),
    ],
    ids=["untagged", "own tags", "key", "stage", "half", "stack"],
)
def test_a_table_that_is_not_the_stages_is_left_alone(
    action: str,
    arguments: dict[str, Any],
    line: str,
    table: Command,
    dynamodb: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nor does `create` have its items expire."""
    make(dynamodb, **arguments)
    assert table(action, "--yes") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"decanter: error: {line}")
    assert error.count("\n") == 1
    ttl = dynamodb.client().describe_time_to_live(TableName=NAME)["TimeToLiveDescription"]
    assert ttl["TimeToLiveStatus"] == "DISABLED"


@pytest.mark.parametrize("action", ["create", "delete"])
def test_an_untagged_table_is_adopted_by_its_name(
    action: str, table: Command, dynamodb: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    make(dynamodb)
    assert table(action, "--yes", "--adopt", "other") == 2
    line = f"decanter: error: --adopt other is no table of this stage; it has {NAME}\n"
    assert capsys.readouterr().err == line
    assert table(action, "--yes", "--adopt", NAME) == 0


def test_an_untagged_table_that_is_as_declared_needs_nothing(
    table: Command, dynamodb: Database
) -> None:
    """As Decanter 0.1 made it."""
    make(dynamodb)
    dynamodb.client().update_time_to_live(
        TableName=NAME,
        TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True},
    )
    assert table("create") == 0


def test_a_protected_table_is_kept(
    table: Command, dynamodb: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    table("create")
    client = dynamodb.client()
    client.update_table(TableName=NAME, DeletionProtectionEnabled=True)
    capsys.readouterr()
    assert table("delete", "--yes") == 2
    assert capsys.readouterr().err == (
        f"decanter: error: table {NAME} is protected from deletion: `aws dynamodb update-table "
        f"--table-name {NAME} --no-deletion-protection-enabled` ends that\n"
    )
    client.update_table(TableName=NAME, DeletionProtectionEnabled=False)
    assert table("delete", "--yes") == 0


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
