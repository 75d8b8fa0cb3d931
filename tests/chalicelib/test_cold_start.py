"""What a cold start does not do, seen in a process of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import Connection

from .events import connect_event, message_event
from .management import run_management

ROOT = Path(__file__).resolve().parents[2]

IMPORT = """
import json, sys
import app
names = set(sys.modules)
print(json.dumps(sorted(names & {"boto3", "asyncio", "chalicelib.transports.fast"})))
"""

BROADCAST = """
import gc, json, sys
import app
from botocore.client import BaseClient
from botocore.session import Session
answer = app.router.dispatch(json.loads(sys.argv[1]))
made = [each for each in gc.get_objects() if isinstance(each, (BaseClient, Session))]
names = sorted(type(each).__name__ for each in made)
print(json.dumps([answer["statusCode"], "boto3" in sys.modules, names]))
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


def test_importing_the_app_imports_neither_boto3_nor_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in [name for name in os.environ if name.startswith(("AWS_", "CONNECTIONS_"))]:
        monkeypatch.delenv(variable)
    assert last_line(IMPORT) == []


def test_a_broadcast_makes_one_session_and_no_client_but_the_tables(
    table: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    table.record(connect_event(connectedAt=int(time.time() * 1000)))
    with run_management() as management:
        monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", management.endpoint)
        event = json.dumps(message_event('{"message": "sendmessage", "data": 1}'))
        assert last_line(BROADCAST, event) == [200, False, ["DynamoDB", "Session"]]
        assert dict(management.received) == {"Sender0000DoECA=": [b"1"]}
