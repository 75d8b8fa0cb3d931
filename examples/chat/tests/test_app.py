from typing import Any

import pytest

from decanter.testing import WebSocket, WebSocketClient


class Member:
    """A client that speaks the protocol by hand."""

    def __init__(self, client: WebSocketClient, nickname: object) -> None:
        self.websocket: WebSocket = client.connect()
        self.pushes: list[Any] = []
        self.number = 0
        self.hello = self.ask("connect", data=nickname)

    def ask(self, command: str, **fields: Any) -> Any:
        self.number += 1
        self.websocket.send_json({"id": self.number, command: fields})
        while "push" in (frame := self.websocket.receive_json()):
            self.pushes.append(frame["push"])
        return frame

    @property
    def push(self) -> Any:
        return self.pushes.pop(0) if self.pushes else self.websocket.receive_json()["push"]


@pytest.fixture(name="members")
def _members(websocket_client: WebSocketClient) -> list[Member]:
    members = [Member(websocket_client, name) for name in ("alice", "bob")]
    for member in members:
        assert member.ask("subscribe", channel="room:tea") == {"id": 2, "subscribe": {}}
    users = [member.push["join"]["info"]["user"] for member in (members[0], *members)]
    assert users == ["alice", "bob", "bob"]
    return members


def test_a_line_reaches_only_the_room(
    websocket_client: WebSocketClient, members: list[Member]
) -> None:
    carol = Member(websocket_client, "carol")
    alice = members[0]
    assert alice.ask("publish", channel="room:tea", data="milk?")["publish"] == {}
    for member in members:
        assert member.push["pub"]["data"] == {"from": "alice", "text": "milk?"}
    assert carol.ask("publish", channel="room:tea", data="x")["error"]["code"] == 103
    assert alice.ask("publish", channel="room:tea", data=7)["error"]["code"] == 107
    assert carol.websocket.unread == []


@pytest.mark.parametrize("how", ["leave", "close"])
def test_a_leave_is_announced(members: list[Member], how: str) -> None:
    alice, bob = members
    bob.websocket.close() if how == "close" else bob.ask("unsubscribe", channel="room:tea")
    assert alice.push["leave"]["info"]["user"] == "bob"
    assert len(alice.ask("presence", channel="room:tea")["presence"]["presence"]) == 1


@pytest.mark.parametrize("nickname", ["", None, "x" * 33])
def test_a_client_without_a_nickname_is_refused(
    websocket_client: WebSocketClient, nickname: object
) -> None:
    websocket = websocket_client.connect()
    websocket.send_json({"id": 1, "connect": {"data": nickname}})
    assert websocket.receive_json()["push"]["disconnect"]["code"] == 3500
    assert websocket.closed
