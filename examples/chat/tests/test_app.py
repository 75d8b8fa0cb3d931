import pytest

from app import Membership
from decanter.testing import ConnectRefused, WebSocket, WebSocketClient


@pytest.fixture(name="alice")
def _alice(websocket_client: WebSocketClient) -> WebSocket:
    return joined(websocket_client, "alice")


@pytest.fixture(name="bob")
def _bob(websocket_client: WebSocketClient, alice: WebSocket) -> WebSocket:
    bob = joined(websocket_client, "bob")
    assert alice.receive_json() == {"room": "tea", "joined": "bob"}
    return bob


def joined(client: WebSocketClient, nickname: str) -> WebSocket:
    websocket = client.connect(query={"nickname": nickname})
    websocket.send_json({"action": "join", "room": "tea"})
    assert websocket.receive_json() == {"room": "tea", "joined": nickname}
    return websocket


def test_a_line_reaches_only_the_room(
    websocket_client: WebSocketClient, alice: WebSocket, bob: WebSocket
) -> None:
    carol = websocket_client.connect(query={"nickname": "carol"})
    alice.send_json({"action": "say", "room": "tea", "text": "milk?"})
    for client in (alice, bob):
        assert client.receive_json() == {"room": "tea", "from": "alice", "text": "milk?"}
    assert carol.unread == []


@pytest.mark.parametrize("how", ["leave", "close"])
def test_a_leaving_member_is_announced_and_removed(
    alice: WebSocket, bob: WebSocket, how: str
) -> None:
    bob.close() if how == "close" else bob.send_json({"action": "leave", "room": "tea"})
    assert alice.receive_json() == {"room": "tea", "left": "bob"}
    assert [each.connection_id for each in Membership.members("tea")] == [alice.connection_id]
    assert bob.closed or bob.receive_json() == {"room": "tea", "left": "bob"}


@pytest.mark.parametrize("query", ["", "nickname=", f"nickname={'x' * 33}"])
def test_a_client_without_a_nickname_is_refused(
    websocket_client: WebSocketClient, query: str
) -> None:
    with pytest.raises(ConnectRefused, match="400"):
        websocket_client.connect(query=query)


def test_the_sender_gets_an_error_frame(alice: WebSocket, bob: WebSocket) -> None:
    alice.send_json({"action": "say", "room": "cellar", "text": "anyone?"})
    assert alice.receive_json()["error"]["code"] == "not_a_member"
    alice.send_json({"action": "say", "room": "tea"})
    error = alice.receive_json()["error"]
    assert (error["code"], error["field"]) == ("invalid_payload", "text")
