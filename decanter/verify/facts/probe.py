"""A client that sends orders to the app in `app/` and reads the stored events."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from decanter.verify.endpoint import Endpoint

# The seconds to wait for a frame that must not arrive.
QUIET_SECONDS = 1.0

Look = Callable[[Endpoint], str]
Document = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """API Gateway's limits in seconds. `decanter local` may have shorter limits."""

    integration: float = 29
    idle: float = 600


@contextmanager
def client(endpoint: Endpoint, query: str = "", **options: Any) -> Iterator[ClientConnection]:
    """Connect a client, and yield the connection. The query may be empty."""
    with endpoint.connect(f"{endpoint.url}?{query}" if query else None, **options) as connection:
        yield connection


def ask(connection: ClientConnection, seconds: float, /, **order: Any) -> Document:
    """Send an order. Return the next answer, or an empty object."""
    connection.send(json.dumps(order))
    return answer(connection, seconds)


def answer(connection: ClientConnection, seconds: float) -> Document:
    """Return the next frame that is a JSON object, or an empty object if none arrives in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            frame = connection.recv(timeout=max(0.0, deadline - time.monotonic()))
            document = json.loads(frame)
        except ValueError:
            continue
        except (TimeoutError, ConnectionClosed):
            return {}
        if isinstance(document, dict):
            return document


def identity(connection: ClientConnection, seconds: float) -> str:
    """Return a client's connection id, or `none` if the app does not answer."""
    shown = ask(connection, seconds, action="show")
    return str(shown.get("requestContext", {}).get("connectionId", "none"))


def kept(endpoint: Endpoint, key: str, name: str, seconds: float | None = None) -> Any:
    """Return the value that the app stores under a key and a name; None after the time limit."""
    deadline = time.monotonic() + (endpoint.seconds if seconds is None else seconds)
    with client(endpoint) as observer:
        while True:
            found = ask(observer, endpoint.seconds, action="read", key=key)
            if name in found or time.monotonic() > deadline:
                return found.get(name)
            time.sleep(0.1)
