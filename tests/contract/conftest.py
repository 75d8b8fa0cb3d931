"""Gateways for the contract's tests, run as a user runs them: two for nearly all tests."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.apps import NO_DATABASE, SmallProject
from tests.support.clients import receive
from tests.support.gateways import PROJECTS, Running, gateway, read_json_when_there, wait_until

MAPPING = "connection/websocket"
"""The path of the probe under a custom domain: the default of Centrifugo's clients."""

FEW_PROCESSES = ("--concurrency", "8")
"""A flood would start 64, and each imports the application."""


@pytest.fixture(scope="session", name="events_folder")
def _events_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="session", name="probe")
def _probe(events_folder: Path) -> Iterator[Running]:
    environment = {"PROBE_EVENTS": str(events_folder)}
    usual = ("--path", MAPPING, *FEW_PROCESSES)
    with gateway(PROJECTS / "probe", *usual, environment=environment) as it:
        yield it


@pytest.fixture(scope="session", name="hasty")
def _hasty(events_folder: Path) -> Iterator[Running]:
    """The same with a short integration timeout."""
    environment = {"PROBE_EVENTS": str(events_folder)}
    with gateway(
        PROJECTS / "probe", *NO_DATABASE, "--integration-timeout", "1", environment=environment
    ) as it:
        yield it


@pytest.fixture(scope="session", name="chat")
def _chat() -> Iterator[Running]:
    """The chat, whose first post and first call of DynamoDB fail."""
    spec = ("--fault", "connections 500 calls=1", "--fault", "dynamodb throttle calls=1")
    with gateway(PROJECTS / "chat", *spec) as it:
        yield it


@pytest.fixture(scope="session", name="public")
def _public() -> Iterator[Running]:
    """The probe, for further hosts and on all of the machine's addresses."""
    options = ("--host", "0.0.0.0", "--allow-host", "My.tunnel.example", "--allow-host", "x.test:9")
    with gateway(PROJECTS / "probe", *NO_DATABASE, *options) as it:
        yield it


Serve = Callable[[str], Running]


def source_of(project: str) -> str:
    return (PROJECTS / project / "app.py").read_text()


@pytest.fixture(scope="session", name="served")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SmallProject, Running]]:
    small = SmallProject(tmp_path_factory.mktemp("small"))
    with gateway(small.folder, "--no-template", *NO_DATABASE) as it:
        yield small, it


@pytest.fixture(name="small")
def _small(served: tuple[SmallProject, Running]) -> SmallProject:
    """A project that sends each message back. `serving` serves it, whatever the test before did."""
    small, running = served
    version = uuid.uuid4().hex
    small.answer(f"'{version}' if event.body == 'which?' else event.body")

    def is_served() -> bool:
        with running.connect() as client:
            client.send("which?")
            return receive(client) == version

    wait_until(is_served, "the project of this test is served")
    running.forget_lines()
    return small


@pytest.fixture(name="serving")
def _serving(served: tuple[SmallProject, Running], small: SmallProject) -> Running:
    """The gateway of `small`: a reload takes a fifth of the time of a start."""
    return served[1]


@pytest.fixture(name="serve")
def _serve(small: SmallProject, serving: Running) -> Serve:
    """Returns the gateway when it serves the source of an app. A test calls it once."""

    def serve(source: str) -> Running:
        small.write(source)
        serving.wait_for_changes(1)
        return serving

    return serve


class Events:
    """The events that the probe's handlers got."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, kind: str, connection_id: str) -> dict[str, Any]:
        """Wait for a connection's event of this kind, and return it."""
        event: dict[str, Any] = read_json_when_there(self.folder / f"{kind}-{connection_id}.json")
        return event

    def was_gone(self, connection_id: str) -> bool:
        """Return True if @connections answered 410 to the disconnect handler."""
        return (self.folder / f"gone-{connection_id}").exists()

    def outlived(self, connection_id: str) -> bool:
        """Return True if a message handler ran until after the disconnect handler."""
        return (self.folder / f"outlived-{connection_id}").exists()

    def count(self, kind: str) -> int:
        """Return the number of events of this kind."""
        return len(list(self.folder.glob(f"{kind}-*.json")))


@pytest.fixture(name="events")
def _events(events_folder: Path) -> Events:
    return Events(events_folder)
