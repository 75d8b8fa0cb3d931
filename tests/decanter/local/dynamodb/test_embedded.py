"""The embedded DynamoDB as a process, and the tables in it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from decanter.errors import ServiceError
from decanter.local.dynamodb import server
from decanter.local.dynamodb.embedded import (
    EmbeddedDynamoDB,
    create_tables,
)
from decanter.project.tables import Table
from tests.decanter.conftest import Database
from tests.support.projects import ROOT, clean_environment

TABLE = Table(
    {
        "TableName": "connections",
        "AttributeDefinitions": [{"AttributeName": "connectionID", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "connectionID", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
    "expires_at",
)

# A parent that starts the database, prints its URL, and waits to be killed.
PARENT = """\
import sys
from decanter.local.dynamodb.embedded import EmbeddedDynamoDB
with EmbeddedDynamoDB() as database:
    print(database.endpoint, flush=True)
    sys.stdin.read()
"""


def create(dynamodb: Database, *tables: Table) -> list[str]:
    return create_tables(dynamodb.endpoint, tables)


class TestTables:
    def test_are_created_with_their_ttl(self, dynamodb: Database) -> None:
        assert create(dynamodb, TABLE) == ["connections"]
        client = dynamodb.client()
        table = client.describe_table(TableName="connections")["Table"]
        ttl = client.describe_time_to_live(TableName="connections")["TimeToLiveDescription"]
        assert table["KeySchema"] == TABLE.arguments["KeySchema"]
        assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}

    def test_existing_ones_keep_their_rows(self, dynamodb: Database) -> None:
        create(dynamodb, TABLE)
        client = dynamodb.client()
        client.put_item(TableName="connections", Item={"connectionID": {"S": "a"}})
        assert create(dynamodb, TABLE) == ["connections"]
        assert client.scan(TableName="connections")["Count"] == 1

    @pytest.mark.parametrize(
        ("operation", "arguments"),
        [
            ("get_item", {"TableName": "games", "Key": {"k": {"S": "a"}}}),
            ("put_item", {"TableName": "games", "Item": {"k": {"S": "a"}}}),
            ("batch_get_item", {"RequestItems": {"games": {"Keys": [{"k": {"S": "a"}}]}}}),
        ],
    )
    def test_a_missing_one_is_named_with_the_remedy(
        self, dynamodb: Database, operation: str, arguments: dict[str, Any]
    ) -> None:
        with pytest.raises(ClientError) as caught:
            getattr(dynamodb.client(), operation)(**arguments)
        error = caught.value.response["Error"]
        assert error["Code"] == "ResourceNotFoundException"
        assert "There is no table 'games' in the embedded DynamoDB: create it" in error["Message"]
        assert f"--endpoint-url {dynamodb.endpoint}`," in error["Message"]

    def test_are_the_same_for_every_region_and_account(self, dynamodb: Database) -> None:
        create(dynamodb, TABLE)
        for region, access_key in (
            ("us-east-1", "a"),
            ("ap-southeast-2", "b"),
            ("cn-north-1", "c"),
        ):
            client = dynamodb.client(region, access_key)
            client.put_item(TableName="connections", Item={"connectionID": {"S": region}})
        assert dynamodb.client().scan(TableName="connections")["Count"] == 3

    def test_refused_ones_are_a_one_line_error(self, dynamodb: Database) -> None:
        broken = Table({**TABLE.arguments, "BillingMode": "PROVISIONED"})
        with pytest.raises(
            ServiceError, match=r"^cannot create table connections at http://[^\n]+$"
        ):
            create(dynamodb, broken)


def test_a_dynamodb_that_does_not_answer_is_a_one_line_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(ServiceError, match=rf"^{endpoint} does not answer: [^\n]+$"):
        create_tables(endpoint, [TABLE])


def test_a_connection_is_kept_alive(started: Database) -> None:
    connection = http.client.HTTPConnection(urlsplit(started.endpoint).netloc, timeout=10)
    used = set()
    for _ in range(2):
        connection.request("POST", "/", b"{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b'{"TableNames": []}')
        used.add(connection.sock)
    assert len(used) == 1
    connection.close()


@pytest.mark.parametrize("text", ["&Action=DeleteTable&", "Action=DeleteTable", "&Action=x"])
def test_a_text_is_not_executed(dynamodb: Database, text: str) -> None:
    """A client of the app may have written it."""
    create(dynamodb, TABLE)
    client = dynamodb.client()
    item = {"connectionID": {"S": text}, text: {"S": text}}
    client.put_item(TableName="connections", Item=item)
    assert client.scan(TableName="connections")["Items"] == [item]


class TestProcess:
    def test_ends_with_its_context(self) -> None:
        with EmbeddedDynamoDB() as database:
            endpoint = database.endpoint
            assert is_open(endpoint)
        assert not is_open(endpoint)

    def test_may_be_stopped_twice_and_before_it_serves(self) -> None:
        database = EmbeddedDynamoDB()
        database.start()
        database.stop()
        database.stop()
        with pytest.raises(ServiceError, match="has not been started"):
            _ = database.endpoint

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_ends_when_its_parent_is_killed(self, number: signal.Signals) -> None:
        """The database inherits its parent's standard error, which ends when both have ended."""
        with subprocess.Popen(
            [sys.executable, "-c", PARENT],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as parent:
            assert parent.stdout is not None
            assert is_open(parent.stdout.readline().strip())
            parent.send_signal(number)
            parent.communicate(timeout=30)
        assert parent.returncode == -number

    def test_ends_quietly_if_its_parent_ends_during_the_start(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-P", server.__file__, "us-east-1"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=writing, stderr=pipe) as process:
            os.close(writing)
            assert process.wait(30) == 0
            assert process.stderr is not None
            assert process.stderr.read() == b""

    def test_survives_ctrl_c_in_the_terminal_until_its_parent_ends(self) -> None:
        """Ctrl-C signals the terminal's process group; the database is not a member."""
        with EmbeddedDynamoDB() as database:
            assert database.endpoint
            assert database._process is not None
            assert os.getpgid(database._process.pid) != os.getpgrp()

    def test_the_error_has_a_remedy_if_it_does_not_start(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        (tmp_path / "moto.py").write_text("raise SystemExit('broken')")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        with (
            EmbeddedDynamoDB() as database,
            pytest.raises(ServiceError, match="does not start: it ended: pip install"),
        ):
            _ = database.endpoint

    def test_prints_nothing(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", PARENT],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


def address(endpoint: str) -> tuple[str, int]:
    url = urlsplit(endpoint)
    assert url.hostname is not None
    assert url.port is not None
    return url.hostname, url.port


def is_open(endpoint: str) -> bool:
    try:
        socket.create_connection(address(endpoint), timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True
