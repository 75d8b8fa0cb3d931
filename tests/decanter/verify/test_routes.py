"""The messages for an app's routes, and the verdict on each answer."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection

from decanter.verify.endpoint import Endpoint
from decanter.verify.routes import ERRORS, known_routes, rule
from decanter.verify.rules import Finding, check
from tests.support.projects import APP, write_project
from tests.support.websocket_servers import websocket_server

ROUTER = """

class Routed:
    @classmethod
    def __decanter__(cls):
        return {"kind": "router", "expression": "$request.body.kind", "default": False,
                "routes": [{"route_key": "bid", "operation_name": None, "function": "bid",
                            "example": {"amount": 1}},
                           {"route_key": "ask", "operation_name": None, "function": "ask"}]}
"""


def error_frame(**members: object) -> str:
    return json.dumps({**members, "connectionId": "x=", "requestId": "y="})


def greet_and_fail(connection: ServerConnection) -> None:
    connection.send("welcome")
    connection.send(error_frame(error={"code": "internal"}))


ANSWERS: dict[str, Callable[[ServerConnection], object]] = {
    "silence": lambda _: None,
    "greeting": greet_and_fail,
    "text": lambda it: it.send('"Forbidden"'),
    "refused": lambda it: it.send(error_frame(error={"code": "no_such_item"})),
    "raised": lambda it: it.send(error_frame(message="Internal server error")),
    "slow": lambda it: it.send(error_frame(message="Endpoint request timed out")),
    "unrouted": lambda it: it.send(error_frame(message="Forbidden")),
    "unknown": lambda it: it.send(error_frame(error={"code": "unknown_route"})),
    "left": lambda it: it.close(1000),
    "broken": lambda it: it.close(1011),
}


@pytest.fixture(name="endpoint", scope="module")
def _endpoint() -> Iterator[Endpoint]:
    """A server that answers a message as the word in it says."""

    def handler(connection: ServerConnection) -> None:
        for message in connection:
            ANSWERS.get(str(message), ANSWERS["silence"])(connection)

    with websocket_server(handler) as url:
        yield Endpoint(url, 0.2)


def finding(endpoint: Endpoint, text: str, *, is_guess: bool = False) -> Finding:
    return check(rule("it", text, is_guess=is_guess), endpoint)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("silence", "handled: no answer, stays open"),
        ("text", "handled: an answer, stays open"),
        ("refused", "handled: no_such_item, stays open"),
        ("left", "handled: no answer, close 1000"),
    ],
)
def test_an_answer_of_the_app_is_fine(answer: str, seen: str, endpoint: Endpoint) -> None:
    found = finding(endpoint, answer)
    assert (found.seen, found.holds, found.failed) == (seen, True, False)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("greeting", "fails: internal"),
        ("raised", "fails: Internal server error"),
        ("slow", "fails: Endpoint request timed out"),
        ("unrouted", "fails: Forbidden"),
        ("unknown", "fails: unknown_route"),
        ("broken", "close 1011"),
    ],
)
def test_a_failure_of_the_app_is_an_error(answer: str, seen: str, endpoint: Endpoint) -> None:
    """If the message is a guess, a handler that raises is only in doubt."""
    found, guess = finding(endpoint, answer), finding(endpoint, answer, is_guess=True)
    assert (found.seen, found.failed) == (guess.seen, True) == (seen, True)
    assert (guess.holds, guess.failed) == (False, answer not in {"greeting", "raised"})


def test_a_clients_mistake_may_get_any_answer(endpoint: Endpoint) -> None:
    assert [check(each, endpoint).seen for each in ERRORS] == ["stays open"] * len(ERRORS)


def test_the_routes_are_those_of_the_project(endpoint: Endpoint, tmp_path: Path) -> None:
    """Each route has a message that selects it, by the payload's declared type if it has one."""
    project = write_project(tmp_path / "p", APP + ROUTER)
    known = known_routes(endpoint.url, project, "dev")
    assert known is not None
    messages = {key: json.loads(text) for key, text in known.messages.items() if text}
    assert messages["bid"] == {"kind": "bid", "amount": 1}
    assert messages["ask"] == {"kind": "ask", "data": "hello world !"}
    assert str(known) == f"$default, ask, bid ({project}, stage dev)"


def test_without_a_project_no_route_is_known(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert known_routes(endpoint.url, Path(), "dev") is None
