"""Real worker processes of a small app, for tests that inspect them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from decanter.local.functions.forks import Forks
from decanter.local.functions.process import Launch, Worker
from tests.support.apps import SmallProject
from tests.support.gateways import SECONDS
from tests.support.projects import clean_environment

ENDPOINT = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:9/api"}

EVALUATES = """\
import json, os, sys
from chalice import Chalice
app = Chalice(app_name="small")
FD = "/proc/self/fd/"

@app.lambda_function(name="evaluate")
def evaluate(event, context):
    return json.dumps(eval(event))
"""


class Cast(Forks):
    """Forks that end every worker when they stop."""

    def __init__(self, note: Callable[[str], None], *, enabled: bool) -> None:
        super().__init__(note, enabled=enabled, most_deaths=2)
        self._workers: list[Worker] = []

    async def start(self, launch: Launch) -> Worker:
        self._workers.append(await super().start(launch))
        return self._workers[-1]

    async def spawn(self, launch: Launch) -> Worker:
        self._workers.append(await Worker.start(launch))
        return self._workers[-1]

    async def dismiss(self) -> None:
        """End every worker."""
        await asyncio.gather(*map(ended, self._workers))
        self._workers.clear()

    async def stop(self) -> None:
        await self.dismiss()
        await super().stop()


class Company:
    """A fork server for several tests, which do not change it."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._runner = asyncio.Runner()
        self._forks = Cast(self.notes.append, enabled=True)

    def run(self, work: Callable[[Cast], Awaitable[None]]) -> None:
        """Run work, then end all its workers."""

        async def all_of_it() -> None:
            try:
                async with asyncio.timeout(SECONDS * 2):
                    await work(self._forks)
            finally:
                await self._forks.dismiss()

        self._runner.run(all_of_it())

    def close(self) -> None:
        """End the fork server."""
        self._runner.run(self._forks.stop())
        self._runner.close()


class Stage:
    """A project, its workers' output, and the messages to the user.

    Args:
        folder: the project's.
        company: the fork server that others use too; None for one of its own in each run.
    """

    def __init__(self, folder: Path, company: Company | None = None) -> None:
        self.project = SmallProject(folder)
        self.project.write(EVALUATES)
        self.printed: list[str] = []
        self.notes: list[str] = [] if company is None else company.notes
        self.notes.clear()
        self._company = company

    def launch(self, init_seconds: float = 60, **variables: str) -> Launch:
        environment = clean_environment() | ENDPOINT | {"PYTHONUNBUFFERED": "1"} | variables
        return Launch(self.project.folder, environment, self._log, init_seconds)

    def run(self, work: Callable[[Cast], Awaitable[None]], *, enabled: bool = True) -> None:
        """Run work with a fork server, then end all workers."""
        if self._company is not None:
            self._company.run(work)
            return

        async def all_of_it() -> None:
            forks = Cast(self.notes.append, enabled=enabled)
            try:
                async with asyncio.timeout(SECONDS * 2):
                    await work(forks)
            finally:
                await forks.stop()

        asyncio.run(all_of_it())

    def _log(self, line: str, request_id: str) -> None:
        self.printed.append(line)


async def evaluate(worker: Worker, expression: str) -> Any:
    """Return the value of an expression in a worker's handler."""
    answer = await worker.call(
        {
            "type": "invoke",
            "request_id": "1",
            "api_request_id": "2",
            "function_arn": "arn",
            "timeout_ms": 1000,
            "handler": "app.evaluate",
            "event": expression,
        }
    )
    assert answer["type"] == "result", answer
    return json.loads(answer["value"])


async def ended(worker: Worker) -> None:
    worker.kill()
    await worker.wait()


def is_running(pid: int) -> bool:
    """True for a process that has not ended; a zombie has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def children(pid: int) -> set[int]:
    """Return the children of a process, including zombies."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for each in lists for child in each.read_text().split()}


def descriptors(pid: int) -> int:
    """Return the number of a process's open descriptors."""
    return len([*Path(f"/proc/{pid}/fd").iterdir()])
