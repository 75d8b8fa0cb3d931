"""Facts about the kinds of traffic that restart the idle timer.

All connections are opened at the same time, so the facts take 1.25 times the idle timeout in total.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from decanter.verify.endpoint import Endpoint
from decanter.verify.facts.probe import Limits, Look, ask, client, identity
from decanter.verify.rules import Rule

Act = Callable[[Endpoint, ClientConnection, str], object]


def _nothing(_: Endpoint, __: ClientConnection, ___: str) -> None:
    """Leave the connection idle."""


def _ping(_: Endpoint, connection: ClientConnection, __: str) -> None:
    connection.ping()


def _send(_: Endpoint, connection: ClientConnection, __: str) -> None:
    connection.send('{"action":"nothing"}')  # the app does not answer


def _post(endpoint: Endpoint, _: ClientConnection, key: str) -> None:
    """Post to the connection from the handler of another connection."""
    with client(endpoint) as observer:
        ask(observer, endpoint.seconds, action="use", call="post_to_connection", to=key, size=1)


# The traffic on a connection after half of the idle timeout.
_TRAFFIC: dict[str, Act] = {
    "no frame": _nothing,
    "a ping of the client": _ping,
    "a message of the client": _send,
    "a post of the server": _post,
}


@cache
def _outcomes(endpoint: Endpoint, limit: float) -> dict[str, str]:
    with ThreadPoolExecutor(len(_TRAFFIC)) as threads:
        runs = {
            kind: threads.submit(_watch, endpoint, limit, act) for kind, act in _TRAFFIC.items()
        }
        return {kind: run.result() for kind, run in runs.items()}


def _watch(endpoint: Endpoint, limit: float, act: Act) -> str:
    with client(endpoint) as connection:
        key = identity(connection, endpoint.seconds)
        began = time.monotonic()
        time.sleep(limit / 2)
        act(endpoint, connection, key)
        try:
            while (left := began + limit * 1.25 - time.monotonic()) > 0:
                connection.recv(timeout=left)
        except ConnectionClosed:
            return f"close {connection.close_code}: after {time.monotonic() - began:.0f} s"
        except TimeoutError:
            pass
    return "stays open"


def _outcome(kind: str, limit: float) -> Look:
    return lambda endpoint: _outcomes(endpoint, limit)[kind]


def idle(limits: Limits) -> list[Rule]:
    """Return the facts about the idle timer."""
    expected = {
        "no frame": ((46,), "close 1001"),
        "a ping of the client": ((47,), "close 1001"),
        "a message of the client": ((46,), "stays open"),
        "a post of the server": ((46,), "stays open"),
    }
    return [
        Rule(numbers, f"idle, with {kind}", outcome, _outcome(kind, limits.idle))
        for kind, (numbers, outcome) in expected.items()
    ]
