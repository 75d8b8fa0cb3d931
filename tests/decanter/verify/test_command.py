"""`decanter verify` with a plain echo server, and a missing server."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from websockets.http11 import Request

from decanter.cli import main
from decanter.verify import gateway, management, service
from decanter.verify.command import NO_CLIENT, OTHER_APP
from decanter.verify.endpoint import MARKER, Endpoint
from decanter.verify.report import Report, as_json, as_markdown, look
from decanter.verify.rules import ALL, Rule, gaps
from tests.field_cases.apps import Done, run
from tests.support.gateways import SECONDS
from tests.support.websocket_servers import websocket_server

Captured = pytest.CaptureFixture[str]


def verify(*arguments: str) -> int:
    return main(["verify", "--timeout", "5", *arguments])


SHORT = "0.5"
"""The seconds that `verify` waits for a server that does not answer."""


@pytest.fixture(name="echo", scope="module")
def _echo() -> Iterator[str]:
    """An echo server, made with the `websockets` library."""
    with websocket_server(
        accept=lambda request: 401 if request.path == "/refused?token=secret" else 101
    ) as url:
        yield url


@pytest.fixture(name="checked", scope="module")
def _checked(echo: str) -> Done:
    return run("verify", "--timeout", SHORT, "--url", echo, "--format", "json")


def test_an_echo_server_fails_only_the_expected_rules(checked: Done) -> None:
    """Rules that need a broadcast are left out. The gateway's own rules are still checked."""
    assert checked.status == 1
    report = json.loads(checked.out)
    seen = {rule["title"]: rule["seen"] for rule in report["rules"] if rule["failed"]}
    assert seen["an unknown stage"] == "HTTP 101"
    assert seen["a binary frame"] == "still open after 0.5 s"
    assert seen["a frame above 32 KB"] == "still open after 0.5 s"
    doubtful = [it for it in report["rules"] if not (it["holds"] or it["failed"])]
    compression = {it["title"]: it["seen"] for it in doubtful}["compression"]
    assert compression.startswith("extensions permessage-deflate")
    kept = {rule["title"] for rule in report["rules"] if rule["holds"]}
    assert {"a ping", "invalid UTF-8", "a reserved bit", "a plain GET"} <= kept
    omitted = {rule["title"]: rule["reason"] for rule in report["left_out"]}
    assert omitted["an unknown route"] == omitted["128 KB in 4 frames"] == OTHER_APP


def test_each_rule_is_printed_during_its_check(echo: str, checked: Done) -> None:
    """With another format, the lines are on standard error, so the report can go into a file."""
    text = run("verify", "--timeout", SHORT, "--url", echo)
    assert text.status == 1
    lines_on_stderr = checked.err.splitlines()
    lines = text.out.splitlines()
    assert text.err == ""
    assert lines[2].endswith("a client connects: HTTP 101")
    assert lines[1:20] == lines_on_stderr[1:20]
    assert lines[-1].endswith(f"4 in doubt, 13 left out ({OTHER_APP})")


def quiet(line: str) -> None:
    """Print nothing."""


def test_ctrl_c_keeps_the_findings_so_far() -> None:
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
    """Ctrl-C while the command waits for a close that does not arrive."""
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
    main(["verify", "--timeout", SHORT, "--url", f"{echo}?token=secret", "--format", "markdown"])
    captured = capsys.readouterr()
    assert "| Rule | Behaviour | Expected | Seen | Verdict |\n| --- |" in captured.out
    assert "| 24 | a binary frame | close 1003 | still open after 0.5 s | FAIL |" in captured.out
    assert "secret" not in captured.out + captured.err


def on(path: str, scheme: str = "ws") -> Callable[[str], str]:
    """Return a function that changes the path and the scheme of a URL."""
    return lambda url: url.replace("ws", scheme, 1).replace("/v1", path)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (on("/refused?token=secret"), "{}/refused refuses the connection with HTTP 401: give the"),
        (on("/v1", "wss"), "cannot connect to {}/v1: [SSL: "),
    ],
    ids=["status", "TLS"],
)
def test_a_server_that_refuses_the_client_is_one_line(
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
        (["--url", "http://x/v1"], "'http://x/v1' is not a WebSocket URL"),
        ([], "give one URL, not 0: decanter verify ws://"),
        (["ws://x/v1", "--url", "ws://x/v1"], "give one URL, not 2: decanter verify ws://"),
        (["ws://x/v1", "--header", "x"], "--header 'x' is not of the form"),
        (["ws://x/v1", "--subprotocol", "a b"], "--subprotocol 'a b' is not a name"),
        (["--url", "ws://x/v1", "--management-endpoint", "x"], "--management-endpoint 'x': write"),
        (["--url", "ws://x/v1", "--timeout", "0"], "--timeout must be above 0, not 0"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str, capsys: Captured) -> None:
    assert verify(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"decanter: error: {line}")
    assert error.count("\n") == 1


def test_an_app_that_fails_at_connect_is_an_error(capsys: Captured) -> None:
    """It is not the user's mistake, so the status is 1; nothing else can be checked."""
    with websocket_server(accept=lambda _: 502) as url:
        assert verify(url) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "FAIL  7          a client connects: expected HTTP 101, saw HTTP 502"
    assert lines[-1].endswith(f"left out ({NO_CLIENT})")


@pytest.mark.parametrize("place", ["authorization", "sec-websocket-protocol", "token="])
def test_a_token_is_given_where_the_app_takes_it_and_never_printed(
    place: str, capsys: Captured
) -> None:
    def accept(request: Request) -> int:
        said = {name.lower(): value for name, value in request.headers.raw_items()}
        wanted = {"authorization": "Bearer s3cret", "sec-websocket-protocol": f"{MARKER}, s3cret"}
        given = said.get(place) == wanted.get(place, "") or place in request.path
        return 101 if given else 401

    with websocket_server(accept=accept) as url:
        main(["verify", url, "--timeout", SHORT, "--token", "s3cret"])
    captured = capsys.readouterr()
    word = {"authorization": "header", "token=": "query"}.get(place, "subprotocol")
    assert f"      token: accepted in the {word}" in captured.out
    assert "a client without the token: refused: HTTP 401" in captured.out
    assert "s3cret" not in captured.out + captured.err


def test_a_failing_app_does_not_show_where_a_token_belongs(capsys: Captured) -> None:
    with websocket_server(accept=lambda _: 502) as url:
        assert verify(url, "--token", "s3cret") == 1
    assert "token: the app fails, so its place is unknown" in capsys.readouterr().out


def test_a_refused_token_is_one_line_with_the_places(capsys: Captured) -> None:
    with websocket_server(accept=lambda _: 401) as url:
        assert verify(url, "--token", "not a subprotocol") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "tried in the header Authorization, the query parameter token. For another" in error
    assert "not a subprotocol" not in error


@pytest.mark.parametrize("with_management", [False, True])
def test_each_rule_is_checked_or_listed_as_a_gap(with_management: bool) -> None:
    own = [gateway.HANDSHAKE, *gateway.STAGES, *service.RULES, *gateway.RULES]
    rules = [*own, *(management.RULES if with_management else ())]
    checked = {number for rule in rules for number in rule.numbers}
    left = [number for gap in gaps(rules) for number in gap.numbers]
    assert checked.isdisjoint(left)
    assert sorted([*checked, *left]) == list(ALL)
    needs = [gap for gap in gaps(rules) if gap.reason == "needs --management-endpoint"]
    assert bool(needs) != with_management


def test_an_apis_id_is_not_in_the_report() -> None:
    url = "wss://me:secret@abc123.execute-api.eu-west-1.amazonaws.com/v1?token=secret"
    place = Report(url, "", []).place
    assert place == "wss://….execute-api.eu-west-1.amazonaws.com/v1"
