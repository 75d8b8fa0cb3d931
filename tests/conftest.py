"""Fixtures that more than one house's tests use."""

import signal
from pathlib import Path, PurePosixPath

import pytest
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ["tests.support.fixtures"]
SMALL = Path(__file__).parent / "decanter"
collect_ignore = ["projects"]  # their tests are run as their developer runs them

SHARING = {"aws", "chaos", "console", "contract", "end_to_end"}
"""Folders whose files share gateways, a browser or a made stack for the whole run."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no annotations
    """Gives a worker one file at a time, and these folders whole: what they share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = PurePosixPath(*PurePosixPath(file).parts[:2])
        return str(folder) if folder.name in SHARING else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what comes in small pieces for the end, when it is to fill up each worker's time."""
    items.sort(key=lambda item: item.path.is_relative_to(SMALL))


# A job that a script started in the background ignores Ctrl-C, and one under nohup the end of its
# terminal. So would every process that the tests start and then signal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
