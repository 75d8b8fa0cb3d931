"""One gateway for the contract's tests: the probe project, run as a user runs it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.apps import NO_DATABASE
from tests.support.gateways import PROJECTS, Running, gateway, read_json_when_there

MAPPING = "connection/websocket"
"""The path of the probe under a custom domain: the default of Centrifugo's clients."""


FEW_PROCESSES = ("--concurrency", "16")
"""A flood would start 64, and each imports the application."""


@pytest.fixture(scope="session", name="events_folder")
def _events_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="session", name="probe")
def _probe(events_folder: Path) -> Iterator[Running]:
    environment = {"PROBE_EVENTS": str(events_folder)}
    with gateway(PROJECTS / "probe", "--path", MAPPING, environment=environment) as it:
        yield it


@pytest.fixture(scope="session", name="hasty")
def _hasty(events_folder: Path) -> Iterator[Running]:
    """The same with a short integration timeout."""
    environment = {"PROBE_EVENTS": str(events_folder)}
    with gateway(
        PROJECTS / "probe", *NO_DATABASE, "--integration-timeout", "1", environment=environment
    ) as it:
        yield it


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
