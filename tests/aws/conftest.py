"""One AWS for all tests of this folder, emptied before each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from decanter.aws.session import AWS
from tests.aws.calls import Wired
from tests.aws.cloud import REGION, Cloud, cloud
from tests.aws.own import Swept, copy, sweeping
from tests.aws.own import packaged as packaged_own
from tests.aws.stage import Stage, packaged


@pytest.fixture(scope="session", name="running")
def _running() -> Iterator[Cloud]:
    with cloud() as it:
        yield it


@pytest.fixture(name="aws")
def _aws(running: Cloud) -> Cloud:
    running.reset()
    return running


@pytest.fixture(scope="session", name="made")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project, and the result of `chalice package` for it."""
    return packaged(tmp_path_factory.mktemp("made") / "pour")


@pytest.fixture(scope="session", name="swept")
def _swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """This repository's app with its sweep, and Chalice's package of it; tests only read both."""
    folder = tmp_path_factory.mktemp("swept")
    project = sweeping(copy(folder / "decanter"))
    return Swept(project, packaged_own(project, folder / "out"))


@pytest.fixture(scope="session", name="wired")
def _wired() -> Wired:
    return Wired()


@pytest.fixture(scope="session", name="clients")
def _clients(running: Cloud, wired: Wired) -> AWS:
    return AWS(None, REGION, running.endpoint, wired.session)


@pytest.fixture(name="stage")
def _stage(made: Path, aws: Cloud, wired: Wired, clients: AWS) -> Stage:
    return Stage(made, aws, wired, clients)
