"""The rules of this repository's service for broadcasts to all clients and for error frames."""

import json
from collections.abc import Callable
from contextlib import ExitStack

from decanter.verify.endpoint import Endpoint, error_frame, mark, order, receive
from decanter.verify.rules import Rule

CLIENTS = 3
# The seconds to wait for a frame that must not arrive.
QUIET_SECONDS = 1.0


def speaks(endpoint: Endpoint) -> bool:
    """True if the app sends the same broadcasts and errors as this repository's service."""
    texts = _texts(token := mark())
    with endpoint.connect() as client:
        client.send("no JSON")
        if not any('"bad_json"' in it for it in receive(client, bool, 1, endpoint.seconds)):
            return False
        for text in texts:
            client.send(order(text))
            if receive(client, lambda it: token in it, 1, endpoint.seconds) != [text]:
                return False
    return True


def broadcast(endpoint: Endpoint) -> str:
    """Check that each client, including the sender, gets each text unchanged."""
    texts, got = _texts(token := mark()), [0] * CLIENTS
    with ExitStack() as stack:
        clients = [stack.enter_context(endpoint.connect()) for _ in range(CLIENTS)]
        for text in texts:
            clients[0].send(order(text))
            for number, client in enumerate(clients):
                frames = receive(client, lambda it: token in it, 1, endpoint.seconds)
                got[number] += frames == [text]
    return _count(got, len(texts))


def _texts(token: str) -> list[str]:
    """Return JSON texts whose numbers, repeated keys, spaces and escapes an encoder may change."""
    return [
        f'"{token} hello world !"',
        f'{{"n": 1.0, "n": 1e5, "z":0,"a" : "{token}"}}',
        f'[ 1,2 , "{token}\\u20ac\\/é😀" ]',
        f'"<b>{token}</b>&amp;\\u0000"',
    ]


def _count(got: list[int], texts: int) -> str:
    full = sum(number == texts for number in got)
    return f"{full} of {len(got)} clients got {texts} of {texts} texts"


def departed(endpoint: Endpoint) -> str:
    """Check that a disconnected client does not affect other clients."""
    token = mark()
    with endpoint.connect() as sender:
        with endpoint.connect():
            pass
        sender.send(order(f'"{token}"'))
        frames = receive(sender, lambda it: token in it, 1, endpoint.seconds)
    return "delivered" if frames else "not delivered"


def one_way(endpoint: Endpoint) -> str:
    """Check that the client does not get the return value of the route's function."""
    tokens = [mark(), mark()]
    with endpoint.connect() as sender:
        seen: list[str] = []
        for token in tokens:
            sender.send(order(f'"{token}"'))

            def wanted(frame: str, token: str = token) -> bool:
                seen.append(frame)
                return token in frame

            receive(sender, wanted, 1, endpoint.seconds)
    others = [frame for frame in seen if "sent" in frame and not any(t in frame for t in tokens)]
    return f"also {others[0]}" if others else "only the broadcast"


def mistake(text: str) -> Callable[[Endpoint], str]:
    """Return a `look` function that describes the error and the connection after a message."""

    def look(endpoint: Endpoint) -> str:
        token = mark()
        with endpoint.connect() as client:
            client.send(text)
            code = error_frame(client, endpoint.seconds).get("error", {}).get("code", "no frame")
            client.send(order(f'"{token}"'))
            later = receive(client, lambda it: token in it, 1, endpoint.seconds)
        return f"{code}, {'stays open' if later else 'no longer usable'}"

    return look


def alone(endpoint: Endpoint) -> str:
    """Check that only the sender gets an error frame, with the `ref` of its message."""
    token = mark()
    with endpoint.connect() as sender, endpoint.connect() as other:
        sender.send(json.dumps({"message": "verify-none", "ref": token}))
        echoed = error_frame(sender, endpoint.seconds).get("error", {}).get("ref") == token
        strayed = receive(other, lambda it: token in it, 1, QUIET_SECONDS)
    return f"{'with' if echoed else 'without'} ref, to {'others too' if strayed else 'one'}"


def _rule(
    numbers: tuple[int, ...], title: str, expected: str, look: Callable[[Endpoint], str]
) -> Rule:
    return Rule(numbers, title, expected, look, needs_app=True)


BROADCAST = _rule(
    (18,),
    f"a broadcast reaches {CLIENTS} clients byte for byte",
    _count([4] * CLIENTS, 4),
    broadcast,
)

RULES = (
    BROADCAST,
    _rule((), "a disconnected client does not affect others", "delivered", departed),
    _rule((33, 34), "what a function returns is not sent", "only the broadcast", one_way),
    _rule((19,), "text that is not valid JSON", "bad_json, stays open", mistake("no JSON")),
    _rule((30,), "an empty message", "bad_json, stays open", mistake("")),
    _rule((), "JSON that is not an object", "not_an_object, stays open", mistake("[1]")),
    _rule((), "no data", "missing_data, stays open", mistake('{"message":"sendmessage"}')),
    _rule(
        (), "an unknown route", "unknown_route, stays open", mistake('{"message":"Sendmessage"}')
    ),
    _rule(
        (23,),
        "a client that selects $connect by name",
        "unknown_route, stays open",
        mistake('{"message":"$connect","data":1}'),
    ),
    _rule((), "only the sender gets an error frame", "with ref, to one", alone),
)
