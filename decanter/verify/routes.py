"""Check that each of the app's own routes handles a message."""

import json
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from decanter.aws.overrides import described
from decanter.client import served_routes
from decanter.local.api import additions, api_of
from decanter.local.examples import UNTYPED, examples, message
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.verify.endpoint import Endpoint, stays_open
from decanter.verify.rules import NEVER, Rule

# The seconds to wait for a further frame, such as the error frame after a greeting.
QUIET_SECONDS = 0.5
# The errors of API Gateway and the framework for a handler that raises an exception.
RAISED = ("Internal server error", "internal")
# These errors, and the errors for a timeout and for a missing route.
FAILURES = frozenset({*RAISED, "Endpoint request timed out", "Forbidden", "unknown_route"})


@dataclass(frozen=True)
class Routes:
    """The routes of an app, each with an example message.

    `origin` tells the user where the routes come from. `messages` has a JSON text for each route
    key, or None if no message selects the route.
    """

    origin: str
    messages: Mapping[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        keys = sorted(key for key in self.messages if key not in {"$connect", "$disconnect"})
        return f"{', '.join(keys) or 'none'} ({self.origin})"

    def rules(self) -> Iterator[Rule]:
        """Yield a rule for each route with an example."""
        for key, text in sorted(self.messages.items()):
            if text is not None:
                # A router without a default route answers `unknown_route` for this route.
                fine = {"unknown_route"} if key == "$default" else set()
                yield rule(f"route {key}", text, FAILURES - fine, is_guess=is_guess(text))


def known_routes(url: str, directory: Path, stage: str) -> Routes | None:
    """Return the routes of a local gateway or of the project; None if neither exists.

    Only the current folder may be without a project.

    Raises:
        ProjectError: the project is invalid, or its app cannot be imported.
    """
    if (served := served_routes(url)) is not None:
        return Routes("decanter local", served)
    if directory == Path() and not (directory / ".chalice" / "config.json").is_file():
        return None
    project = Project.load(directory, stage)
    return Routes(f"{project.directory}, stage {stage}", messages_of(project))


def messages_of(project: Project) -> dict[str, str | None]:
    """Return an example message for each route of the API and of the routers."""
    declared = described(project)
    api = api_of(project.api_stage, declared, *additions(project.template()))
    found = examples(declared, api.selection_expression, [*api.routes])
    return found | _of_routers(declared)


def _of_routers(declared: Declaration) -> dict[str, str | None]:
    return {
        route.route_key: message(router.expression, route.route_key, route.example)
        for router in declared.routers
        for route in router.routes
    }


def is_guess(text: str) -> bool:
    """True if the payload of a message is a guess, because the route declares no type."""
    members: dict[str, Any] = json.loads(text)
    return UNTYPED.items() <= members.items()


def rule(title: str, text: str, failures: Set[str] = FAILURES, *, is_guess: bool = False) -> Rule:
    """Return a rule that requires the app to handle a message.

    If the message is a guess, an exception is not an error, because the app may still handle the
    messages of its clients.
    """
    doubt = "|".join(f"fails: {word}$" for word in RAISED) if is_guess else NEVER
    return Rule((), title, "handled", handled(text, failures), doubt=doubt)


def handled(text: str, failures: Set[str]) -> Callable[[Endpoint], str]:
    """Return a `look` function that describes the app's answer to a message."""

    def look(endpoint: Endpoint) -> str:
        with endpoint.connect() as client:
            client.send(text)
            answers = list(_answers(client, endpoint.seconds))
            state = stays_open(client, endpoint.seconds)
        for answer in answers:
            if answer in failures:
                return f"fails: {answer}"
        if state not in {"stays open", "close 1000"}:
            return state
        return f"handled: {', '.join(dict.fromkeys(answers)) or 'no answer'}, {state}"

    return look


def stays_open_after(text: str) -> Callable[[Endpoint], str]:
    """Return a `look` function that shows whether the connection stays open after a message."""

    def look(endpoint: Endpoint) -> str:
        with endpoint.connect() as client:
            client.send(text)
            answers = list(_answers(client, min(endpoint.seconds, QUIET_SECONDS)))
            state = stays_open(client, endpoint.seconds)
        return ": ".join([state, *dict.fromkeys(answers[:1])])

    return look


def _answers(client: ClientConnection, seconds: float) -> Iterator[str]:
    """Yield the result of `_word` for each frame until no further frame arrives."""
    try:
        yield _word(client.recv(timeout=seconds))
        while True:
            yield _word(client.recv(timeout=QUIET_SECONDS))
    except (TimeoutError, ConnectionClosed):
        return


def _word(frame: str | bytes) -> str:
    """Return the code or the text of an error frame; "an answer" for any other frame."""
    try:
        document: Any = json.loads(frame)
    except ValueError:
        return "an answer"
    if not isinstance(document, dict) or "connectionId" not in document:
        return "an answer"
    error = document.get("error")
    word = error.get("code") if isinstance(error, dict) else document.get("message")
    return word if isinstance(word, str) else "an answer"


ERRORS = (
    Rule(
        (19,),
        "text that is not JSON",
        "stays open",
        stays_open_after("verify: not JSON"),
        doubt="close 1000",
    ),
    Rule(
        (),
        "a message for no route",
        "stays open",
        stays_open_after('{"verify":"none"}'),
        doubt="close 1000",
    ),
)
"""The rules about a client's mistakes. The app itself may close the connection."""
