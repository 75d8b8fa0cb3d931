"""The examples' packages: each zip unpacked, and run with nothing beside it to import."""

import json
import os
import shutil
import sys
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection

from decanter.gateway.events import API_ID
from decanter.local.dynamodb.embedded import EmbeddedDynamoDB, create_tables
from decanter.project.config import Project
from tests.support.gateways import ROOT, SECONDS, Running, gateway
from tests.support.projects import decanter

EXAMPLES = ROOT / "examples"

# The gateway in this environment; what it starts for the handlers is the bare one's interpreter.
GATEWAY = """\
#!{python} -P
import sys

sys.executable = "{bare}"
sys.argv[:3] = ["decanter"]  # in the place of this file's name, `-m` and `decanter`
from decanter.cli import main

sys.exit(main())
"""


@pytest.fixture(name="python", scope="module")
def _python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `gateway` takes for a Python; its workers have no site-packages, not even pip."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv", symlinks=True)
    assert not [*(folder / "venv" / "lib").glob("*/site-packages/*")]
    script = folder / "gateway"
    bare = folder / "venv" / "bin" / "python"
    script.write_text(GATEWAY.format(python=sys.executable, bare=bare))
    script.chmod(0o755)
    return str(script)


@pytest.fixture(name="dynamodb", scope="module")
def _dynamodb() -> Iterator[EmbeddedDynamoDB]:
    with EmbeddedDynamoDB() as dynamodb:
        yield dynamodb


@contextmanager
def unpacked(name: str, folder: Path, python: str, dynamodb: EmbeddedDynamoDB) -> Iterator[Running]:
    """The zip of an example, served."""
    done = decanter("package", "--project-dir", EXAMPLES / name, "--out", folder / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    project = folder / name
    with zipfile.ZipFile(folder / "out" / "result" / "deployment.zip") as archive:
        archive.extractall(project)
    shutil.copytree(EXAMPLES / name / ".chalice", project / ".chalice")
    template = Project.load(project).template(api_id=API_ID)
    create_tables(dynamodb.endpoint, template.tables() if template else [], region="us-east-1")
    arguments = ("--no-reload", "--dynamodb-endpoint", dynamodb.endpoint)
    environment = {"PYTHONPATH": "", "AWS_CONFIG_FILE": os.devnull}
    with gateway(project, *arguments, python=python, environment=environment) as running:
        yield running


def test_echo(tmp_path: Path, python: str, dynamodb: EmbeddedDynamoDB) -> None:
    with (
        unpacked("echo", tmp_path, python, dynamodb) as running,
        running.connect() as alice,
    ):
        alice.send("hello")
        assert alice.recv(timeout=SECONDS) == "hello"


def test_broadcast(tmp_path: Path, python: str, dynamodb: EmbeddedDynamoDB) -> None:
    with (
        unpacked("broadcast", tmp_path, python, dynamodb) as running,
        running.connect() as alice,
    ):
        with running.connect() as bob:
            alice.send('{"message": "sendmessage", "data": "hello"}')
            assert [each.recv(timeout=SECONDS) for each in (alice, bob)] == ['"hello"'] * 2
        running.wait_for_line('"event": "disconnect".*"outcome": "ok"')
        alice.send('{"message": "sendmessage", "data": "alone"}')
        assert alice.recv(timeout=SECONDS) == '"alone"'
        running.wait_for_line('"broadcasts": .*"sent": 1, "gone": 0')


def test_chat(tmp_path: Path, python: str, dynamodb: EmbeddedDynamoDB) -> None:
    with (
        unpacked("chat", tmp_path, python, dynamodb) as running,
        running.connect("nickname=alice") as alice,
    ):

        def hears(who: ClientConnection, **news: str) -> bool:
            return bool(json.loads(who.recv(timeout=SECONDS)) == {"room": "tea"} | news)

        alice.send('{"action": "join", "room": "tea"}')
        assert hears(alice, joined="alice")
        with running.connect("nickname=bob") as bob:
            bob.send('{"action": "join", "room": "tea"}')
            assert hears(alice, joined="bob")
            assert hears(bob, joined="bob")
            bob.send('{"action": "say", "room": "tea", "text": "milk?"}')
            for each in (alice, bob):  # who is gone before it is forgotten without a word
                assert hears(each, **{"from": "bob"}, text="milk?")
        assert hears(alice, left="bob")
