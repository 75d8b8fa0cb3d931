"""Facts about @connections."""

import json
import time

from websockets.sync.client import ClientConnection

from decanter.verify.endpoint import Endpoint
from decanter.verify.facts.probe import Document, Look, ask, client, identity
from decanter.verify.gateway import MESSAGE_BYTES
from decanter.verify.rules import Rule


def used(call: str, to: str | None = None, size: int | None = None) -> Look:
    """Return a probe of a call to @connections, by default for another client's connection."""

    def look(endpoint: Endpoint) -> str:
        order: Document = {"action": "use", "call": call}
        with client(endpoint) as observer, client(endpoint) as other:
            order["to"] = identity(other, endpoint.seconds) if to is None else to
            if size is not None:
                order["size"] = size
            outcome = str(ask(observer, endpoint.seconds, **order).get("outcome"))
            if not outcome.endswith(" 200") or size is None:
                return outcome
            return f"{outcome}, {_received(other)}"

    return look


def _received(connection: ClientConnection) -> str:
    """Describe the length of the next message, and the length of its longest frame."""
    lengths = [len(part) for part in connection.recv_streaming()]
    return f"{sum(lengths)} bytes in frames of at most {max(lengths)}"


def moves(endpoint: Endpoint) -> str:
    """Probe whether `lastActiveAt` changes with traffic."""
    with client(endpoint) as observer, client(endpoint) as other:
        order = {"action": "use", "call": "get_connection", "to": identity(other, endpoint.seconds)}
        first = ask(observer, endpoint.seconds, **order)
        time.sleep(1.1)  # the time may be in whole seconds
        identity(other, endpoint.seconds)
        second = ask(observer, endpoint.seconds, **order)
    times = [found.get("members", {}).get("LastActiveAt") for found in (first, second)]
    return "moves" if times[0] != times[1] else "stays"


def in_order(endpoint: Endpoint) -> str:
    """Probe the order of twenty posts that one handler makes one after the other."""
    with client(endpoint) as connection:
        connection.send(json.dumps({"action": "burst", "count": 20}))
        got = [connection.recv(timeout=endpoint.seconds) for _ in range(20)]
    return "in order" if got == [str(number) for number in range(20)] else "out of order"


_POST = "post_to_connection"
_UNKNOWN = "L0SM9cOFvHcCIhw="
_TOO_LARGE = "HTTP 413 PayloadTooLargeException"
_WHOLE = "HTTP 200, 131072 bytes in frames of at most 32768"
_EMPTY = "HTTP 200, 0 bytes in frames of at most 0"

POSTING = [
    Rule((72,), "a post to no connection", "HTTP 410 GoneException", used(_POST, _UNKNOWN, 1)),
    Rule((73,), "a malformed id", "HTTP 400 BadRequestException", used(_POST, "none", 1)),
    Rule((74,), "a post above 128 KB", _TOO_LARGE, used(_POST, size=MESSAGE_BYTES + 1)),
    Rule((75,), "a post of 128 KB", _WHOLE, used(_POST, size=MESSAGE_BYTES)),
    Rule((76,), "a post without a body", _EMPTY, used(_POST, size=0)),
    Rule((79,), "LastActiveAt after a message", "moves", moves),
    Rule((85,), "twenty posts of one handler", "in order", in_order),
]
