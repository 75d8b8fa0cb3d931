"""A message from one client reaches every connected client."""

import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter

import pytest
import websocket
from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import ClientConnection

from tests.support.connection_table import Table
from tests.support.gateways import NODE, ROOT, SECONDS, Running, wait_until

HELLO = '{"message":"sendmessage","data":"hello world !"}'
WSCAT = NODE / "node_modules" / ".bin" / "wscat"


def receive(client: ClientConnection) -> str:
    """Return the next text message."""
    message = client.recv(timeout=SECONDS)
    assert isinstance(message, str)
    return message


def sending(data: str) -> str:
    """Return the message that broadcasts this JSON text."""
    return f'{{"message":"sendmessage","data":{data}}}'


def test_a_message_reaches_every_client_the_sender_included(service: Running, table: Table) -> None:
    other = websocket.create_connection(service.url, timeout=SECONDS)
    with service.connect() as first, service.connect() as second:
        first.send(HELLO)
        assert receive(first) == receive(second) == other.recv() == '"hello world !"'
        other.send(HELLO)
        assert receive(first) == receive(second) == other.recv() == '"hello world !"'
        assert len(table.ids()) == 3
        other.close()
    table.wait_for(0)


@pytest.mark.skipif(not WSCAT.exists(), reason="wscat is not installed: make node")
def test_with_npms_wscat(service: Running, table: Table) -> None:
    command = [str(WSCAT), "--no-color", "--connect", service.url, "--execute", HELLO]
    with (
        service.connect() as other,
        subprocess.Popen(
            [*command, "--wait", "60"],  # it is ended after it has printed the frame
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as wscat,
    ):
        assert receive(other) == '"hello world !"'
        assert wscat.stdout is not None
        assert any('"hello world !"' in line for line in wscat.stdout)
        wscat.kill()


@pytest.mark.parametrize(
    "data",
    [
        '"hello world !"',
        "1.0",
        "1e5",
        "-0",
        "12345678901234567890.5",
        "null",
        "true",
        '""',
        "[]",
        '{"b" : 1,\n "a":[1 , 2], "b": 3}',
        r'"\u00e9\/\ud83d\ude00\u0000"',
        '"é😀<script>alert(1)</script>"',
    ],
)
def test_data_arrives_byte_for_byte(service: Running, data: str) -> None:
    with service.connect() as client:
        client.send(sending(data))
        assert receive(client) == data


def test_a_row_has_its_connection_and_expiry_times(service: Running, table: Table) -> None:
    with service.connect() as client:
        client.send(HELLO)
        receive(client)
        (name,) = table.ids()
        row = table.row(name)
        assert set(row) == {"connectionID", "connected_at", "expires_at"}
        connected_at = int(row["connected_at"]["N"])
        assert abs(connected_at / 1000 - time.time()) < SECONDS
        assert int(row["expires_at"]["N"]) == connected_at // 1000 + 130 * 60


async def _join(url: str) -> AsyncConnection:
    return await connect_async(url, compression=None, open_timeout=60)


async def _swarm(url: str, clients: int, messages: int, table: Table) -> list[Counter[str]]:
    connections = await asyncio.gather(*(_join(url) for _ in range(clients)))
    assert len(table.ids()) == clients

    async def collect(connection: AsyncConnection) -> Counter[str]:
        received: Counter[str] = Counter()
        for _ in range(messages):
            received[str(await asyncio.wait_for(connection.recv(), 60))] += 1
        return received

    collectors = [asyncio.create_task(collect(each)) for each in connections]
    for number in range(messages):
        await connections[number * 7 % clients].send(sending(str(number)))
    ledgers = await asyncio.gather(*collectors)
    await asyncio.gather(*(connection.close() for connection in connections))
    return ledgers


def test_200_clients_get_each_of_5_messages_once(service: Running, table: Table) -> None:
    ledgers = asyncio.run(_swarm(service.url, 200, 5, table))
    expected = Counter(str(number) for number in range(5))
    assert [ledger for ledger in ledgers if ledger != expected] == []
    table.wait_for(0)


def test_a_reset_socket_does_not_disturb_a_broadcast(service: Running, table: Table) -> None:
    with service.connect() as first, service.connect() as second:
        lost = websocket.create_connection(service.url, timeout=SECONDS)
        table.wait_for(3)
        linger = struct.pack("ii", 1, 0)
        assert lost.sock is not None
        lost.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        lost.sock.close()
        first.send(HELLO)
        assert receive(first) == receive(second) == '"hello world !"'
        table.wait_for(2)


def test_a_killed_client_does_not_disturb_a_broadcast(service: Running, table: Table) -> None:
    command = [sys.executable, "-m", "decanter", "client", service.url]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=ROOT)
    with service.connect() as first, service.connect() as second:
        table.wait_for(3)
        os.kill(process.pid, signal.SIGKILL)
        first.send(HELLO)
        assert receive(first) == receive(second) == '"hello world !"'
        table.wait_for(2)
    process.communicate()


def test_a_row_whose_disconnect_never_came_is_removed_by_a_broadcast(
    service: Running, table: Table
) -> None:
    old = int((time.time() - 60) * 1000)
    table.put("AAAAAAAAAAAAAAA=", old)
    with service.connect() as client:
        client.send(HELLO)
        assert receive(client) == '"hello world !"'
        wait_until(lambda: "AAAAAAAAAAAAAAA=" not in table.ids(), "the dead row is removed")
        assert len(table.ids()) == 1


BAD = [
    ("", "bad_json", 400),
    ("null", "not_an_object", 400),
    ("[]", "not_an_object", 400),
    ("3", "not_an_object", 400),
    ('"x"', "not_an_object", 400),
    ("{", "bad_json", 400),
    ('{"message":"sendmessage","data":NaN}', "bad_json", 400),
    ('{"message":"sendmessage","data":-Infinity}', "bad_json", 400),
    ("[" * 10_000, "bad_json", 400),
    ("9" * 4_300, "not_an_object", 400),
    ("9" * 4_301, "bad_json", 400),
    ('{"message":"sendmessage","data":"\\ud800"}', "bad_json", 400),
    ('{"message":"sendmessage","data":1e999}', "bad_json", 400),
    ('{"message":"sendmessage"}', "missing_data", 400),
    ('{"message":"SendMessage","data":1}', "unknown_route", 404),
    ('{"data":1}', "unknown_route", 404),
    ('{"message":"$connect","data":1}', "unknown_route", 404),
    ('{"message":"$disconnect","data":1}', "unknown_route", 404),
    ('{"message":"$default","data":1}', "unknown_route", 404),
]


@pytest.mark.parametrize(("text", "code", "status"), BAD, ids=[text[:40] for text, _, _ in BAD])
def test_only_the_sender_gets_an_error_frame(
    service: Running, table: Table, text: str, code: str, status: int
) -> None:
    with service.connect() as other, service.connect() as sender:
        before = table.ids() if not text else set()
        sender.send(text)
        frame = json.loads(receive(sender))
        assert frame["error"]["code"] == code
        assert frame["error"].get("known_routes") == (
            ["sendmessage"] if code == "unknown_route" else None
        )
        assert {"connectionId", "requestId"} < set(frame)
        service.wait_for_line(f'"request_id": "{frame["requestId"]}".*"status": {status}')
        other.send(HELLO)  # the other client's first message is its own
        assert receive(other) == receive(sender) == '"hello world !"'
        assert not before or table.ids() == before


def test_the_error_frame_has_the_clients_ref(service: Running) -> None:
    with service.connect() as client:
        client.send('{"message":"nope","ref":"a-7"}')
        assert json.loads(receive(client))["error"]["ref"] == "a-7"


def test_the_log_has_no_payload_and_no_query_string(service: Running) -> None:
    with service.connect("token=SECRETTOKEN") as client:
        client.send(sending('"SECRETDATA"'))
        receive(client)
        client.send('{"message":"SECRETROUTE"}')
        receive(client)
        client.send("SECRETTEXT")
        frame = json.loads(receive(client))
    service.wait_for_line(f"disconnect +{frame['connectionId']}")
    assert not [line for line in service.lines if "SECRET" in line]
