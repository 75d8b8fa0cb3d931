from typing import Any

import pytest

from decanter.testing import WebSocket, WebSocketClient


def ask(client: WebSocket, command: str, **fields: Any) -> Any:
    """Send a command, and return the reply, the error or the push in the next frame."""
    client.send_json({"id": 1, command: fields})
    frame = client.receive_json()
    return frame.get("push") or frame.get("error") or frame[command]


def push(client: WebSocket, kind: str) -> Any:
    return client.receive_json()["push"][kind]


@pytest.fixture(name="alice")
def _alice(websocket_client: WebSocketClient) -> WebSocket:
    return member(websocket_client, "alice")


@pytest.fixture(name="bob")
def _bob(websocket_client: WebSocketClient, alice: WebSocket) -> WebSocket:
    bob = member(websocket_client, "bob")
    assert push(alice, "join")["info"]["user"] == "bob"
    return bob


def member(client: WebSocketClient, nickname: str) -> WebSocket:
    websocket = client.connect()
    assert "client" in ask(websocket, "connect", data=nickname)
    assert ask(websocket, "subscribe", channel="room:tea") == {}
    assert push(websocket, "join")["info"]["user"] == nickname
    return websocket


def test_a_line_reaches_the_room(alice: WebSocket, bob: WebSocket) -> None:
    alice.send_json({"id": 3, "publish": {"channel": "room:tea", "data": "milk?"}})
    for client in (alice, bob):
        assert push(client, "pub")["data"] == {"from": "alice", "text": "milk?"}
    assert alice.receive_json() == {"id": 3, "publish": {}}
    assert ask(bob, "publish", channel="lobby", data="x")["code"] == 102


def test_a_member_leaves(alice: WebSocket, bob: WebSocket) -> None:
    bob.close()
    assert push(alice, "leave")["info"]["user"] == "bob"
    assert len(ask(alice, "presence", channel="room:tea")["presence"]) == 1


@pytest.mark.parametrize("nickname", ["", None, "x" * 33])
def test_a_nickname_is_needed(websocket_client: WebSocketClient, nickname: object) -> None:
    client = websocket_client.connect()
    assert ask(client, "connect", data=nickname)["disconnect"]["code"] == 3500
    assert client.closed
