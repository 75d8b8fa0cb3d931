"""`decanter verify` against the local gateway, a plain echo server, and no server."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from decanter.cli import main
from decanter.verify import gateway, management, service
from decanter.verify.command import look
from decanter.verify.endpoint import Endpoint
from decanter.verify.report import Report, as_json, as_markdown
from decanter.verify.rules import ALL, Rule, gaps
from tests.support.gateways import ROOT, SECONDS
from tests.support.gateways import gateway as running_gateway

Captured = pytest.CaptureFixture[str]


def verify(*arguments: str) -> int:
    return main(["verify", "--timeout", "5", *arguments])


@pytest.fixture(name="echo", scope="module")
def _echo() -> Iterator[str]:
    """An echo server, made with the `websockets` library."""

    def handler(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        refused = request.path == "/refused?token=secret"
        return connection.respond(HTTPStatus.UNAUTHORIZED, "") if refused else None

    with serve(handler, "127.0.0.1", 0, process_request=refuse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1"
        server.shutdown()
        thread.join()


def test_the_local_gateway_with_this_app_follows_every_rule(capsys: Captured) -> None:
    with running_gateway(ROOT, "--no-reload") as it:
        arguments = ["--url", it.url, "--management-endpoint", it.management_url]
        status = verify(*arguments, "--format", "json")
    report = json.loads(capsys.readouterr().out)
    assert [rule for rule in report["rules"] if not rule["holds"]] == []
    assert (status, report["holds"]) == (0, True)
    assert len(report["rules"]) == len([*service.RULES, *gateway.RULES, *management.RULES])


def test_an_echo_server_fails_the_expected_rules_only(echo: str, capsys: Captured) -> None:
    """Rules that need a broadcast are left out; the gateway's own rules are still checked."""
    assert main(["verify", "--timeout", "0.3", "--url", echo, "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    seen = {rule["title"]: rule["seen"] for rule in report["rules"] if not rule["holds"]}
    assert seen["a broadcast reaches 3 clients byte for byte"] == "no broadcast"
    assert seen["an unknown stage"] == "HTTP 101"
    assert seen["a binary frame"] == "still open after 0.3 s"
    assert seen["a frame above 32 KB"] == "still open after 0.3 s"
    assert seen["compression"].startswith("extensions permessage-deflate")
    kept = {rule["title"] for rule in report["rules"] if rule["holds"]}
    assert {"a ping", "invalid UTF-8", "a reserved bit", "a plain GET"} <= kept
    omitted = {rule["title"]: rule["reason"] for rule in report["left_out"]}
    assert omitted["an unknown route"] == omitted["128 KB in 4 frames"] == "no broadcast came"
    assert len(report["rules"]) + len(omitted) == len([*service.RULES, *gateway.RULES])


def test_each_rule_is_shown_as_it_is_checked(echo: str, capsys: Captured) -> None:
    """On standard error for reports of other formats, so that these can go into a file."""
    assert main(["verify", "--timeout", "0.5", "--url", echo]) == 1
    text = capsys.readouterr()
    main(["verify", "--timeout", "0.5", "--url", echo, "--format", "json"])
    told = capsys.readouterr().err.splitlines()
    lines = text.out.splitlines()
    assert text.err == ""
    assert lines[1].endswith("saw no broadcast")
    assert lines[2].startswith(
        "      no broadcast came, so the 12 rules that need one are left out: "
    )
    assert lines[1:20] == told[1:20]
    assert lines[-1].endswith("hold, 12 left out (no broadcast came)")


def quiet(line: str) -> None:
    """Print nothing."""


def test_ctrl_c_keeps_the_results_so_far() -> None:
    def stop(endpoint: Endpoint) -> str:
        raise KeyboardInterrupt

    rules = [
        Rule((1,), "first", "it", lambda endpoint: "it"),
        Rule((2,), "second", "it", stop),
        Rule((3,), "third", "it", stop),
    ]
    report = Report("ws://x/v1", "", gaps(rules))
    look(rules, Endpoint("ws://x/v1", 1), report, quiet)
    assert report.verdict == "1 of 1 hold, 2 left out (interrupted)"
    document = json.loads(as_json(report))
    assert [it["title"] for it in document["left_out"]] == ["second", "third"]
    assert document["holds"] is False
    assert report.verdict in as_markdown(report)


def test_an_interrupted_run_ends_quietly(echo: str) -> None:
    """During the wait for a close that does not come."""
    with subprocess.Popen(
        [sys.executable, "-m", "decanter", "verify", "--timeout", "60", "--url", echo],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("a URL above" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (130, "")
    assert out.splitlines()[-1].endswith("left out (interrupted)")


def test_the_report_can_be_markdown(echo: str, capsys: Captured) -> None:
    main(["verify", "--timeout", "0.1", "--url", f"{echo}?token=secret", "--format", "markdown"])
    captured = capsys.readouterr()
    assert "| Rule | Behaviour | Expected | Seen | Verdict |\n| --- |" in captured.out
    assert "| 24 | a binary frame | close 1003 | still open after 0.1 s | FAIL |" in captured.out
    assert "secret" not in captured.out + captured.err


def on(path: str, scheme: str = "ws") -> Callable[[str], str]:
    """Return the URL of another path on a server, or of another scheme."""
    return lambda url: url.replace("ws", scheme, 1).replace("/v1", path)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (on("/refused?token=secret"), "{}/refused refuses the connection with HTTP 401: use the"),
        (on("/v1", "wss"), "cannot connect to {}/v1: [SSL: "),
    ],
    ids=["status", "TLS"],
)
def test_a_server_that_refuses_the_connection_is_a_one_line_error(
    url: Callable[[str], str], line: str, echo: str, capsys: Captured
) -> None:
    asked = url(echo)
    assert verify("--url", asked) == 2
    captured = capsys.readouterr()
    expected = line.format(asked.partition("?")[0].rpartition("/")[0])
    assert captured.err.startswith(f"decanter: error: {expected}")
    assert (captured.err.count("\n"), captured.out) == (1, "")
    assert "secret" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--url", "ws://127.0.0.1:1/v1"],
            "cannot connect to ws://127.0.0.1:1/v1: Connection refu",
        ),
        (["--url", "http://x/v1"], "'http://x/v1' is no WebSocket URL"),
        (["--url", "ws://x/v1", "--management-endpoint", "x"], "--management-endpoint 'x': write"),
        (["--url", "ws://x/v1", "--timeout", "0"], "--timeout must be above 0, not 0"),
    ],
)
def test_an_invalid_argument_is_a_one_line_error(
    arguments: list[str], line: str, capsys: Captured
) -> None:
    assert verify(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"decanter: error: {line}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("with_management", [False, True])
def test_each_rule_is_checked_or_listed_as_unchecked(with_management: bool) -> None:
    rules = [*service.RULES, *gateway.RULES, *(management.RULES if with_management else ())]
    looked_at = {number for rule in rules for number in rule.numbers}
    left = [number for gap in gaps(rules) for number in gap.numbers]
    assert looked_at.isdisjoint(left)
    assert sorted([*looked_at, *left]) == list(ALL)
    needs = [gap for gap in gaps(rules) if gap.reason == "needs --management-endpoint"]
    assert bool(needs) != with_management


def test_an_apis_id_is_not_in_the_report() -> None:
    url = "wss://abc123.execute-api.eu-west-1.amazonaws.com/v1?token=secret"
    place = Report(url, "", []).place
    assert place == "wss://….execute-api.eu-west-1.amazonaws.com/v1"
