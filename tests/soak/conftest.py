"""The suite's two sizes: a sample in `make test`, everything in `make soak`.

    make soak COUNT=100 SOAK_SEED=7 ARGS="-k peer"

COUNT is the number of runs against a hostile peer; the other sizes are in proportion. The seed is
in the name of each test.
"""

import logging
import os
from collections.abc import Iterator

import pytest

from decanter.runtime.session import session
from decanter.runtime.transports import TRANSPORTS
from tests.support.marks import THOROUGH

SEED = int(os.environ.get("SOAK_SEED", "1"))
COUNT = int(os.environ.get("SOAK_COUNT", "0"))
WHOLE = 10_000
NOTES: list[str] = []
EACH_TRANSPORT = [
    pytest.param(name, marks=() if name == "fast" else THOROUGH) for name in sorted(TRANSPORTS)
]


def size(whole: int, sample: int) -> int:
    """Return the size of a test: `sample`, or in `make soak` a share of `whole`."""
    return max(1, whole * COUNT // WHOLE) if COUNT else sample


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.soak)  # pytest calls this for the tests of this folder only


@pytest.fixture(name="seed", params=[SEED], ids="seed {}".format)
def _seed(request: pytest.FixtureRequest) -> int:
    seed: int = request.param
    return seed


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Discard the log lines: pytest would keep all of them in memory."""
    logger = logging.getLogger("decanter.events")
    logger.addFilter(_refuse)
    yield
    logger.removeFilter(_refuse)


@pytest.fixture(name="signed")
def _signed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A region and keys for botocore; the session reads them once."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    session.cache_clear()
    yield
    session.cache_clear()


def _refuse(record: logging.LogRecord) -> bool:
    return False


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COUNT:
        terminalreporter.section(f"soak, seed {SEED}")
        for note in NOTES:
            terminalreporter.write_line(note)
