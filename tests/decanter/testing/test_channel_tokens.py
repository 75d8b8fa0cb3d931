"""Forged and foreign tokens of apps with channels, and clients that have not said hello."""

import json
from collections.abc import Iterator

import jwt
import pytest

from decanter.testing import CommandRefused, ConnectionClosed, WebSocketClient
from tests.support.apps import load_app
from tests.support.gateways import PROJECTS
from tests.support.tokens import (
    HS256,
    NOW,
    PUBLIC_PEM,
    SECRET,
    by_hand,
    claims,
    hs256,
    rs256,
    signed_by_hand,
)

GOOD = hs256(sub="ann")
FORGED = {
    "nothing": "x",
    "two parts": "a.b",
    "no algorithm": signed_by_hand(b"", {"alg": "none"}),
    "another secret": jwt.encode(claims(), f"{SECRET} or not", "HS256"),
    "another algorithm": jwt.encode(claims(), SECRET * 2, "HS512"),
    "a key of another kind": rs256(),
    "a public key as the secret": signed_by_hand(PUBLIC_PEM, {"alg": "HS256"}),
    "changed claims": ".".join([GOOD.split(".")[0], hs256(sub="eve").split(".")[1], GOOD[-43:]]),
    "another issuer": hs256(iss="https://other"),
    "another audience": hs256(aud="other"),
    "no subject": hs256(sub=None),
    "no expiry": hs256(exp=None),
    "an expiry that is not a number": by_hand(exp="never"),
    "not yet": hs256(nbf=NOW + 3600),
    "for a channel": hs256(channel="private:x"),
    "channels that are not a list": hs256(channels="feed:x"),
    "a channel that is not a string": hs256(channels=[1]),
    "too long": hs256(more="x" * 20_000),
}
FOREIGN = {
    "of a connection": hs256(sub="ann"),
    "of another channel": hs256(sub="ann", channel="private:y"),
    "of another user": hs256(sub="eve", channel="private:x"),
    "of another secret": jwt.encode(claims(channel="private:x"), SECRET + "2", "HS256"),
    "of a channel that is not a string": hs256(sub="ann", channel=["private:x"]),
    "nothing": "x",
}


@pytest.fixture(name="client")
def _client(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebSocketClient]:
    for name, value in HS256.items():
        monkeypatch.setenv(name, value)
    with WebSocketClient(load_app(PROJECTS / "lounge")) as client:
        yield client


def test_a_forged_token_ends_the_connection_with_3500(client: WebSocketClient) -> None:
    codes = {}
    for name, token in FORGED.items():
        with pytest.raises(ConnectionClosed) as closed:
            client.connect(token=token)
        codes[name] = closed.value.code
    assert codes == dict.fromkeys(FORGED, 3500)


def test_a_foreign_subscription_token_is_refused_with_103(client: WebSocketClient) -> None:
    ann = client.connect(token=GOOD)
    codes = {}
    for name, token in FOREIGN.items():
        with pytest.raises(CommandRefused) as refused:
            ann.subscribe("private:x", token=token)
        codes[name] = refused.value.code
    assert codes == dict.fromkeys(FOREIGN, 103)
    assert [*ann.subscriptions] == ["user:ann"]


def test_an_expired_token_is_answered_so_that_a_client_gets_a_new_one(
    client: WebSocketClient,
) -> None:
    with pytest.raises(CommandRefused) as refused:
        client.connect(token=hs256(sub="ann", exp=NOW - 3600))
    assert refused.value.code == 109
    ann = client.connect(token=GOOD)
    with pytest.raises(CommandRefused) as refused:
        ann.subscribe("private:x", token=hs256(sub="ann", channel="private:x", exp=NOW - 3600))
    assert refused.value.code == 109


def test_a_refreshed_token_cannot_change_the_identity(client: WebSocketClient) -> None:
    ann = client.connect(token=GOOD)
    with pytest.raises(ConnectionClosed) as closed:
        ann.refresh(hs256(sub="eve"))
    assert closed.value.code == 3500


def test_an_identity_follows_from_the_token_alone(client: WebSocketClient) -> None:
    """Not from the data of the connect command, the token's info, or a publication."""
    claimed = {"name": "eve", "user": "eve", "identity": "eve", "sub": "eve"}
    ann = client.connect(token=hs256(sub="ann", info=claimed), data=claimed)
    assert ann.rpc("whoami", claimed) == {"identity": "ann"}
    assert [*ann.subscriptions] == ["user:ann"]
    for channel in ("user:eve", "user:%65ve", "user:ann:eve", "$identity:eve", "$identity:ann"):
        with pytest.raises(CommandRefused) as refused:
            ann.subscribe(channel)
        assert refused.value.code in (102, 103)
    feed = ann.subscribe("feed:x")
    feed.publish({"info": {"user": "eve"}, "push": {"pub": {}}})
    assert feed.receive_push("pub")["info"]["user"] == "ann"


def test_nothing_reaches_a_client_before_its_connect_command(client: WebSocketClient) -> None:
    silent, ann = client.connect(), client.connect(token=GOOD)
    ann.subscribe("feed:x").publish(1)
    body = json.dumps({"frame": "all"}).encode()
    client.http.post("/do/broadcast", headers={"Content-Type": "application/json"}, body=body)
    assert ann.receive() == "all"
    assert ann.subscriptions["feed:x"].receive() == 1
    assert silent.unread == []
    silent.send('{"id":1,"subscribe":{"channel":"feed:x"}}')
    assert json.loads(silent.receive())["push"]["disconnect"]["code"] == 3501
    assert silent.closed is not None
