from decanter.testing import WebSocketClient


def test_a_message_reaches_everyone_unchanged(websocket_client: WebSocketClient) -> None:
    clients = [websocket_client.connect() for _ in range(3)]
    clients[0].send('{"message":"sendmessage","data":{"n": 1.0}}')
    assert [client.receive() for client in clients] == ['{"n": 1.0}'] * 3


def test_a_closed_client_gets_nothing(websocket_client: WebSocketClient) -> None:
    alice, bob = websocket_client.connect(), websocket_client.connect()
    bob.close()
    alice.send_json({"message": "sendmessage", "data": "still there?"})
    assert alice.receive_json() == "still there?"
    assert bob.unread == []


def test_only_the_sender_gets_an_error_frame(websocket_client: WebSocketClient) -> None:
    alice, _ = websocket_client.connect(), websocket_client.connect()
    alice.send_json({"message": "sendmessage"})
    error = alice.receive_json()["error"]
    assert (error["code"], error["field"]) == ("missing_data", "data")
