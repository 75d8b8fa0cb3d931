"""Facts about messages and the outcomes of message handlers."""

import json
import time

from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection

from decanter.verify.endpoint import Endpoint
from decanter.verify.facts.probe import (
    QUIET_SECONDS,
    Document,
    Limits,
    Look,
    answer,
    ask,
    client,
    identity,
)
from decanter.verify.gateway import FRAME_BYTES
from decanter.verify.rules import Rule


def routed(text: str | list[str]) -> Look:
    """Return a probe of the route and the body's length in a message's event."""

    def look(endpoint: Endpoint) -> str:
        with client(endpoint) as connection:
            connection.send(text)
            shown = answer(connection, endpoint.seconds)
        if "requestContext" not in shown:
            return str(shown.get("message", "no event"))
        return f"{shown['requestContext']['routeKey']}, {shown['length']} characters"

    return look


def between_frames(endpoint: Endpoint) -> str:
    """Probe a message whose two frames split a character, with a ping between the frames."""
    text = '"€"'
    data = text.encode()
    with client(endpoint) as connection:
        connection.socket.sendall(Frame(Opcode.TEXT, data[:2], fin=False).serialize(mask=True))
        pong = connection.ping("between").wait(endpoint.seconds)
        connection.socket.sendall(Frame(Opcode.CONT, data[2:]).serialize(mask=True))
        shown = answer(connection, endpoint.seconds)
    whole = shown.get("body") == text
    return f"{'pong' if pong else 'no pong'}, {'whole' if whole else 'broken'}"


def at_once(limits: Limits) -> Look:
    """Return a probe that shows whether two messages of one connection are handled in parallel."""
    seconds = min(4, limits.integration * 0.75)

    def took(endpoint: Endpoint, connection: ClientConnection) -> float:
        began = time.monotonic()
        for _ in range(2):
            connection.send(json.dumps({"action": "sleep", "seconds": seconds}))
        for _ in range(2):
            answer(connection, endpoint.seconds + seconds)
        return time.monotonic() - began

    def look(endpoint: Endpoint) -> str:
        with client(endpoint) as connection:
            identity(connection, endpoint.seconds)
            # The first attempt may include a cold start, which can be longer than the messages.
            both = any(took(endpoint, connection) < seconds * 1.9 for _ in range(2))
        return "in parallel" if both else "one after the other"

    return look


def returned(value: Document) -> Look:
    """Return a probe of the frame that the client gets if the handler returns a value."""

    def look(endpoint: Endpoint) -> str:
        with client(endpoint) as connection:
            got = ask(connection, QUIET_SECONDS, action="give", value=value)
        return str(got.get("message", "a frame")) if got else "nothing"

    return look


def raised(endpoint: Endpoint) -> str:
    """Probe whether the error frame after an exception contains the request id of the event."""
    with client(endpoint) as connection:
        event = ask(connection, endpoint.seconds, action="fail")
        frame = answer(connection, endpoint.seconds)
        later = identity(connection, endpoint.seconds) != "none"
    same = "its" if frame.get("requestId") == event.get("requestId") else "another"
    return f"{frame.get('message')}, {same} request id, {'stays open' if later else 'closed'}"


def too_slow(limits: Limits) -> Look:
    """Return a probe of the error frame after the integration timeout, and of the later post."""

    def look(endpoint: Endpoint) -> str:
        with client(endpoint) as connection:
            seconds = limits.integration + 2
            frame = ask(connection, seconds + endpoint.seconds, action="sleep", seconds=seconds)
            later = answer(connection, endpoint.seconds + 2)
        return f"{frame.get('message')}, then {'a post' if 'slept' in later else 'no post'}"

    return look


def messages(limits: Limits) -> list[Rule]:
    """Return the facts about messages."""
    line = '{"action":"routed"}'
    full = "x" * FRAME_BYTES
    error = "Internal server error"
    slow = "Endpoint request timed out, then a post"
    by_name = routed('{"action":"$connect"}')
    result = returned({"statusCode": 500, "body": "{}"})
    return [
        Rule((18,), "a route", "routed, 19 characters", routed(line)),
        Rule((19,), "a frame of two lines", "$default, 39 characters", routed(f"{line}\n{line}")),
        Rule((23,), "a client that selects $connect", "$default, 21 characters", by_name),
        Rule((25,), "a frame of 32 KB", "$default, 32768 characters", routed(full)),
        Rule((27,), "128 KB in 4 frames", "$default, 131072 characters", routed([full] * 4)),
        Rule((27, 28, 29), "a ping between frames", "pong, whole", between_frames),
        Rule((30,), "an empty message", "$default, 0 characters", routed("")),
        Rule((32,), "two messages of one connection", "in parallel", at_once(limits)),
        Rule((33, 34, 35), "a result with a body", "nothing", result),
        Rule((36,), "a handler raises", f"{error}, its request id, stays open", raised),
        Rule((37,), "a malformed result", error, returned({"unknown": True})),
        Rule((38,), "a slow handler", slow, too_slow(limits)),
    ]
