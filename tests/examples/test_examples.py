"""The examples: their own tests, `decanter local`, their templates."""

import json
import os
import re
from typing import Any

import pytest
from websockets.sync.connection import Connection

from tests.support.gateways import ROOT, gateway
from tests.support.marks import THOROUGH
from tests.support.projects import decanter_here
from tests.support.pytests import run_pytest

EXAMPLES = ROOT / "examples"
USES = {
    "echo": [],
    "broadcast": ["app.send_message"],
    "chat": ["app.chat", "app.name", "app.say"],
    "auction": ["app.begin", "app.bid", "app.close", "app.show", "app.watch"],
}
LINES = {"echo": 8, "broadcast": 23, "chat": 44, "auction": 100}


def code_lines(name: str) -> int:
    """Return an app's number of lines, without empty lines and its docstring."""
    text = re.sub(r'\A""".*?"""', "", (EXAMPLES / name / "app.py").read_text(), flags=re.DOTALL)
    return sum(1 for line in text.splitlines() if line.strip())


@pytest.mark.parametrize("name", LINES)
def test_an_examples_length_is_documented(name: str) -> None:
    assert code_lines(name) == LINES[name]
    assert f"| [{name}]({name}/app.py) | {LINES[name]} |" in (EXAMPLES / "README.md").read_text()
    readme = (ROOT / "README.md").read_text()
    assert re.search(rf"\[{name}\]\(examples/{name}/app\.py\)[^\[]*\b{LINES[name]}\b", readme)


def test_the_chats_tests_take_under_sixty_lines() -> None:
    text = (EXAMPLES / "chat" / "tests" / "test_app.py").read_text()
    assert len(text.splitlines()) < 60


def test_every_example_is_tested() -> None:
    assert {path.parent.name for path in EXAMPLES.glob("*/app.py")} == set(LINES)


@pytest.fixture(name="used", scope="module")
def _used(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The rights that each example's own tests use: one run of pytest, with no configuration."""
    file = tmp_path_factory.mktemp("used") / "used.json"
    plugin = {"PYTHONPATH": str(ROOT), "USED_RIGHTS": str(file)}
    alone = ("-c", os.devnull, "--rootdir", ".", "--import-mode=importlib")
    done = run_pytest(EXAMPLES, *alone, "-p", "tests.support.used_rights", *LINES, **plugin)
    assert done.returncode == 0, done.stdout + done.stderr
    used: dict[str, Any] = json.loads(file.read_text())
    return used


@pytest.mark.parametrize("name", LINES)
def test_its_own_tests_pass_and_use_each_right(name: str, used: dict[str, Any]) -> None:
    assert used[name] == {"denied": [], "uses": USES[name], "unused": []}


@pytest.mark.parametrize("name", ["broadcast", "chat", "auction"])
def test_its_template_follows_from_its_declarations(name: str) -> None:
    done = decanter_here("template", "--project-dir", EXAMPLES / name, "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_echo_runs() -> None:
    with gateway(EXAMPLES / "echo", "--no-reload") as running, running.connect() as alice:
        alice.send("hello")
        assert alice.recv(timeout=20) == "hello"


@THOROUGH
def test_broadcast_runs() -> None:
    with (
        gateway(EXAMPLES / "broadcast", "--no-reload") as running,
        running.connect() as alice,
        running.connect() as bob,
    ):
        alice.send('{"message": "sendmessage", "data": "hello"}')
        assert [each.recv(timeout=20) for each in (alice, bob)] == ['"hello"', '"hello"']


@THOROUGH
def test_chat_runs_with_its_second_table() -> None:
    """Its package runs in the same way in tests/examples/test_packages.py."""

    def ask(client: Connection, command: str, **fields: str) -> dict[str, Any]:
        client.send(json.dumps({"id": 1, command: fields}))
        return heard(client)

    def heard(client: Connection) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(client.recv(timeout=20))
        return frame

    with gateway(EXAMPLES / "chat", "--no-reload") as running, running.connect() as alice:
        with running.connect() as bob:
            for client, nickname in ((alice, "alice"), (bob, "bob")):
                assert "connect" in ask(client, "connect", data=nickname)
                assert "subscribe" in ask(client, "subscribe", channel="room:tea")
                assert heard(client)["push"]["join"]["info"]["user"] == nickname
            assert heard(alice)["push"]["join"]["info"]["user"] == "bob"
        assert heard(alice)["push"]["leave"]["info"]["user"] == "bob"
