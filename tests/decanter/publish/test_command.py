"""Mistakes of `decanter publish` and `decanter connections`, each in one line.

tests/contract/test_publish.py has a gateway, tests/aws/test_publish.py a stage on AWS.
"""

import socket
from pathlib import Path

import pytest

from decanter.cli import main
from decanter.publish.command import line
from decanter.publish.connections import age
from decanter.runtime.publishing.outside import Report
from tests.field_cases.apps import framework_project, run
from tests.field_cases.servers import Answer, serving
from tests.support.apps import FRAMEWORK


@pytest.mark.parametrize("command", [("publish", "x"), ("connections",)])
def test_nothing_runs_at_the_address(command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    done = run(*command, "--url", url)
    assert done.refused
    assert done.reason == (
        f"decanter: error: no gateway answers at {url}: Connection refused: "
        "start `decanter local`, or name its address with --url"
    )


@pytest.mark.parametrize("command", [("publish", "x"), ("connections",)])
def test_an_option_is_not_advised_together_with_another_that_excludes_it(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    monkeypatch.setattr("decanter.publish.target.URL", f"http://127.0.0.1:{port}")
    assert main([*command, "--local"]) == 2
    remedy = "start `decanter local`, or name its address with --url instead of --local\n"
    assert capsys.readouterr().err.endswith(remedy)


@pytest.mark.parametrize("command", [("publish", "x"), ("connections",)])
@pytest.mark.parametrize("region", ["", "us-east-1"])
def test_without_a_stage_on_aws_the_ways_to_a_local_gateway_are_named(
    region: str,
    command: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", region)
    folder = framework_project(tmp_path, FRAMEWORK)
    assert main([*command, "--project-dir", str(folder)]) == 2
    error = capsys.readouterr().err
    assert ("Unable to locate credentials" if region else "You must specify a region") in error
    assert error.endswith("; or use a running `decanter local`: --local, or --url URL\n")


@pytest.mark.parametrize("body", [b"[]", b"hello", b"{}", b'{"connection_table": null}'])
def test_another_server_is_named(body: bytes) -> None:
    with serving(lambda _: Answer(200, {}, body)) as url:
        done = run("publish", "--url", url, "x")
    assert done.refused
    assert f"the server at {url} is not `decanter local`" in done.reason


def test_an_app_without_a_table_has_no_known_connections() -> None:
    about = (
        b'{"connection_table": null, "region": "eu-west-1", "dynamodb_url": "http://127.0.0.1:9", '
        b'"management_url": "http://127.0.0.1:9/v1"}'
    )
    with serving(lambda _: Answer(200, {}, about)) as url:
        for command in (("publish", "x"), ("connections",)):
            done = run(*command, "--url", url)
            assert done.refused
            assert "declares no connection table" in done.reason
            assert "@connection_table" in done.reason


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "no message is given: write it as an argument, or use --file or -"),
        (("--stage", "prod", "--local", "x"), "not allowed with"),
        (("--local", "--url", "http://127.0.0.1:1", "x"), "not allowed with"),
        (("--to", "a", "--exclude", "b", "x"), "not allowed with"),
        (("--url", "http://[", "x"), "http://[ is not an address such as http://127.0.0.1:8000"),
        (("--url", "http://127.0.0.1:99999", "x"), "http://127.0.0.1:99999 is not an address"),
        (("--project-dir", "/nonexistent", "x"), "/nonexistent"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...], expected: str) -> None:
    done = run("publish", *arguments)
    assert (done.status, "Traceback" in done.err) == (2, False)
    assert expected in done.reason


def test_an_inexact_count_says_so() -> None:
    report = Report(sent=2, left_over=7, left_over_exact=False, milliseconds=9)
    assert line(report, "text") == (
        "sent 2, gone 0, pending 0, failed 0, left over 7 or more, repeated 0, 9 ms"
    )


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "?"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h 59 min")],
)
def test_ages(seconds: int | None, shown: str) -> None:
    assert age(seconds) == shown
