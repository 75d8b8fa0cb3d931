from decanter.testing import WebSocketClient


def test_a_client_gets_back_what_it_sends(websocket_client: WebSocketClient) -> None:
    alice, bob = websocket_client.connect(), websocket_client.connect()
    alice.send("hello world !")
    assert alice.receive() == "hello world !"
    assert bob.unread == []
