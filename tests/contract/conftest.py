"""One gateway for the contract's tests: the probe project, run as a user runs it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.apps import NO_DATABASE
from tests.support.gateways import PROJECTS, Running, gateway, read_json_when_there


@pytest.fixture(scope="session", name="events_folder")
def _events_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="session", name="probe")
def _probe(events_folder: Path) -> Iterator[Running]:
    with gateway(PROJECTS / "probe", environment={"PROBE_EVENTS": str(events_folder)}) as it:
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
        """Return the event of a kind for a connection, once its handler has run."""
        event: dict[str, Any] = read_json_when_there(self.folder / f"{kind}-{connection_id}.json")
        return event

    def was_gone(self, connection_id: str) -> bool:
        """True if @connections answered 410 to the disconnect handler."""
        return (self.folder / f"gone-{connection_id}").exists()

    def count(self, kind: str) -> int:
        """Return the number of events of a kind so far."""
        return len(list(self.folder.glob(f"{kind}-*.json")))


@pytest.fixture(name="events")
def _events(events_folder: Path) -> Events:
    return Events(events_folder)
