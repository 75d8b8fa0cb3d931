"""Create events for tests that call handlers directly, for example with `chalice.test.Client`."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from decanter.gateway.events import ConnectionContext, Event, EventMaker, Handshake, Identity

CONNECTION_ID = "Tst0Cd3eFgHiJkL="
CONNECTED_AT = 1_700_000_000_000
DOMAIN = "localapi00.execute-api.us-east-1.amazonaws.com"

Query = str | Mapping[str, str | Sequence[str]]
Headers = Mapping[str, str]


def connect_event(
    *,
    query: Query = "",
    headers: Headers | None = None,
    subprotocols: Sequence[str] = (),
    **context: Any,
) -> Event:
    """Return an event of `$connect`.

    Args:
        query: the query string as text, or a mapping from a name to one or more values.
        headers: additional headers. Every client sends some headers by default.
        subprotocols: the subprotocols that the client offers.
        context: members to set in `requestContext`, such as connectionId.
    """
    made = _maker().connect(_connection(), handshake(query, headers, subprotocols, DOMAIN))
    return _with(made, context)


def message_event(body: str, *, route_key: str = "$default", **context: Any) -> Event:
    """Return an event of a text message.

    Args:
        body: the message.
        route_key: the route that API Gateway selected.
        context: members to set in `requestContext`, such as connectionId.
    """
    return _with(_maker().message(_connection(), route_key, body), context)


def disconnect_event(*, code: int = 1000, reason: str = "", **context: Any) -> Event:
    """Return an event of `$disconnect`.

    Args:
        code: the close code.
        reason: the close reason.
        context: members to set in `requestContext`, such as connectionId.
    """
    return _with(_maker().disconnect(_connection(), code, reason), context)


def handshake(
    query: Query, headers: Headers | None, subprotocols: Sequence[str], host: str
) -> Handshake:
    """Return the handshake of a client."""
    offered = {"Sec-WebSocket-Protocol": ", ".join(subprotocols)} if subprotocols else {}
    sent = {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **offered,
        **(headers or {}),
    }
    text = query if isinstance(query, str) else urlencode(query, doseq=True)
    return Handshake(tuple(sent.items()), text, host)


def _maker() -> EventMaker:
    return EventMaker("api", DOMAIN)


def _connection() -> ConnectionContext:
    return ConnectionContext(CONNECTION_ID, CONNECTED_AT, Identity("127.0.0.1"))


def _with(event: Event, context: Mapping[str, Any]) -> Event:
    event["requestContext"] |= context
    return event
