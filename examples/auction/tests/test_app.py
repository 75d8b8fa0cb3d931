import json
import os
from typing import Any

import jwt
import pytest

from decanter.testing import ConnectRefused, WebSocket, WebSocketClient


def connect(client: WebSocketClient, name: str) -> WebSocket:
    claims: dict[str, Any] = {"sub": name, "iss": "https://login.example.com", "aud": "auction"}
    claims |= {"exp": client.clock.time() + 3600}
    token = jwt.encode(claims, os.environ["DECANTER_JWT_SECRET"], "HS256")
    return client.connect(query={"token": token})


def begin(client: WebSocketClient, name: str, seconds: int) -> Any:
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"name": name, "seconds": seconds}).encode()
    return client.http.signed.post("/auctions", headers=headers, body=body).json_body


def test_a_lot_is_opened_raised_and_sold(websocket_client: WebSocketClient) -> None:
    ann, bob = connect(websocket_client, "ann"), connect(websocket_client, "bob")
    assert begin(websocket_client, "clock", 60) == {"announced": 2}
    assert ann.receive_json() == bob.receive_json() == {"opened": "clock"}
    for each in (ann, bob):
        each.send_json({"action": "watch", "auction": "clock"})
    ann.send_json({"action": "bid", "auction": "clock", "amount": 5})
    assert ann.receive_json() == bob.receive_json() == {"bid": 5, "by": "ann"}
    bob.send_json({"action": "bid", "auction": "clock", "amount": 5})
    assert bob.receive_json()["error"]["code"] == "too_low"
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
    assert ann.receive_json() == {"opened": "vase"}
    ann.send_json({"action": "watch", "auction": "vase"})
    websocket_client.invoke("close")
    websocket_client.invoke("close")
    assert ann.receive_json() == {"sold": "vase", "to": None, "for": 0}
    assert ann.unread == []


def test_a_missing_auction_and_a_bad_token(websocket_client: WebSocketClient) -> None:
    assert websocket_client.http.signed.get("/auctions/none").status_code == 404
    with pytest.raises(ConnectRefused):
        websocket_client.connect(query={"token": "x"})
