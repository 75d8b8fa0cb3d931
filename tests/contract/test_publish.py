"""Sending without an event of a connection, to the clients of a running gateway."""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from tests.field_cases.apps import Done, run
from tests.support.clients import NEVER, call, receive, seen_by
from tests.support.gateways import SECONDS, Running, gateway, wait_until
from tests.support.senders import KINDS, OF_CHALICE, senders

Three = list[ClientConnection]

ARN = "arn:aws:{}:us-east-1:123456789012:{}"
TABLE = ARN.format("dynamodb", "table/pour-dev-ConnectionsTable")
STAGE = ARN.format("execute-api", "localapi00/v1")
SENDING = {
    ("dynamodb:DeleteItem", TABLE),
    ("dynamodb:Scan", TABLE),
    ("execute-api:ManageConnections", f"{STAGE}/DELETE/@connections/*"),
    ("execute-api:ManageConnections", f"{STAGE}/POST/@connections/*"),
}
"""The rights of `@uses(sends=True)`."""

DENIED = """
@app.route("/tables/{name}")
@uses()
def describe(name):
    return Connection.describe_table()["TableName"]
"""
"""It lacks the right to DescribeTable."""


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    project = senders(tmp_path_factory.mktemp("senders") / "pour")
    with (project / "app.py").open("a") as app:
        app.write(DENIED)
    with gateway(project, environment={"AWS_DEFAULT_REGION": "us-east-1"}) as running:
        yield running


@pytest.fixture(name="three", scope="module")
def _three(running: Running) -> Iterator[Three]:
    with running.connect_all(3) as three:
        yield three


@pytest.fixture(name="typed")
def _typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.BytesIO]:
    """Standard input; the test writes its content."""
    typed = io.BytesIO()
    with io.TextIOWrapper(typed) as text:
        monkeypatch.setattr(sys, "stdin", text)
        yield typed


def here(running: Running, command: str, *arguments: str) -> Done:
    return run(command, "--url", running.origin, *arguments)


def rows(running: Running) -> list[dict[str, Any]]:
    done = here(running, "connections", "--format", "json")
    assert (done.status, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


def rights(running: Running, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(running, "GET", "/_gateway/rights")[2])
    function: dict[str, Any] = found["functions"][name]
    return function


@pytest.mark.parametrize("name", KINDS)
def test_a_function_of_each_kind_reaches_all(name: str, running: Running, three: Three) -> None:
    assert json.loads(run("invoke", name, "--url", running.origin).out) == {"sent": 3}
    assert [receive(each) for each in three] == [name] * 3


def test_an_http_route_reaches_all(running: Running, three: Three) -> None:
    assert call(running, "GET", "/v1/route")[2] == b'{"sent":3}'
    assert [receive(each) for each in three] == ["route"] * 3


def test_the_rights_are_the_recorded_calls_and_nothing_beyond_the_declaration(
    running: Running, three: Three
) -> None:
    for name in (*KINDS, "api_handler"):
        run("invoke", name, "--url", running.origin)
        found = rights(running, name)
        used = {(each["action"], each["resource"]) for each in found["used"]}
        granted = {
            (action, resource)
            for statement in found["granted"]
            for action in statement["Action"]
            for resource in each_of(statement["Resource"])
            if not action.startswith("logs:")
        }
        assert (found["denied"], used - granted) == ([], set())
        assert len(used) == 2, name  # it scans and posts
        beyond = {action for action, _ in granted - SENDING}
        assert (SENDING - granted, beyond) == (set(), OF_CHALICE.get(name, set())), name
    for each in three:
        assert {receive(each) for _ in (*KINDS, "api_handler")} == {*KINDS, "route"}


def each_of(resource: str | list[str]) -> list[str]:
    return [resource] if isinstance(resource, str) else resource


def test_without_the_declaration_the_error_names_it(running: Running) -> None:
    done = run("invoke", "silent", "--url", running.origin)
    assert done.status == 1
    assert done.err.splitlines()[-1].startswith(
        "decanter.runtime.errors.PostingRefusedError: posting to connections is refused"
    )
    assert "@uses(sends=True)" in done.err.splitlines()[-1]


def test_a_script_reaches_all(running: Running, three: Three) -> None:
    done = here(running, "publish", '{"n": 1}', "two")
    assert (done.status, done.err) == (0, "")
    line = "sent 3, gone 0, pending 0, failed 0, left over 0, repeated 0, "
    assert [text.startswith(line) for text in done.out.splitlines()] == [True, True]
    for each in three:
        assert [receive(each), receive(each)] == ['{"n": 1}', "two"]


def test_a_line_is_sent_exactly_as_it_is(
    running: Running, three: Three, typed: io.BytesIO, tmp_path: Path
) -> None:
    content = '1.0 \r\n\n\u2028\x01"\U0001f40c\n1e5'
    typed.write(content.encode())
    typed.seek(0)
    (tmp_path / "more").write_bytes(b"from a file\n" + b"x" * 131_072)
    done = here(running, "publish", "--file", str(tmp_path / "more"), "-")
    assert (done.status, done.err) == (0, "")
    expected = [*content.split("\n"), "from a file", "x" * 131_072]
    assert len(done.out.splitlines()) == len(expected)
    for each in three:
        assert [receive(each) for _ in expected] == expected


def test_messages_are_sent_to_some(running: Running, three: Three) -> None:
    first, _, third = [row["connection_id"] for row in rows(running)]
    done = here(running, "publish", "--to", first, "--to", third, "--format", "json", "hey")
    report = json.loads(done.out)
    assert (report["sent"], report["gone_ids"]) == (2, [])
    assert here(running, "publish", "--exclude", first, "--exclude", third, "ho").status == 0
    here(running, "publish", "end")
    heard = [[receive(each), receive(each)] for each in three]
    assert heard == [["hey", "end"], ["ho", "end"], ["hey", "end"]]


def test_the_rest_is_sent_before_a_message_is_refused(
    running: Running, three: Three, typed: io.BytesIO
) -> None:
    typed.write(b"good\n" + b"x" * 131_073)
    typed.seek(0)
    done = here(running, "publish", "-")
    assert done.refused
    assert done.out.startswith("sent 3, ")
    assert done.reason == (
        "decanter: error: line 2 of standard input is too large: 131073 bytes are more than the "
        "131072 that one message may have: split it"
    )
    typed.seek(0)
    typed.write(b"\xff\n")
    typed.truncate()
    typed.seek(0)
    done = here(running, "publish", "-")
    assert done.refused
    assert "line 1 of standard input is not UTF-8 at byte 1" in done.reason
    assert [receive(each) for each in three] == ["good"] * 3


def test_the_gone_are_reported(running: Running, three: Three) -> None:
    done = here(running, "publish", "--to", NEVER, "hey")
    assert (done.status, done.out.startswith("sent 0, gone 1, pending 0, failed 0")) == (0, True)


def test_connections_are_listed_oldest_first_and_closed(running: Running, three: Three) -> None:
    oldest = rows(running)[0]["connection_id"]
    with running.connect() as fourth:
        found = rows(running)
        newest = found[-1]
        assert found[0]["connection_id"] == oldest
        assert (newest["identity"], newest["source"]) == ("ann", "127.0.0.1")
        assert [row["connected_at"] for row in found] == sorted(
            row["connected_at"] for row in found
        )
        assert 0 <= newest["age_seconds"] <= found[0]["age_seconds"]
        head, *table = here(running, "connections").out.splitlines()
        assert head.split() == ["connection", "age", "identity", "source"]
        assert [line.split()[0] for line in table] == [row["connection_id"] for row in found]
        done = here(running, "connections", "--close", newest["connection_id"], "--close", NEVER)
        assert (done.status, done.out.splitlines()) == (
            0,
            [f"{newest['connection_id']}  closed", f"{NEVER}  gone"],
        )
        assert seen_by(fourth) == (1000, "Connection Closed Normally")
    wait_until(lambda: len(rows(running)) == 3, "the row of the closed connection is deleted")


def test_a_missing_file_is_one_line(running: Running) -> None:
    done = here(running, "publish", "--file", "/nonexistent")
    assert done.refused
    assert done.reason.endswith("cannot read /nonexistent: No such file or directory")


def test_ctrl_c_ends_it_without_a_traceback(running: Running, three: Three) -> None:
    command = (sys.executable, "-m", "decanter", "publish", "--url", running.origin, "-")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"first\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"sent 3, ")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (130, b"")
    assert [receive(each) for each in three] == ["first"] * 3


def test_the_line_for_a_missing_right_names_the_http_route(running: Running) -> None:
    assert call(running, "GET", "/v1/tables/first?a=1")[0] == 500
    running.wait_for_line(
        r"no right to dynamodb:DescribeTable .* below the decorator of the HTTP route "
        r"/tables/\{name\}:"
    )
