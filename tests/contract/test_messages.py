"""Rules 18 to 40: messages, and the effects of a handler's outcome."""

import contextlib
import json
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from tests.contract.conftest import Events, Serve, source_of
from tests.support.apps import NO_DATABASE
from tests.support.clients import (
    ask,
    connection_id,
    handshake,
    own_event,
    raw_client,
    read_frame,
    receive,
    seen_by,
)
from tests.support.gateways import PROJECTS, SECONDS, Running, gateway, wait_until


def chosen(client: ClientConnection, text: str) -> str:
    """Return the route key that a message selects; `routes` sends it back."""
    client.send(text)
    return str(json.loads(receive(client))["routeKey"])


@pytest.fixture(scope="module", name="routes")
def _routes() -> Any:
    with gateway(PROJECTS / "routes", *NO_DATABASE) as it:
        yield it


@pytest.mark.rule(18, 59)
def test_the_selected_key_picks_the_route_or_else_default(routes: Running) -> None:
    with routes.connect() as client:
        assert chosen(client, '{"kind":"one","more":1}') == "one"
        assert chosen(client, '{"kind":"One"}') == "$default"
        assert chosen(client, '{"kind":"other"}') == "$default"
        assert chosen(client, "{}") == "$default"
        assert chosen(client, "[1]") == "$default"


@pytest.mark.rule(19)
@pytest.mark.parametrize("text", ["not JSON", "{", '{"kind":NaN}', "[" * 20000, "9" * 5000])
def test_a_message_that_is_not_json_goes_to_default(routes: Running, text: str) -> None:
    with routes.connect() as client:
        assert chosen(client, text) == "$default"


@pytest.mark.rule(23)
@pytest.mark.parametrize("key", ["$connect", "$disconnect", "$default"])
def test_a_client_cannot_select_a_lifecycle_route(routes: Running, key: str) -> None:
    with routes.connect() as client:
        assert chosen(client, json.dumps({"kind": key})) == "$default"


@pytest.mark.rule(22, 91)
def test_without_a_route_the_frame_says_forbidden(serve: Serve) -> None:
    with serve(source_of("silent")).connect() as client:
        for _ in range(2):  # the socket stays open
            client.send('{"action":"any"}')
            text = receive(client)
            frame = json.loads(text)
            assert set(frame) == {"message", "connectionId", "requestId"}
            assert text == (
                f'{{"message": "Forbidden", "connectionId":"{frame["connectionId"]}", '
                f'"requestId":"{frame["requestId"]}"}}'
            )


@pytest.mark.rule(24, 51)
@pytest.mark.parametrize("data", [b"\x00\x01", b"", b'{"send":"text as binary"}'])
def test_a_binary_frame_closes_with_1003(probe: Running, events: Events, data: bytes) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        client.send(data)
        assert seen_by(client)[0] == 1003
    context = events.of("DISCONNECT", mine)["requestContext"]
    assert context["disconnectStatusCode"] == 1003
    assert events.of("MESSAGE", mine)["body"] == '{"show": "event"}'


@pytest.mark.rule(25)
@pytest.mark.parametrize(
    "text", ["a" * 32768, "é" * 16384, "€" * 10922 + "ab"], ids=["ascii", "2-byte", "3-byte"]
)
def test_a_frame_of_32_kb_is_accepted(probe: Running, text: str) -> None:
    assert len(text.encode()) == 32768
    with probe.connect(max_size=None) as client:
        client.send(text)
        assert receive(client) == f"echo {text}"


@pytest.mark.rule(25, 51)
@pytest.mark.parametrize("text", ["a" * 32769, "é" * 16384 + "a"], ids=["ascii", "2-byte"])
def test_a_frame_above_32_kb_closes_with_1009(probe: Running, events: Events, text: str) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        client.send(text)
        assert seen_by(client)[0] == 1009
    assert events.of("DISCONNECT", mine)["requestContext"]["disconnectStatusCode"] == 1009


@pytest.mark.rule(93)
def test_a_binary_frame_above_32_kb_closes_with_1009(probe: Running) -> None:
    with probe.connect() as client:
        client.send(bytes(32769))
        assert seen_by(client)[0] == 1009


def in_frames(text: str, size: int = 32768) -> list[str]:
    """Return the text in pieces of this many characters."""
    return [text[i : i + size] for i in range(0, len(text), size)]


@pytest.mark.rule(26, 27, 75)
def test_four_full_frames_are_one_message(probe: Running, events: Events) -> None:
    text = ("x" * 131071) + "z"
    with probe.connect(max_size=None) as client:
        mine = connection_id(client)
        order = '{"show": "process", "more": ""}'.replace('""', f'"{"y" * 131041}"')
        client.send(in_frames(order))
        receive(client)
        assert (events.of("MESSAGE", mine)["body"], len(order)) == (order, 131072)
        probe.management().post_to_connection(ConnectionId=mine, Data=text.encode())
        assert receive(client) == text


@pytest.mark.rule(26, 51)
def test_a_message_above_128_kb_closes_with_1009(probe: Running) -> None:
    with probe.connect() as client:
        with contextlib.suppress(ConnectionClosed):  # the gateway may close before the last frame
            client.send(in_frames("x" * 131073))
        assert seen_by(client)[0] == 1009


@pytest.mark.rule(28)
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True), 1007),
        (Frame(Opcode.TEXT, b"\xe2\x82").serialize(mask=True), 1007),
        (b"\x83\x80abcd", 1002),  # opcode 3
        (b"\xc1\x80abcd", 1002),  # a reserved bit
        (b"\x89\xfe\x00\x7eabcd" + bytes(126), 1002),  # a ping of 126 bytes
        (b"\x09\x80abcd", 1002),  # a fragmented ping
        (b"\x80\x80abcd", 1002),  # a continuation without a beginning
        (b"\x81\x00", 1002),  # not masked
    ],
    ids=[
        "invalid UTF-8",
        "half a character",
        "opcode 3",
        "a reserved bit",
        "a ping of 126 bytes",
        "a fragmented ping",
        "a continuation of nothing",
        "not masked",
    ],
)
def test_a_protocol_error_closes_as_rfc_6455_requires(
    probe: Running, data: bytes, code: int
) -> None:
    with raw_client(probe) as raw:
        raw.sendall(data)
        opcode, payload = read_frame(raw)
        assert (opcode, int.from_bytes(payload[:2])) == (8, code)


@pytest.mark.rule(28)
def test_frames_may_split_a_character_and_a_ping_may_come_between(probe: Running) -> None:
    with raw_client(probe) as raw:
        raw.sendall(Frame(Opcode.TEXT, b"\xe2\x82", fin=False).serialize(mask=True))
        raw.sendall(Frame(Opcode.PING, b"between").serialize(mask=True))
        assert read_frame(raw) == (10, b"between")
        raw.sendall(Frame(Opcode.CONT, b"\xac").serialize(mask=True))
        assert read_frame(raw) == (1, "echo €".encode())


@pytest.mark.rule(29)
def test_a_ping_is_answered_with_its_payload(probe: Running) -> None:
    with probe.connect() as client:
        assert client.ping("payload").wait(SECONDS)


@pytest.mark.rule(30)
def test_an_empty_message_goes_to_default_with_an_empty_body(routes: Running) -> None:
    with routes.connect() as client:
        assert chosen(client, "") == "$default"


@pytest.mark.rule(31)
def test_a_slow_handler_does_not_delay_others_or_posts(probe: Running) -> None:
    with probe.connect() as slow, probe.connect() as quick:
        mine = connection_id(slow)
        slow.send('{"sleep": 1.5}')
        assert ask(quick, send="quick") == "quick"
        probe.management().post_to_connection(ConnectionId=mine, Data=b"meanwhile")
        assert receive(slow) == "meanwhile"
        assert receive(slow) == "slept"


@pytest.mark.rule(32)
def test_two_messages_of_one_connection_may_be_handled_concurrently(probe: Running) -> None:
    with probe.connect() as client:
        client.send('{"sleep": 1.5}')
        client.send('{"send": "second"}')
        assert [receive(client), receive(client)] == ["second", "slept"]


@pytest.mark.rule(32)
def test_a_disconnect_handler_does_not_wait_for_a_message_handler(
    probe: Running, events: Events
) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        client.send(json.dumps({"outlive": SECONDS}))
    wait_until(
        lambda: events.outlived(mine), "the message handler saw the disconnect handler's end"
    )


@pytest.mark.rule(33, 34, 35, 90)
@pytest.mark.parametrize("status", [200, 301, 401, 501])
def test_a_one_way_routes_return_value_is_not_sent(probe: Running, status: int) -> None:
    with probe.connect() as client:
        client.send(json.dumps({"give": {"statusCode": status, "body": "unseen"}}))
        assert ask(client, send="next") == "next"


@pytest.mark.rule(36)
def test_a_handler_that_raises_is_an_error_frame_and_the_socket_stays(probe: Running) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        text = ask(client, fail=1)
        frame = json.loads(text)
        assert text == (
            f'{{"message": "Internal server error", "connectionId":"{mine}", '
            f'"requestId":"{frame["requestId"]}"}}'
        )
        assert probe.wait_for_line(f"ran .*message .*{'raised'}")
        assert probe.wait_for_line(f"{frame['requestId']} \\| RuntimeError: as requested")
        assert ask(client, send="later") == "later"


@pytest.mark.rule(37)
@pytest.mark.parametrize(
    "value", [{"statusCode": 200, "extra": 1}, {"statusCode": "200"}, {"statusCode": None}]
)
def test_a_malformed_result_is_the_same_frame(probe: Running, value: object) -> None:
    with probe.connect() as client:
        assert json.loads(ask(client, give=value))["message"] == "Internal server error"


def test_a_handler_whose_process_dies_is_the_same_frame(probe: Running) -> None:
    with probe.connect() as client:
        assert json.loads(ask(client, leave=3))["message"] == "Internal server error"
        assert probe.wait_for_line("the process ended while it ran the handler: exit status 3")
        assert ask(client, send="later") == "later"


@pytest.mark.rule(38)
def test_after_the_integration_timeout_an_error_frame_is_sent_and_the_handler_continues(
    hasty: Running,
) -> None:
    with hasty.connect() as client:
        assert json.loads(ask(client, sleep=1.5))["message"] == "Endpoint request timed out"
        assert receive(client) == "slept"


def test_after_its_own_timeout_a_handler_is_ended(hasty: Running) -> None:
    with hasty.connect() as client:
        first = ask(client, show="process")
        assert json.loads(ask(client, sleep=60))["message"] == "Endpoint request timed out"
        assert hasty.wait_for_line(r"Task timed out after 4\.00 seconds")
        assert ask(client, show="process") != first


@pytest.mark.rule(39)
def test_a_two_way_route_sends_the_body_with_any_status(routes: Running) -> None:
    with routes.connect() as client:
        for body, shown in (("answer", "answer"), (None, "")):
            client.send(json.dumps({"kind": "two-way", "status": 500, "body": body}))
            assert receive(client) == shown


def test_a_flood_is_read_only_as_fast_as_it_is_handled(probe: Running) -> None:
    answers: list[str] = []
    with probe.connect() as client:
        reader = threading.Thread(
            target=lambda: answers.extend(receive(client) for _ in range(300))
        )
        reader.start()
        for number in range(300):
            client.send(str(number))
        reader.join(SECONDS)
    expected = {f"echo {number}" for number in range(300)}
    assert (set(answers) ^ expected, len(answers)) == (set(), 300)


def test_messages_directly_after_the_handshake_are_not_lost(probe: Running) -> None:
    parts = urlsplit(probe.url)
    with socket.create_connection((parts.hostname, parts.port), SECONDS) as raw:
        early = Frame(Opcode.TEXT, b"early").serialize(mask=True)
        raw.sendall(handshake(probe, parts.path) + early)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += raw.recv(1)
        assert read_frame(raw) == (1, b"echo early")


@pytest.mark.rule(67)
def test_the_body_is_the_message_unchanged(probe: Running) -> None:
    text = '{ "show" : "event", "a": "é\\u20ac😀", "n": 1.0 }'
    with connect(probe.url, open_timeout=SECONDS) as client:
        client.send(text)
        event = json.loads(receive(client))
        assert (event["body"], event["isBase64Encoded"]) == (text, False)
        assert own_event(client)["requestContext"]["routeKey"] == "$default"
