"""Rules 41 to 51: the end of a connection, and the disconnect event."""

import contextlib
import json
import socket
import struct
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode

from tests.contract.conftest import Events
from tests.support.apps import NO_DATABASE
from tests.support.clients import ask, connection_id, raw_client, read_frame, receive, seen_by
from tests.support.gateways import PROJECTS, Running, gateway, wait_until


def ended(events: Events, connection: str) -> tuple[int, str]:
    """Return the code and the reason in the disconnect event."""
    context = events.of("DISCONNECT", connection)["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


@pytest.mark.rule(41, 42, 45)
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, ""), (4999, "ré 😀")])
def test_the_disconnect_event_follows_a_clients_close(
    probe: Running, events: Events, code: int, reason: str
) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        client.close(code, reason)
    assert ended(events, mine) == (code, reason)
    assert events.was_gone(mine)


@pytest.mark.rule(44)
def test_a_close_without_a_code_is_a_1005(probe: Running, events: Events) -> None:
    with raw_client(probe) as raw:
        raw.sendall(Frame(Opcode.TEXT, b'{"show":"event"}').serialize(mask=True))
        mine = json.loads(read_frame(raw)[1])["requestContext"]["connectionId"]
        raw.sendall(Frame(Opcode.CLOSE, b"").serialize(mask=True))
        assert read_frame(raw) == (8, b"")
    assert ended(events, mine) == (1005, "Client-side close frame status not set")


@pytest.mark.rule(95)
def test_a_close_between_fragments_is_a_clean_close(probe: Running, events: Events) -> None:
    """This is case 7.1.5 of the Autobahn test suite; the fragment after it is ignored."""
    with raw_client(probe) as raw:
        raw.sendall(Frame(Opcode.TEXT, b'{"show":"event"}').serialize(mask=True))
        mine = json.loads(read_frame(raw)[1])["requestContext"]["connectionId"]
        raw.sendall(
            Frame(Opcode.TEXT, b"fragment1", fin=False).serialize(mask=True)
            + Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=True)
            + Frame(Opcode.CONT, b"fragment2").serialize(mask=True)
        )
        assert read_frame(raw) == (8, Close(1000, "").serialize())
    assert ended(events, mine) == (1000, "")


@pytest.mark.rule(50)
@pytest.mark.parametrize("reset", [True, False])
def test_a_lost_socket_is_a_1006(probe: Running, events: Events, reset: bool) -> None:
    raw = raw_client(probe)
    raw.sendall(Frame(Opcode.TEXT, b'{"show":"event"}').serialize(mask=True))
    mine = json.loads(read_frame(raw)[1])["requestContext"]["connectionId"]
    if reset:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    assert ended(events, mine)[0] == 1006


@pytest.mark.rule(49, 80)
def test_delete_closes_with_1000(probe: Running, events: Events) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        probe.management().delete_connection(ConnectionId=mine)
        assert seen_by(client)[0] == 1000
    assert ended(events, mine) == (1000, "Connection Closed Normally")


@pytest.mark.rule(41)
def test_a_handler_may_close_its_own_connection(probe: Running, events: Events) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        client.send('{"close": ""}')
        assert seen_by(client)[0] == 1000
    assert ended(events, mine)[0] == 1000


@pytest.fixture(scope="module", name="impatient")
def _impatient(events_folder: object) -> Iterator[Running]:
    environment = {"PROBE_EVENTS": str(events_folder)}
    options = (*NO_DATABASE, "--idle-timeout", "1", "--max-age", "3")
    with gateway(PROJECTS / "probe", *options, environment=environment) as it:
        wait_until(lambda: answers(it), "the function's process has started")
        yield it


def answers(running: Running) -> bool:
    """True if a client gets an answer before it has been idle for too long."""
    with contextlib.suppress(ConnectionClosed), running.connect() as client:
        return bool(connection_id(client))
    return False


@pytest.mark.rule(46, 47)
def test_idleness_closes_with_1001_and_a_ping_is_not_activity(
    impatient: Running, events: Events
) -> None:
    with impatient.connect(ping_interval=0.1) as client:
        mine = connection_id(client)
        assert seen_by(client) == (1001, "Going away")
    assert ended(events, mine) == (1001, "Going away")


@pytest.mark.rule(46)
def test_a_message_in_either_direction_is_activity(impatient: Running) -> None:
    with impatient.connect() as client:
        mine = connection_id(client)
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.6)
        impatient.management().post_to_connection(ConnectionId=mine, Data=b"out")
        assert receive(client) == "out"
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.6)
        assert ask(client, send="in") == "in"


@pytest.mark.rule(48)
def test_age_closes_with_1001_however_active(impatient: Running, events: Events) -> None:
    with impatient.connect() as client:
        mine = connection_id(client)

        def stay_busy() -> None:
            while True:
                assert ask(client, send="busy") == "busy"
                with contextlib.suppress(TimeoutError):
                    client.recv(timeout=0.2)

        with pytest.raises(ConnectionClosed):
            stay_busy()
        assert (client.close_code, client.close_reason) == (1001, "Going away")
    assert ended(events, mine) == (1001, "Going away")


def test_a_client_that_does_not_answer_a_close_is_dropped(probe: Running, events: Events) -> None:
    with raw_client(probe) as raw:
        raw.sendall(Frame(Opcode.TEXT, b'{"show":"event"}').serialize(mask=True))
        mine = json.loads(read_frame(raw)[1])["requestContext"]["connectionId"]
        probe.management().delete_connection(ConnectionId=mine)
        assert read_frame(raw)[0] == 8
        assert raw.recv(1) == b""
    assert ended(events, mine)[0] == 1000
