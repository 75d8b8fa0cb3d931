"""Facts about handshakes."""

import json
from collections.abc import Callable
from urllib.parse import quote

from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from decanter.verify.endpoint import Endpoint, mark
from decanter.verify.facts.probe import Limits, Look, client, identity, kept
from decanter.verify.rules import Rule


def status(query: str, seconds: float = 0) -> Look:
    """Return a probe of a handshake's HTTP status. The handshake has this query."""

    def look(endpoint: Endpoint) -> str:
        try:
            with client(endpoint, query, open_timeout=endpoint.seconds + seconds):
                return "HTTP 101"
        except InvalidStatus as refused:
            return f"HTTP {refused.response.status_code}"

    return look


def elsewhere(url: Callable[[Endpoint], str]) -> Look:
    """Return a probe of a handshake's HTTP status at another URL."""
    return lambda endpoint: f"HTTP {endpoint.handshake(url(endpoint))}"


def refusal_body(endpoint: Endpoint) -> str:
    """Probe the names of the members in the JSON body of a refused handshake."""
    try:
        with client(endpoint, "status=403"):
            return "HTTP 101"
    except InvalidStatus as refused:
        try:
            members = json.loads(refused.response.body or b"")
        except ValueError:
            return "no JSON"
    return ", ".join(sorted(members))


def handshake_extras(endpoint: Endpoint) -> str:
    """Probe whether a handshake's answer has a subprotocol, compression or the app's header."""
    with client(endpoint, subprotocols=[Subprotocol("facts")], compression="deflate") as connection:
        assert connection.response is not None
        names = ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "X-Facts")
        found = [name for name in names if name in connection.response.headers]
    return ", ".join(found) or "none"


def refused_leaves(endpoint: Endpoint) -> str:
    """Probe whether a disconnect event follows a refused handshake."""
    tag = mark()
    status(f"status=403&tag={tag}")(endpoint)
    connection = kept(endpoint, tag, "refused")
    if connection is None:
        return "no connect event"
    late = kept(endpoint, connection, "DISCONNECT", endpoint.seconds / 2)
    return "no disconnect event" if late is None else "a disconnect event"


def at_connect(query: str) -> Look:
    """Return a probe of a call that the connect handler makes to @connections."""

    def look(endpoint: Endpoint) -> str:
        with client(endpoint) as other:
            to = quote(identity(other, endpoint.seconds))
            with client(endpoint, f"{query}&to={to}") as connection:
                key = identity(connection, endpoint.seconds)
                return str(kept(endpoint, key, "outcome"))

    return look


def repeated(endpoint: Endpoint) -> str:
    """Probe a repeated query parameter in the connect event."""
    with client(endpoint, "a=1&a=2") as connection:
        event = kept(endpoint, identity(connection, endpoint.seconds), "CONNECT") or {}
    last = event.get("queryStringParameters", {}).get("a")
    every = event.get("multiValueQueryStringParameters", {}).get("a")
    return f"{last} and {every}"


def _long_url(endpoint: Endpoint) -> str:
    return f"{endpoint.url}?a=".ljust(8192, "x")


def connecting(limits: Limits) -> list[Rule]:
    """Return the facts about handshakes."""
    slow = status(f"do=sleep&seconds={limits.integration + 1}", limits.integration)
    gone, denied = "HTTP 410 GoneException", "HTTP 403 AccessDeniedException"
    return [
        Rule((2,), "an unknown stage", "HTTP 403", elsewhere(lambda it: it.elsewhere("/none"))),
        Rule((3,), "a path after the stage", "HTTP 403", elsewhere(lambda it: it.below("/none"))),
        Rule((8,), "the connect handler answers 403", "HTTP 403", status("status=403")),
        Rule((9,), "the connect handler raises", "HTTP 502", status("do=raise")),
        Rule((10,), "a malformed connect result", "HTTP 502", status("do=malformed")),
        Rule((11,), "a slow connect handler", "HTTP 504", slow),
        Rule((12, 13, 14), "extras of a handshake", "none", handshake_extras),
        Rule((16,), "a URL above 4096 bytes", "HTTP 414", elsewhere(_long_url)),
        Rule((17,), "a refusal's body", "connectionId, message, requestId", refusal_body),
        Rule((43,), "after a refused handshake", "no disconnect event", refused_leaves),
        Rule((66,), "a repeated query parameter", "2 and ['1', '2']", repeated),
        Rule((77,), "a post in the connect handler", gone, at_connect("do=post")),
        Rule((81,), "a call without the right", denied, at_connect("do=get")),
    ]
