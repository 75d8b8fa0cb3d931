"""The command line: its help, its exit statuses and its error messages."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from decanter import __version__
from decanter.cli import COMMANDS, Command, build_parser, main
from tests.support.projects import decanter, write_project

BY_NAME = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)


def test_version() -> None:
    assert decanter("--version").stdout == f"decanter {__version__}\n"


def test_help_names_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    before = set(sys.modules)
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert not {name for name in set(sys.modules) - before if name.startswith("decanter.")}
    out = capsys.readouterr().out
    assert all(re.search(rf"^    {command.name}\s", out, re.MULTILINE) for command in COMMANDS)


@BY_NAME
def test_help_of_a_command_has_an_example_that_parses(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command.name, "--help"])
    assert f"example: {command.example}" in capsys.readouterr().out
    program, *arguments = command.example.split()
    assert program == "decanter"
    assert build_parser(arguments).parse_args(arguments).module == command.module


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--close", "-BAflS3_vY99Gmc="], ["-BAflS3_vY99Gmc="]),
        (["--close", "--flS3_vY99Gmc="], ["--flS3_vY99Gmc="]),
        (["--close=-BAflS3_vY99Gmc="], ["-BAflS3_vY99Gmc="]),
        (["--close", "AAA=", "--close", "-B=", "--format", "json"], ["AAA=", "-B="]),
        ([], None),
    ],
)
def test_the_value_of_an_option_may_start_with_a_dash(
    words: list[str], expected: list[str] | None
) -> None:
    arguments = ["connections", *words]
    assert build_parser(arguments).parse_args(arguments).close == expected


def test_a_message_after_two_dashes_is_a_message() -> None:
    arguments = ["publish", "--to", "-B=", "--", "--to", "-x", "--"]
    args = build_parser(arguments).parse_args(arguments)
    assert (args.to, args.messages[:2]) == (["-B="], ["--to", "-x"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("invoke work --url http://u event.json", {"event": "event.json", "url": "http://u"}),
        ("invoke --url http://u work event.json", {"event": "event.json", "url": "http://u"}),
        ("invoke work --ur http://u -", {"event": "-", "url": "http://u"}),
        ("invoke work --body -1", {"event": None, "body": "-1"}),
        ("publish a --url http://u b", {"messages": ["a", "b"], "url": "http://u"}),
        ("publish a --local b --format json c", {"messages": ["a", "b", "c"], "format": "json"}),
        ("publish a -1 --to -B= -- --b", {"messages": ["a", "-1", "--b"], "to": ["-B="]}),
        ("verify --quick ws://u --format json", {"url": "ws://u", "format": "json"}),
        ("table --stage prod create --yes", {"action": "create", "stage": "prod", "yes": True}),
    ],
)
def test_options_may_come_anywhere(arguments: str, expected: dict[str, Any]) -> None:
    words = arguments.split()
    args = build_parser(words).parse_args(words)
    assert {name: getattr(args, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--close", "--format", "json"], "--close: expected one argument"),
        (["--close"], "--close: expected one argument"),
        (["--local", "-x"], "decanter connections: error: unrecognized arguments: -x"),
        (["--local", "x", "y"], "decanter connections: error: unrecognized arguments: x y"),
    ],
)
def test_an_option_is_not_the_value_of_another(
    words: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["connections", *words]
    with pytest.raises(SystemExit, match="2"):
        build_parser(arguments).parse_args(arguments)
    assert error in capsys.readouterr().err


def test_the_error_for_an_unknown_command_names_all_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["tabel"])
    err = capsys.readouterr().err
    assert "tabel" in err
    assert all(command.name in err for command in COMMANDS)


def test_a_missing_command_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "COMMAND" in capsys.readouterr().err


def test_a_users_mistake_is_one_line_and_status_2(tmp_path: Path) -> None:
    done = decanter("template", "--project-dir", tmp_path / "none")
    remedy = "name the Chalice project's folder with --project-dir"
    expected = f"decanter: error: there is no folder {tmp_path / 'none'}: {remedy}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


@pytest.mark.parametrize("missing", ["websockets.sync.client", "termios"])
def test_a_missing_module_of_the_extra_is_one_line(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another missing module is a bug of Decanter."""
    monkeypatch.delitem(sys.modules, "decanter.client", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "termios":
        with pytest.raises(ModuleNotFoundError):
            main(["client", "--help"])
        return
    assert main(["client", "--help"]) == 2
    assert capsys.readouterr().err == (
        "decanter: error: websockets is not installed: "
        "install Decanter with its extra: chalice-decanter[local]\n"
    )


def test_an_old_python_is_refused_before_anything_is_imported() -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 10); "
        "runpy.run_module('decanter', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    remedy = "as in `make run PYTHON=python3.13`"
    line = f"decanter: error: Decanter needs Python 3.11 or newer, {remedy}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_the_detail_of_an_error_comes_before_its_line(tmp_path: Path) -> None:
    write_project(tmp_path / "p", app="import nowhere\n")
    done = decanter("template", "--project-dir", tmp_path / "p")
    *detail, line = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith(f"decanter: error: importing {tmp_path / 'p' / 'app.py'} failed")
    assert any("import nowhere" in text for text in detail)


@pytest.mark.parametrize("lines", [0, 1])
def test_a_reader_that_ends_early_is_status_141_and_silence(lines: int, tmp_path: Path) -> None:
    """As with `decanter describe | head`."""
    resources = {f"Table{n}": {"Type": "AWS::DynamoDB::Table"} for n in range(20_000)}
    project = write_project(tmp_path / "p", template={"Resources": resources})
    command = [sys.executable, "-m", "decanter", "describe", "--project-dir", str(project)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        assert [process.stdout.readline() for _ in range(lines)] == ["flowchart LR\n"][:lines]
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141


def test_ctrl_c_is_status_130_and_silence(tmp_path: Path) -> None:
    """The app sends the signal of Ctrl-C while it is imported."""
    interrupt = f"os.kill(os.getppid(), {int(signal.SIGINT)})"
    write_project(tmp_path / "p", app=f"import os, time\n{interrupt}\ntime.sleep(60)\n")
    done = decanter("template", "--project-dir", tmp_path / "p")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
