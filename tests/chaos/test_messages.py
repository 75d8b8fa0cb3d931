"""Messages of clients: mistakes, unusual input and floods of both, during broadcasts."""

import json

import pytest

from tests.chaos.stage import Counts, Stage

SEND = '{{"message":"sendmessage","data":{}}}'
FRAME, MESSAGE = 32 * 1024, 128 * 1024

MISTAKES = {
    "": "bad_json",
    "{": "bad_json",
    "[" * 10_000: "bad_json",
    SEND.format("NaN"): "bad_json",
    "null": "not_an_object",
    "[]": "not_an_object",
    "3": "not_an_object",
    '"x"': "not_an_object",
    r'{"message":"sendmessage","data":"\ud800"}': "bad_json",
    '{"message":"sendmessage","data":1e999}': "bad_json",
    '{"message":"sendmessage"}': "missing_data",
    '{"message":"SENDMESSAGE","data":1}': "unknown_route",
    '{"message":"$connect","data":1}': "unknown_route",
    '{"message":"$disconnect","data":1}': "unknown_route",
    '{"message":"$default","data":1}': "unknown_route",
}

DATA = [
    "null",
    "0",
    '""',
    '{"a": [1.0, 1e5], "a": 2}',
    '"😀"',
    r'"\ud83d\ude00"',
    r'"\u0000"',
    '"<script>alert(1)</script>"',
]


@pytest.mark.case(21, 23, 24)
def test_a_mistake_gets_an_error_frame_and_changes_nothing(stage: Stage) -> None:
    clients = stage.join()
    before = stage.table.ids()
    for text, code in MISTAKES.items():
        sender = stage.chance.choice(clients)
        stage.identify(sender)
        line = stage.say(sender, text)
        assert (line["outcome"], line["status"] in (400, 404)) == (code, True)
        stage.swarm.settle()
        assert json.loads(sender.errors.pop())["error"]["code"] == code
    assert stage.table.ids() == before
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    stage.reconcile()
    assert not any(client.errors for client in clients)


@pytest.mark.case(22, 27)
def test_data_arrives_unchanged(stage: Stage) -> None:
    clients = stage.join()
    for data in DATA:
        for client in clients:
            client.expected.append(data)
        stage.say(stage.chance.choice(clients), SEND.format(data))
    stage.reconcile()


@pytest.mark.case(25)
@pytest.mark.parametrize("letter", ["x", "é"], ids=["ASCII", "two bytes a letter"])
def test_a_frames_limit_is_counted_in_bytes(stage: Stage, letter: str) -> None:
    clients = stage.join(10)
    room = FRAME - len(SEND.format('""'))
    fits = letter * (room // len(letter.encode())) + "x" * (room % len(letter.encode()))
    for client in clients:
        client.expected.append(f'"{fits}"')
    stage.say(clients[0], SEND.format(f'"{fits}"'))
    stage.reconcile()
    stage.swarm.send(clients[1], SEND.format(f'"{fits}x"'))
    assert stage.swarm.close_code(clients[1]) == 1009


@pytest.mark.case(25)
def test_a_message_above_128_kb_is_too_large(stage: Stage) -> None:
    clients = stage.join(3)
    stage.swarm.send_parts(clients[0], SEND.format('"' + "x" * MESSAGE + '"'), FRAME)
    assert stage.swarm.close_code(clients[0]) == 1009
    stage.reconcile()


@pytest.mark.case(26)
def test_a_binary_frame_closes_only_its_own_connection(stage: Stage) -> None:
    clients = stage.join()
    stage.swarm.send(clients[1], b"\x00")
    assert stage.swarm.close_code(clients[1]) == 1003
    stage.table.wait_for(len(clients) - 1)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients) - 1)
    stage.reconcile()


@pytest.mark.case(7)
def test_a_too_large_frame_is_refused_before_anything_is_sent(stage: Stage) -> None:
    clients = stage.join()
    line = stage.say(clients[0], json.dumps({"message": "grow", "bytes": MESSAGE + 1}))
    assert (line["outcome"], line["status"], line.get("broadcasts")) == ("too_large", 413, None)
    stage.swarm.settle()
    assert json.loads(clients[0].errors.pop())["error"]["code"] == "too_large"
    stage.reconcile()


@pytest.mark.case(29)
def test_the_log_has_no_secret_from_a_url_or_a_message(stage: Stage) -> None:
    stage.swarm.join(5, query="token=SECRET-OF-THE-URL")
    clients = stage.swarm.clients
    stage.broadcast(clients[0], "SECRET-OF-A-MESSAGE")
    stage.say(clients[0], '{"message":"SECRET-ROUTE"}')
    stage.say(clients[0], "SECRET-TEXT")
    stage.reconcile()
    assert not [line for line in stage.running.lines if "SECRET" in line]
