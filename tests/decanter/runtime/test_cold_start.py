"""The limits of a cold start's work, seen in a separate process."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import decanter
from chalicelib.connections import Connection
from tests.support.events import connect_event, message_event
from tests.support.management import run_management

ROOT = Path(__file__).resolve().parents[3]

NEEDLESS = ["boto3", "asyncio", "decanter.runtime.transports.fast.transport"]
NEEDLESS += ["decanter.runtime.fanout.sweep", "decanter.runtime.fanout.send"]
NEEDLESS += ["decanter.runtime.store.schema"]
NEEDLESS += ["decanter.runtime.publishing.queue", "decanter.runtime.publishing.worker"]
NEEDLESS += ["decanter.runtime.store.jobs"]
NEEDLESS += ["decanter.runtime.channels", "decanter.runtime.routing.channel_wire"]
NEEDLESS += ["decanter.runtime.hooks.tokens", "decanter.runtime.hooks.rate_limit"]

IMPORT = """
import gc, json, sys
import app
print(json.dumps([gc.isenabled(), sorted(sys.modules.keys() & sys.argv[1:])]))
"""

NAMES = """
import json
import decanter
from decanter import *
print(json.dumps(sorted(name for name in decanter.__all__ if name not in globals())))
"""

BROADCAST = """
import gc, json, sys
import app
from botocore.client import BaseClient
from botocore.session import Session
answer = app.router.handle(json.loads(sys.argv[1]))
made = [each for each in gc.get_objects() if isinstance(each, (BaseClient, Session))]
names = sorted(type(each).__name__ for each in made)
print(json.dumps([answer["statusCode"], "boto3" in sys.modules, names]))
"""

SENDS = """
import json, sys
import app
app.router.handle(json.loads(sys.argv[1]))
report = app.router.broadcast("x")
app.router.send("id=", "x")
wanted = ("decanter.runtime.publishing.", "decanter.runtime.store.")
print(json.dumps([report.sent, sorted(name for name in sys.modules if name.startswith(wanted))]))
"""


def last_line(source: str, *arguments: str) -> object:
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_the_app_imports_only_what_it_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in [name for name in os.environ if name.startswith(("AWS_", "CONNECTIONS_"))]:
        monkeypatch.delenv(variable)
    assert last_line(IMPORT, *NEEDLESS) == [True, []]


def test_every_public_name_can_be_imported() -> None:
    assert last_line(NAMES) == []


def test_an_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Nobody'"):
        exec("from decanter import Nobody")
    assert not hasattr(decanter, "Nobody")


def test_a_broadcast_makes_one_session_and_only_the_tables_client(
    table: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    table.record(connect_event(connectedAt=int(time.time() * 1000)))
    with run_management() as management:
        monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", management.endpoint)
        event = json.dumps(message_event('{"message": "sendmessage", "data": 1}'))
        assert last_line(BROADCAST, event) == [200, False, ["DynamoDB", "Session"]]
        assert dict(management.received) == {"Sender0000DoECA=": [b"1"]}


def test_without_a_queue_sending_imports_no_module_of_the_queue(
    table: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    table.record(connect_event(connectedAt=int(time.time() * 1000)))
    with run_management() as management:
        monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", management.endpoint)
        event = json.dumps(message_event('{"message": "sendmessage", "data": 1}'))
        modules = ("publishing.publisher", "store.connections", "store.tables")
        assert last_line(SENDS, event) == [1, [f"decanter.runtime.{each}" for each in modules]]
