"""`decanter table` against the embedded DynamoDB."""

import copy
import io
import json
import os
import shlex
import subprocess
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.table import attribute
from decanter.cli import main
from decanter.local.dynamodb.missing import line
from tests.decanter.conftest import Database
from tests.support.marks import THOROUGH
from tests.support.projects import CONFIG, clean_environment, decanter, decanter_here, write_project

pytestmark = pytest.mark.usefixtures("kept")

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-west-1"}
NAME = "pour-dev-connections"

Done = subprocess.CompletedProcess[str]


class Command:
    """`decanter table` for one project and one DynamoDB."""

    def __init__(self, project: Path, endpoint: str) -> None:
        self.arguments = ["--project-dir", str(project), "--endpoint-url", endpoint]

    def typed(self, *arguments: str, **variables: str) -> Done:
        """Run it in a process, as a user does."""
        return decanter("table", *arguments, *self.arguments, **variables)

    def here(self, *arguments: str, **variables: str) -> Done:
        """Run it in this process, with these variables."""
        return decanter_here("table", *arguments, *self.arguments, **variables)

    def __call__(self, *arguments: str) -> int:
        """Run it in this process, which saves a second."""
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
    assert second.stdout == (f"table {NAME} already exists, with the right key and TTL\n")
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
def test_only_stage_dev_is_provisioned_by_default(
    arguments: list[str], name: str, mode: str | None, table: Command, dynamodb: Database
) -> None:
    assert table("create", *arguments) == 0
    summary = describe(dynamodb, name).get("BillingModeSummary", {})
    assert (summary.get("BillingMode") == "PAY_PER_REQUEST") == (mode == "PAY_PER_REQUEST")


def test_a_second_delete_is_not_an_error(
    table: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    table("create")
    capsys.readouterr()
    assert (table("delete", "--yes"), capsys.readouterr().out) == (0, f"deleted table {NAME}\n")
    assert (table("delete"), capsys.readouterr().out) == (0, f"there is no table {NAME}\n")


def test_delete_asks_and_needs_a_terminal(table: Command, dynamodb: Database) -> None:
    table("create")
    done = table.here("delete", **KEYS)
    line = "cannot ask without a terminal: use --yes to continue without confirmation"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"decanter: error: {line}\n"
    assert describe(dynamodb)["TableStatus"] == "ACTIVE"


@pytest.mark.parametrize(("answer", "status"), [("n", 1), ("yes", 0)])
def test_delete_follows_the_answer(
    answer: str,
    status: int,
    table: Command,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """pytest has no terminal, so this uses a pty."""
    table("create")
    monkeypatch.setattr("sys.stdin", Terminal(answer + "\n"))
    capsys.readouterr()
    assert table("delete") == status
    assert capsys.readouterr().out == (
        f"Delete table {NAME} and everything in it? [y/N] "
        + (f"deleted table {NAME}\n" if status == 0 else "nothing was deleted\n")
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def make(dynamodb: Database, **arguments: Any) -> None:
    """Create a table of another origin, with our name and key."""
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


UNTAGGED = f"table {NAME} has no tags that name an owner. If it belongs to this stage (Decanter 0.1"
OTHER_KEY = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


@pytest.mark.parametrize("action", ["delete", pytest.param("create", marks=THOROUGH)])
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, UNTAGGED),
        ({"Tags": [{"Key": "app", "Value": "pour"}]}, UNTAGGED),
        (
            OTHER_KEY,
            f"table {NAME} has the key HASH id (S), but the app declares HASH connectionID (S)",
        ),
        (
            {"Tags": tags(app="pour", stage="prod")},
            f"table {NAME} has tags decanter:app=pour, decanter:stage=prod, this stage needs decan",
        ),
        ({"Tags": tags(app="pour")}, f"table {NAME} has tags decanter:app=pour, this stage needs"),
        (
            {"Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "orders"}]},
            f"table {NAME} is part of stack orders: only the stack may change it",
        ),
    ],
    ids=["untagged", "own tags", "key", "stage", "half", "stack"],
)
def test_a_table_of_another_owner_is_not_touched(
    action: str,
    arguments: dict[str, Any],
    line: str,
    table: Command,
    dynamodb: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`create` does not enable its TTL either."""
    make(dynamodb, **arguments)
    assert table(action, "--yes") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"decanter: error: {line}")
    assert error.count("\n") == 1
    ttl = dynamodb.client().describe_time_to_live(TableName=NAME)["TimeToLiveDescription"]
    assert ttl["TimeToLiveStatus"] == "DISABLED"


@pytest.mark.parametrize("action", ["create", pytest.param("delete", marks=THOROUGH)])
def test_an_untagged_table_can_be_adopted_by_name(
    action: str, table: Command, dynamodb: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    make(dynamodb)
    assert table(action, "--yes", "--adopt", "other") == 2
    line = f"decanter: error: --adopt other is not a table of this stage; it has {NAME}\n"
    assert capsys.readouterr().err == line
    assert table(action, "--yes", "--adopt", NAME) == 0


def test_an_untagged_table_that_is_as_declared_needs_nothing(
    table: Command, dynamodb: Database
) -> None:
    """Decanter 0.1 created such tables."""
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
        f"decanter: error: table {NAME} is protected from deletion: allow it by `aws dynamodb "
        f"update-table --table-name {NAME} --no-deletion-protection-enabled`\n"
    )
    client.update_table(TableName=NAME, DeletionProtectionEnabled=False)
    assert table("delete", "--yes") == 0


def test_status_describes_the_table(table: Command, capsys: pytest.CaptureFixture[str]) -> None:
    missing = f"there is no table {NAME}: create it with `decanter table create`\n"
    assert (table("status"), capsys.readouterr().out) == (1, missing)
    table("create", "--billing-mode", "on-demand")
    capsys.readouterr()
    facts = "ACTIVE, on-demand, items expire by expires_at, 0 items at the last count"
    assert (table("status"), capsys.readouterr().out) == (0, f"table {NAME}: {facts}\n")


def test_a_table_with_another_key_is_not_touched(
    table: Command, dynamodb: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    dynamodb.client().create_table(
        TableName=NAME,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    expected = (
        f"decanter: error: table {NAME} has the key HASH id (S), but the app declares HASH "
        "connectionID (S): it is not this app's table. Name another in .chalice/config.json\n"
    )
    assert (table("create"), capsys.readouterr().err) == (2, expected)


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({}, "cannot create table pour-dev-connections: You must specify a region: give --region"),
        (
            {"AWS_REGION": "eu-west-1"},
            "cannot describe stack pour-dev: Unable to locate credentials: set AWS_PROF",
        ),
        (
            {**KEYS, "AWS_PROFILE": "none"},
            "cannot create table pour-dev-connections: The config profile (none) could not be",
        ),
    ],
    ids=["region", "credentials", "profile"],
)
def test_missing_aws_settings_are_named_in_one_line(
    variables: dict[str, str], line: str, project: Path
) -> None:
    done = decanter_here("table", "create", "--project-dir", project, **variables)
    assert done.returncode == 2
    assert done.stderr.startswith(f"decanter: error: {line}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("http://127.0.0.1:1", 'Could not connect to the endpoint URL: "http://127.0.0.1:1/": che'),
        ("nonsense", "Invalid endpoint: nonsense: write it as http://HOST:PORT"),
        ("http://host:x", "'http://host:x' is not a URL: write it as http://HOST:PORT"),
    ],
)
def test_an_invalid_endpoint_is_a_one_line_error(endpoint: str, line: str, project: Path) -> None:
    for action, verb in (("delete", "delete"), ("status", "describe")):
        done = Command(project, endpoint).here(action, **KEYS)
        assert done.returncode == 2
        assert line in done.stderr
        assert "cannot " not in done.stderr or f"cannot {verb} table" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_dynamodb_on_this_machine_needs_no_account(table: Command, dynamodb: Database) -> None:
    assert table.here("create").returncode == 0
    assert describe(dynamodb)["TableName"] == NAME


def test_a_named_table_is_created_on_this_machine(
    dynamodb: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no project and no account: the log of the local gateway names the command."""
    monkeypatch.chdir(tmp_path)
    text = line("books", ["PK:S", "SK:N"], [], dynamodb.endpoint, "decanter")
    command = shlex.split(text.split("`")[1])
    done = decanter_here(*command[1:])
    assert (done.returncode, done.stdout) == (
        0,
        "created table books: on-demand, items never expire\n",
    )
    found = describe(dynamodb, "books")
    assert [key["AttributeName"] for key in found["KeySchema"]] == ["PK", "SK"]
    assert {key["AttributeType"] for key in found["AttributeDefinitions"]} == {"S", "N"}
    assert "already exists" in decanter_here(*command[1:]).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--table", "books", "--key", "id"],
        ["create", "--table", "books", "--endpoint-url", "http://127.0.0.1:1"],
        ["delete", "--table", "books", "--key", "id", "--endpoint-url", "http://127.0.0.1:1"],
        *(
            ["create", "--table", "books", "--key", "id", "--endpoint-url", url]
            for url in ("https://dynamodb.eu-west-1.amazonaws.com", "http://[::1", "nonsense")
        ),
    ],
)
def test_a_named_table_needs_its_key_and_this_machine(arguments: list[str]) -> None:
    done = decanter_here("table", *arguments)
    assert done.returncode == 2
    assert done.stderr == (
        "decanter: error: --table creates a table on this machine: decanter table create --table "
        "books --key NAME --endpoint-url http://127.0.0.1:PORT\n"
    )


@pytest.mark.parametrize(
    ("text", "pair"),
    [("id", ("id", "S")), ("at:N", ("at", "N")), ("a:b:B", ("a:b", "B"))],
)
def test_a_keys_type_is_a_string_by_default(text: str, pair: tuple[str, str]) -> None:
    assert attribute(text) == pair


@pytest.mark.parametrize("text", ["", ":S", "id:", "id:X"])
def test_an_invalid_key_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"is not NAME, NAME:S, NAME:N or NAME:B"):
        attribute(text)


def test_an_app_without_tables_is_an_error(tmp_path: Path) -> None:
    app = "from chalice import Chalice\napp = Chalice(app_name='pour')\n"
    folder = write_project(tmp_path / "bare", app, CONFIG)
    done = decanter_here("table", "create", "--project-dir", folder)
    expected = f"decanter: error: {folder / 'app.py'} declares no table\n"
    assert (done.returncode, done.stderr) == (2, expected)


EXPIRY = "items expire by expires_at"
MODELS = """
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model
from decanter import table


@table(env="OLD_TABLE", existing="ssm:/prod/old")
class Old(Model):
    key = UnicodeAttribute(hash_key=True)


@table(env="NEW_TABLE")
class New(Model):
    key = UnicodeAttribute(hash_key=True)
    at = NumberAttribute(range_key=True)
"""


def test_all_declared_tables_but_no_existing_one(
    table: Command, project: Path, dynamodb: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    app = project / "app.py"
    app.write_text(app.read_text() + MODELS)
    config = copy.deepcopy(CONFIG)
    config["stages"]["dev"]["environment_variables"]["NEW_TABLE"] = "pour-dev-new"
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    lines = [
        "table {{resolve:ssm:/prod/old}} is not this app's: app.Old only uses it (existing=)",
        f"created table {NAME}: provisioned with 5 read and 5 write units, {EXPIRY}",
        "created table pour-dev-new: on-demand, items never expire",
    ]
    assert table("create", "--billing-mode", "provisioned") == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert [it["KeyType"] for it in describe(dynamodb, "pour-dev-new")["KeySchema"]] == [
        "HASH",
        "RANGE",
    ]
    assert table("delete", "--yes") == 0
    deleted = [f"deleted table {NAME}", "deleted table pour-dev-new"]
    assert capsys.readouterr().out.splitlines() == [lines[0], *deleted]
    existing, _, _ = MODELS.partition('\n\n@table(env="NEW')
    app.write_text(app.read_text().partition("class Declared")[0] + existing)
    assert (table("create"), capsys.readouterr().out) == (0, f"{lines[0]}\n")
