"""A channel client of the test client, with an app that declares channels."""

from collections.abc import Iterator

import pytest

from decanter.testing import (
    ChannelClient,
    CommandRefused,
    ConnectionClosed,
    NoFrame,
    WebSocketClient,
)
from tests.support.apps import load_app
from tests.support.gateways import PROJECTS, ROOT
from tests.support.tokens import HS256, hs256


@pytest.fixture(name="client")
def _client(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebSocketClient]:
    for name, value in HS256.items():
        monkeypatch.setenv(name, value)
    with WebSocketClient(load_app(PROJECTS / "lounge")) as client:
        yield client


def named(client: WebSocketClient, name: str) -> ChannelClient:
    return client.connect(token="", data={"name": name})


def test_a_publication_reaches_every_subscriber_when_publish_returns(
    client: WebSocketClient,
) -> None:
    ann, bob = named(client, "ann"), named(client, "bob")
    chat = ann.subscribe("chat:42")
    assert chat.data == {"room": "42"}
    bob.subscribe("chat:42").publish({"text": "hi"})
    push = chat.receive_push("pub")
    assert push["data"] == {"by": "bob", "text": "hi"}
    assert push["info"]["client"] == bob.id == bob.connection_id
    assert bob.subscriptions["chat:42"].receive() == {"by": "bob", "text": "hi"}
    chat.unsubscribe()
    assert chat.ended == (0, "unsubscribe called")
    assert "chat:42" not in ann.subscriptions


def test_presence_joins_and_leaves(client: WebSocketClient) -> None:
    ann, bob = named(client, "ann"), named(client, "bob")
    chat = ann.subscribe("chat:42")
    bob.subscribe("chat:42")
    assert {each["user"] for each in chat.presence().values()} == {"ann", "bob"}
    assert ann.presence_stats("chat:42") == (2, 2)
    bob.close()
    joined = [chat.receive_push("join")["info"]["user"] for _ in range(2)]
    assert joined == ["ann", "bob"]
    assert chat.receive_push("leave")["info"]["user"] == "bob"
    assert [*chat.presence()] == [ann.id]


def test_an_rpc_returns_the_routes_answer_and_a_send_has_none(client: WebSocketClient) -> None:
    ann = named(client, "ann")
    assert ann.rpc("echo", {"number": 1.5}) == {"number": 1.5}
    ann.send({"message": "note", "data": 7})
    assert ann.receive() == {"noted": 7}


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda ann: ann.subscribe("chat:closed"), 103),
        (lambda ann: ann.subscribe("unknown:x"), 102),
        (lambda ann: ann.publish("news:x", {}), 103),
        (lambda ann: ann.rpc("nothing"), 104),
        (lambda ann: ann.rpc("fail", {}), 418),
        (lambda ann: ann.presence("feed:x"), 108),
    ],
)
def test_a_refused_command_raises_the_protocols_code(
    client: WebSocketClient, act: object, code: int
) -> None:
    assert callable(act)
    with pytest.raises(CommandRefused, match=f"is refused: {code} ") as refusal:
        act(named(client, "ann"))
    assert refusal.value.code == code


def test_an_exception_of_a_route_is_in_the_errors(client: WebSocketClient) -> None:
    ann = named(client, "ann")
    with pytest.raises(CommandRefused) as refusal:
        ann.rpc("crash", {})
    assert (refusal.value.code, refusal.value.temporary) == (100, True)


def test_a_connection_token_and_a_subscription_token(client: WebSocketClient) -> None:
    now = int(client.clock.time())
    ann = client.connect(token=hs256(sub="ann", exp=now + 3600))
    assert ann.ttl is not None
    assert 3000 < ann.ttl <= 3600
    assert ann.rpc("whoami", {}) == {"identity": "ann"}
    with pytest.raises(CommandRefused):
        ann.subscribe("private:x")
    private = ann.subscribe("private:x", token=hs256(sub="ann", channel="private:x"))
    private.refresh(hs256(sub="ann", channel="private:x", exp=now + 7200))
    assert private.ttl is not None
    ann.refresh(hs256(sub="ann", exp=now + 7200))
    assert ann.ttl > 3600


def test_a_refused_client_has_the_code_of_the_disconnect_push(client: WebSocketClient) -> None:
    """The gateway's own close frame has 1000."""
    with pytest.raises(ConnectionClosed) as closed:
        client.connect(token="forged")
    assert closed.value.code == 3500


def test_the_server_subscribes_and_kicks(client: WebSocketClient) -> None:
    ann = named(client, "ann")
    own = ann.subscriptions["user:ann"]
    post = client.http.post
    headers = {"Content-Type": "application/json"}
    post("/do/publish", headers=headers, body=b'{"channel":"user:ann","data":1}')
    assert own.receive() == 1
    post("/do/subscribe", headers=headers, body=b'{"identity":"ann","channel":"feed:a"}')
    post("/do/publish", headers=headers, body=b'{"channel":"feed:a","data":2}')
    feed = ann.subscriptions["feed:a"]
    assert feed.receive() == 2
    post("/do/unsubscribe", headers=headers, body=b'{"identity":"ann","channel":"feed:a"}')
    assert feed.ended is not None
    assert feed.receive_push("unsubscribe")["code"] == feed.ended[0]
    post("/do/kick", headers=headers, body=b'{"identity":"ann","code":4500,"reason":"enough"}')
    assert ann.closed == (4500, "enough")
    with pytest.raises(ConnectionClosed, match="4500 enough"):
        ann.rpc("whoami")


def test_a_missing_push_names_the_channel(client: WebSocketClient) -> None:
    ann = named(client, "ann")
    chat = ann.subscribe("chat:42")
    with pytest.raises(NoFrame, match="has no push pub of channel chat:42"):
        chat.receive()
    with pytest.raises(NoFrame, match="has no push message"):
        ann.receive()
    with pytest.raises(NoFrame, match=r"has no push joins of channel chat:42, but .*\"join\""):
        chat.receive_push("joins")


def test_publications_that_a_test_has_not_received_are_reported(client: WebSocketClient) -> None:
    """Joins and leaves are not."""
    ann = client.connect(token="")
    ann.subscribe("chat:42")
    assert ann.unread == []
    ann.subscribe("feed:x").publish("unseen")
    (unread,) = ann.unread
    assert "unseen" in unread
    assert ann.subscriptions["feed:x"].receive() == "unseen"
    assert ann.unread == []


def test_an_app_without_channels_has_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    app = load_app(ROOT / "examples" / "broadcast")
    with WebSocketClient(app) as client, pytest.raises(NoFrame, match="no reply to connect, but"):
        client.connect(token="x")
