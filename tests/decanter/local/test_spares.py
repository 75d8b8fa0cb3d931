"""Spare processes: for which version they serve, and that none is left behind."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.local.process import Launch
from decanter.local.spares import Spares
from tests.contract.projects import SmallProject
from tests.decanter.projects import clean_environment
from tests.gateways import SECONDS

ENDPOINT = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:9/api"}


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path)


@pytest.fixture(name="launch")
def _launch(project: SmallProject) -> Launch:
    return Launch(project.folder, clean_environment() | ENDPOINT, lambda line, request_id: None)


def with_one_spare(launch: Launch, work: Callable[[Spares], Awaitable[None]]) -> None:
    """Run something once a spare process waits, and end all."""

    async def run() -> None:
        spares = Spares(settle_seconds=0)
        try:
            async with asyncio.timeout(SECONDS):
                await spares.refill([launch])
                await work(spares)
        finally:
            await spares.stop()

    asyncio.run(run())


def test_a_spare_process_loads_the_code_that_is_there_when_it_is_taken(
    project: SmallProject, launch: Launch
) -> None:
    async def work(spares: Spares) -> None:
        project.write("from chalice import Chalice\napp = Chalice('renamed')\n")
        worker = await spares.start(launch)
        assert (worker.declared.app_name, spares.count) == ("renamed", 0)
        worker.kill()
        await worker.wait()

    with_one_spare(launch, work)


def test_another_environment_has_a_process_of_its_own(launch: Launch) -> None:
    changed = replace(launch, environment={**launch.environment, "COLOUR": "red"})

    async def work(spares: Spares) -> None:
        worker = await spares.start(changed)
        assert spares.count == 1
        worker.kill()
        await worker.wait()

    with_one_spare(launch, work)


def test_a_spare_process_that_cannot_load_the_code_is_ended(
    project: SmallProject, launch: Launch
) -> None:
    async def work(spares: Spares) -> None:
        project.write("1 / 0\n")
        with pytest.raises(ProjectError, match="division by zero"):
            await spares.start(launch)
        assert spares.count == 0

    with_one_spare(launch, work)


def test_newer_ones_replace_those_there_are(launch: Launch) -> None:
    async def work(spares: Spares) -> None:
        await spares.refill([])
        assert spares.count == 0

    with_one_spare(launch, work)


def test_stopping_while_they_are_started_leaves_none(launch: Launch) -> None:
    async def run() -> int:
        spares = Spares(settle_seconds=0)
        spares.refill([launch])
        await asyncio.sleep(0)
        await spares.stop()
        return spares.count

    assert asyncio.run(run()) == 0
    found = subprocess.run(["pgrep", "-f", str(launch.project)], capture_output=True, check=False)
    assert found.stdout == b""
