"""A parent and its child send through one router at the same time, each on its own sockets."""

import json
import os
import subprocess
import sys

import pytest

from decanter.local.dynamodb.embedded import EmbeddedDynamoDB
from tests.support.gateways import ROOT, SECONDS
from tests.support.management import run_management
from tests.support.marks import THOROUGH

SCRIPT = """
import json, os, sys
from chalicelib.connections import Connection
from decanter import Router
from tests.support.events import connect_event, message_event
from decanter.runtime.clock import Clock

Connection.create_table(read_capacity_units=5, write_capacity_units=5, wait=True)
at = Clock().time_ms() - 60_000
for number in range(40):
    Connection.record(connect_event(connectionId=f"c{number:02}", connectedAt=at))
router = Router("$request.body.action", connections=Connection, backoff=lambda _: 0.0)
sent = []

@router.route("say")
def say(request):
    sent.append(request.broadcast("hi").sent)

def run():
    for _ in range(10):
        router.handle(message_event('{"action": "say"}', connectedAt=at))

run()
child = os.fork()
run()
if child:
    _, status = os.waitpid(child, 0)
    print(json.dumps([sent, status]), flush=True)
os._exit(0 if sent == [40] * 20 else 1)
"""


@pytest.mark.parametrize("transport", ["fast", pytest.param("botocore", marks=THOROUGH)])
def test_a_forked_process_uses_nothing_of_its_parent(transport: str) -> None:
    with EmbeddedDynamoDB() as dynamodb, run_management() as management:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env=os.environ
            | {
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint,
                "CONNECTIONS_TABLE": "rows",
                "DECANTER_MANAGEMENT_ENDPOINT": management.endpoint,
                "DECANTER_TRANSPORT": transport,
            },
            stdout=subprocess.PIPE,
            text=True,
            timeout=3 * SECONDS,
            check=False,
        )
        assert json.loads(done.stdout.splitlines()[-1]) == [[40] * 20, 0]
        attempts = [management.attempts(f"c{number:02}") for number in range(40)]
    assert attempts == [30] * 40  # ten before the fork, ten in each process after it
