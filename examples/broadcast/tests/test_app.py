from decanter.testing import WebSocketClient


def test_what_one_sends_everyone_gets_as_it_was_written(websocket_client: WebSocketClient) -> None:
    clients = [websocket_client.connect() for _ in range(3)]
    clients[0].send('{"message":"sendmessage","data":{"n": 1.0}}')
    assert [client.receive() for client in clients] == ['{"n": 1.0}'] * 3


def test_who_has_left_gets_nothing(websocket_client: WebSocketClient) -> None:
    alice, bob = websocket_client.connect(), websocket_client.connect()
    bob.close()
    alice.send_json({"message": "sendmessage", "data": "still there?"})
    assert alice.receive_json() == "still there?"
    assert bob.unread == []


def test_a_mistake_is_answered_to_its_sender_alone(websocket_client: WebSocketClient) -> None:
    alice, _ = websocket_client.connect(), websocket_client.connect()
    alice.send_json({"message": "sendmessage"})
    error = alice.receive_json()["error"]
    assert (error["code"], error["field"]) == ("missing_data", "data")
