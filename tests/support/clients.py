"""What the contract's tests ask of a connection to the probe."""

import json
from typing import Any

from websockets.sync.client import ClientConnection

from tests.support.gateways import SECONDS


def receive(client: ClientConnection) -> str:
    """The next text message."""
    message = client.recv(timeout=SECONDS)
    assert isinstance(message, str)
    return message


def ask(client: ClientConnection, **order: Any) -> str:
    """Give the probe an order; the next message."""
    client.send(json.dumps(order))
    return receive(client)


def own_event(client: ClientConnection) -> dict[str, Any]:
    """The event that a message of this client makes."""
    event: dict[str, Any] = json.loads(ask(client, show="event"))
    return event


def connection_id(client: ClientConnection) -> str:
    """The client's connection id."""
    return str(own_event(client)["requestContext"]["connectionId"])
