"""The rights that the tests of apps use.

As a pytest plugin it writes them to the file USED_RIGHTS, by the app's folder. The tests of each
app are in its folder `tests`.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from decanter.local.usage import Usage
from decanter.testing import WebSocketClient


class Recorder:
    """Collects the rights of one app over several clients.

    Attributes:
        calls: the rights that each function needed.
        denied: the rights that a function lacked.
        usage: the use of the rights by the last client.
    """

    def __init__(self) -> None:
        self.calls: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.denied: set[tuple[str, str, str]] = set()
        self.usage: Usage | None = None

    def add(self, client: WebSocketClient) -> None:
        rights = client._rights
        self.usage = rights.usage()
        for function, facts in rights.to_json()["functions"].items():
            pairs = {(each["action"], each["resource"]) for each in facts["used"]}
            self.calls[function] |= pairs
            self.denied |= {(function, it["action"], it["resource"]) for it in facts["denied"]}

    def report(self) -> dict[str, Any]:
        """Return the denials, each `@uses`, and those of their rights that no call needed."""
        found: dict[str, Any] = {"denied": sorted(self.denied), "uses": [], "unused": []}
        if self.usage is None:
            return found
        usage = Usage(self.usage.grants, self.usage.roles, self.calls)
        for each in {it for its in usage.grants.declaration.uses.values() for it in its}:
            if not each.is_default and not each.is_router:
                found["uses"].append(each.place)
                unused = sorted(usage.granted_by(each) - usage.used_by(each))
                found["unused"] += [[each.place, *right] for right in unused]
        return {name: sorted(value) for name, value in found.items()}


_recorders: dict[str, Recorder] = defaultdict(Recorder)


@pytest.fixture(autouse=True)
def _recorded(request: pytest.FixtureRequest) -> Iterator[None]:
    has_client = "websocket_client" in request.fixturenames
    client = request.getfixturevalue("websocket_client") if has_client else None
    yield
    recorder = _recorders[request.path.parents[1].name]
    if client is not None:
        recorder.add(client)


def pytest_sessionfinish() -> None:
    reports = {name: recorder.report() for name, recorder in _recorders.items()}
    Path(os.environ["USED_RIGHTS"]).write_text(json.dumps(reports))
