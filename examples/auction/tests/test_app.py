import json
import os
from typing import Any

import jwt

from decanter.testing import WebSocket, WebSocketClient


def connect(client: WebSocketClient, name: str) -> WebSocket:
    claims: dict[str, Any] = {"sub": name, "iss": "https://login.example.com", "aud": "auction"}
    claims |= {"exp": client.clock.time() + 3600}
    token = jwt.encode(claims, os.environ["DECANTER_JWT_SECRET"], "HS256")
    websocket = client.connect()
    assert ask(websocket, "connect", token=token)["expires"]
    return websocket


def ask(websocket: WebSocket, command: str, **fields: Any) -> Any:
    """Send a command, and return the reply, the error or the disconnect in the next frame."""
    websocket.send_json({"id": 1, command: fields})
    reply = websocket.receive_json()
    end = reply.get("push", {}).get("disconnect")
    return end or reply.get("error") or reply[command]


def push(websocket: WebSocket) -> Any:
    (kind, body), *_ = reversed(websocket.receive_json()["push"].items())
    return body["data"] if kind in ("pub", "message") else body


def begin(client: WebSocketClient, name: str, seconds: int) -> Any:
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"name": name, "seconds": seconds}).encode()
    return client.http.signed.post("/auctions", headers=headers, body=body).json_body


def test_a_lot_is_opened_raised_and_sold(websocket_client: WebSocketClient) -> None:
    ann, bob = connect(websocket_client, "ann"), connect(websocket_client, "bob")
    assert begin(websocket_client, "clock", 60) == {"announced": 2}
    assert push(ann) == push(bob) == {"opened": "clock"}
    for each in (ann, bob):
        assert ask(each, "subscribe", channel="auction:clock") == {"data": {"price": 0}}
    ann.send_json({"id": 3, "rpc": {"method": "bid", "data": {"auction": "clock", "amount": 5}}})
    assert push(ann) == push(bob) == {"bid": 5, "by": "ann"}
    assert ann.receive_json()["rpc"] == {"data": None}
    for amount, code in ((5, 409), (0, 107)):
        offer = {"auction": "clock", "amount": amount}
        assert ask(bob, "rpc", method="bid", data=offer)["code"] == code
    assert websocket_client.http.signed.get("/auctions/clock").json_body == {
        "leader": "ann",
        "bids": [5],
    }
    websocket_client.invoke("close")
    ann.close()
    assert bob.unread == []


def test_an_ended_auction_is_sold_once(websocket_client: WebSocketClient) -> None:
    ann = connect(websocket_client, "ann")
    begin(websocket_client, "vase", 0)
    assert push(ann) == {"opened": "vase"}
    ask(ann, "subscribe", channel="auction:vase")
    websocket_client.invoke("close")
    websocket_client.invoke("close")
    assert push(ann) == {"sold": "vase", "to": None, "for": 0}
    assert ann.unread == []


def test_a_missing_auction_and_a_bad_token(websocket_client: WebSocketClient) -> None:
    assert websocket_client.http.signed.get("/auctions/none").status_code == 404
    ann = connect(websocket_client, "ann")
    assert ask(ann, "subscribe", channel="auction:none")["code"] == 103
    stranger = websocket_client.connect()
    assert ask(stranger, "connect", token="x" * 3) == {"code": 3500, "reason": "invalid token"}
