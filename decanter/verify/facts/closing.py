"""Facts about the end of connections, for clients and for disconnect events."""

from collections.abc import Callable

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection

from decanter.verify.endpoint import Endpoint, ending
from decanter.verify.facts.probe import Look, ask, client, identity, kept
from decanter.verify.gateway import FRAME_BYTES
from decanter.verify.rules import Rule


def closed_by(*messages: str | bytes | list[str]) -> Look:
    """Return a probe of the close codes that the client and the disconnect event get."""

    def look(endpoint: Endpoint) -> str:
        with client(endpoint) as connection:
            key = identity(connection, endpoint.seconds)
            try:
                for message in messages:
                    connection.send(message)
                seen = ending(connection, endpoint.seconds)
            except ConnectionClosed:
                seen = f"close {connection.close_code}"
        return f"{seen}, {_event_of(endpoint, key)}"

    return look


def closed_raw(*data: bytes) -> Look:
    """Return a probe like that of `closed_by`, but after raw bytes from the client."""

    def look(endpoint: Endpoint) -> str:
        with client(endpoint) as connection:
            key = identity(connection, endpoint.seconds)
            for part in data:
                connection.socket.sendall(part)
            seen = ending(connection, endpoint.seconds)
        return f"{seen}, {_event_of(endpoint, key)}"

    return look


def closed(end: Callable[[ClientConnection], None]) -> Look:
    """Return a probe of the disconnect event after the client has ended a connection."""

    def look(endpoint: Endpoint) -> str:
        with client(endpoint) as connection:
            key = identity(connection, endpoint.seconds)
            end(connection)
        return _event_of(endpoint, key)

    return look


def lose(connection: ClientConnection) -> None:
    """Close the TCP connection without a close frame."""
    connection.socket.close()


def close_without_code(connection: ClientConnection) -> None:
    """Send a close frame without a code."""
    connection.socket.sendall(Frame(Opcode.CLOSE, b"").serialize(mask=True))
    ending(connection, 2)


def close_with_a_reason(connection: ClientConnection) -> None:
    """Send a close frame with a code and a reason."""
    connection.close(4001, "bye")


def gone_in_disconnect(endpoint: Endpoint) -> str:
    """Probe a post that the disconnect handler makes to its closed connection."""
    with client(endpoint) as connection:
        key = identity(connection, endpoint.seconds)
    return str(kept(endpoint, key, "outcome"))


def deleted(endpoint: Endpoint) -> str:
    """Probe a DELETE, the client's close code, the disconnect event and a second DELETE."""
    with client(endpoint) as observer, client(endpoint) as connection:
        key = identity(connection, endpoint.seconds)
        order = {"action": "use", "call": "delete_connection", "to": key}
        first = ask(observer, endpoint.seconds, **order).get("outcome")
        seen = ending(connection, endpoint.seconds)
        event = _event_of(endpoint, key)
        second = ask(observer, endpoint.seconds, **order).get("outcome")
    return f"{first}, {seen}, {event}, then {second}"


def _event_of(endpoint: Endpoint, key: str) -> str:
    event = kept(endpoint, key, "DISCONNECT")
    if event is None:
        return "no event"
    context = event["requestContext"]
    code, reason = context["disconnectStatusCode"], context["disconnectReason"]
    return f"event {code}: {reason}" if reason else f"event {code}"


_GONE = "HTTP 410 GoneException"
_BINARY, _LARGE = "close 1003, event 1003", "close 1009, event 1009"
_NOT_UTF_8 = Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True)
_UNSET = "event 1005: Client-side close frame status not set"
_DELETED = f"HTTP 204, close 1000, event 1000: Connection Closed Normally, then {_GONE}"

CLOSING = [
    Rule((24, 51), "a binary frame", _BINARY, closed_by(b"\x00\x01")),
    Rule((25, 51), "a frame above 32 KB", _LARGE, closed_by("x" * (FRAME_BYTES + 1))),
    Rule((26, 51), "a message above 128 KB", _LARGE, closed_by(["x" * FRAME_BYTES] * 4 + ["x"])),
    Rule((93,), "a binary frame above 32 KB", _LARGE, closed_by(bytes(FRAME_BYTES + 1))),
    Rule((28,), "invalid UTF-8", "close 1007, event 1007", closed_raw(_NOT_UTF_8)),
    Rule((28,), "an unknown opcode", "close 1002, event 1002", closed_raw(b"\x83\x80abcd")),
    Rule((42,), "a post in the disconnect handler", _GONE, gone_in_disconnect),
    Rule((44,), "a close without a code", _UNSET, closed(close_without_code)),
    Rule((45,), "a close with a reason", "event 4001: bye", closed(close_with_a_reason)),
    Rule((41, 49, 80), "DELETE, twice", _DELETED, deleted),
    Rule((50,), "a lost connection", "event 1006", closed(lose)),
]
