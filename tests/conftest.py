"""Fixtures for the tests of several folders, and the distribution of tests to workers."""

import gc
import signal
from functools import cache
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from tests.support.forked import fork_from_decanter
from tests.support.models import parse_once

pytest_plugins = ["tests.support.fixtures", "tests.support.kept"]
collect_ignore = ["projects"]  # pytest runs their tests in separate projects

# Other tests run at the same time, so the time of an example says nothing.
settings.register_profile(
    "test", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("test"), max_examples=250)
settings.load_profile("test")

SHARING = {"aws", "chaos", "console", "contract", "end_to_end"}
"""The files of each of these folders share gateways, a browser or a stack for the whole run."""

SMALL = Path(__file__).parent / "decanter"
"""These files are short. They run last, so that all workers finish at about the same time."""

LONG = SMALL / "verify"
"""These wait for half a minute."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no annotations
    """Give a worker one file at a time, or a whole folder if its files share something."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = PurePosixPath(*PurePosixPath(file).parts[:2])
        return str(folder) if folder.name in SHARING else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _is_small(item.path))


@cache
def _is_small(path: Path) -> bool:
    return path.is_relative_to(SMALL) and not path.is_relative_to(LONG)


parse_once()
fork_from_decanter()

# While the tests load, the collector would take four of ten seconds, and find no garbage.
gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    gc.enable()


# A background job of a script ignores Ctrl-C, and a job under nohup ignores the end of its
# terminal. Without this, the processes that tests start and signal would do so too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
