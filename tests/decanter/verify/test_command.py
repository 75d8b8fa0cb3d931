"""`decanter verify` against the local gateway, against a plain echo server, and against nothing."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from decanter.cli import main
from decanter.verify import gateway, management, service
from decanter.verify.coverage import ALL, gaps
from decanter.verify.report import Report
from tests.gateways import ROOT
from tests.gateways import gateway as running_gateway

Captured = pytest.CaptureFixture[str]


def verify(*arguments: str) -> int:
    return main(["verify", "--timeout", "5", *arguments])


@pytest.fixture(name="echo", scope="module")
def _echo() -> Iterator[str]:
    """A server that sends back what it gets, as the `websockets` library makes one."""

    def handler(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1"
        server.shutdown()
        thread.join()


def test_the_local_gateway_with_this_app_keeps_every_rule(capsys: Captured) -> None:
    with running_gateway(ROOT, "--no-reload") as it:
        arguments = ["--url", it.url, "--management-endpoint", it.management_url]
        status = verify(*arguments, "--format", "json")
    report = json.loads(capsys.readouterr().out)
    assert [rule for rule in report["rules"] if not rule["holds"]] == []
    assert (status, report["holds"]) == (0, True)
    assert len(report["rules"]) == len([*service.RULES, *gateway.RULES, *management.RULES])


def test_an_echo_server_fails_where_it_should_and_only_there(echo: str, capsys: Captured) -> None:
    assert main(["verify", "--timeout", "0.3", "--url", echo, "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    seen = {rule["title"]: rule["seen"] for rule in report["rules"] if not rule["holds"]}
    assert seen["a broadcast reaches 3 clients byte for byte"].startswith("0 of 3 clients")
    assert seen["an unknown stage"] == "HTTP 101"
    assert seen["a binary frame"] == "still open after 0.3 s"
    assert seen["a frame above 32 KB"] == "still open after 0.3 s"
    assert seen["compression"].startswith("extensions permessage-deflate")
    assert seen["an unknown route"] == "no frame, stays open"
    kept = {rule["title"] for rule in report["rules"] if rule["holds"]}
    assert {"a ping", "invalid UTF-8", "a reserved bit", "a plain GET"} <= kept


def test_the_report_can_be_markdown(echo: str, capsys: Captured) -> None:
    main(["verify", "--timeout", "0.1", "--url", f"{echo}?token=secret", "--format", "markdown"])
    report = capsys.readouterr().out
    assert "| Rule | Behaviour | Expected | Seen | Verdict |\n| --- |" in report
    assert "| 24 | a binary frame | close 1003 | still open after 0.1 s | FAIL |" in report
    assert "secret" not in report


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--url", "ws://127.0.0.1:1/v1"], "cannot connect to ws://127.0.0.1:1/v1: [Errno 111]"),
        (["--url", "http://x/v1"], "'http://x/v1' is no WebSocket URL"),
        (["--url", "ws://x/v1", "--management-endpoint", "x"], "--management-endpoint 'x': write"),
        (["--url", "ws://x/v1", "--timeout", "0"], "--timeout has to be above 0, not 0"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str, capsys: Captured) -> None:
    assert verify(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"decanter: error: {line}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("with_management", [False, True])
def test_each_rule_is_looked_at_or_said_not_to_be(with_management: bool) -> None:
    rules = [*service.RULES, *gateway.RULES, *(management.RULES if with_management else ())]
    looked_at = {number for rule in rules for number in rule.numbers}
    left = [number for gap in gaps(rules) for number in gap.numbers]
    assert looked_at.isdisjoint(left)
    assert sorted([*looked_at, *left]) == list(ALL)
    needs = [gap for gap in gaps(rules) if gap.reason == "needs --management-endpoint"]
    assert bool(needs) != with_management


def test_an_apis_id_is_not_in_the_report() -> None:
    url = "wss://abc123.execute-api.eu-west-1.amazonaws.com/v1?token=secret"
    findings: list[Any] = []
    place = Report(url, "", findings, []).place
    assert place == "wss://….execute-api.eu-west-1.amazonaws.com/v1"
