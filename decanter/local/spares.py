"""Processes that have begun to start: a reload, or one more process, need not wait for it all.

What takes most of the time of a start is Python itself, Chalice and botocore, and none of that is
the project's. So each function has a process that has come so far and goes no further until the
files have changed, or events wait. It is started anew, not forked: an app begins in a process that
nothing has run in, as in Lambda, and forking is not safe everywhere.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from decanter.local.process import Launch, Worker, WorkerGoneError

SETTLE_SECONDS = 2.0
"""The next processes are started so long after that: the first events come first."""


class Spares:
    """At most one spare process for each function.

    Args:
        settle_seconds: how long after one was needed the next ones are started.
    """

    def __init__(self, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._settle_seconds = settle_seconds
        self._spares: list[tuple[Launch, Worker]] = []
        self._wanted: list[Launch] = []
        self._filling: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """How many wait."""
        return sum(worker.alive for _, worker in self._spares)

    async def start(self, launch: Launch) -> Worker:
        """A worker that has loaded the app, from a spare process if one has this environment.

        Raises:
            ProjectError: the app cannot be loaded; the message is one line.
        """
        worker = self._take(launch) or await Worker.spawn(launch)
        await worker.load(launch)
        return worker

    def refill(self, launches: Iterable[Launch]) -> asyncio.Task[None]:
        """Soon have a spare process for each of these, and for nothing else."""
        self._wanted = [*launches]
        if self._filling is not None:
            self._filling.cancel()
        self._filling = asyncio.create_task(self._refill())
        return self._filling

    async def stop(self) -> None:
        """End them."""
        filling = [self._filling] if self._filling else []
        for task in filling:
            task.cancel()
        await asyncio.gather(*filling, return_exceptions=True)
        await self._drop(self._spares)

    def _take(self, launch: Launch) -> Worker | None:
        for each in self._spares:
            made_for, worker = each
            if worker.alive and made_for.environment == launch.environment:
                self._spares.remove(each)
                self.refill(self._wanted)
                return worker
        return None

    async def _refill(self) -> None:
        await asyncio.sleep(self._settle_seconds)
        wanted = [launch.environment for launch in self._wanted]
        useless = [each for each in self._spares if each[0].environment not in wanted]
        await self._drop([*useless, *(each for each in self._spares if not each[1].alive)])
        there = [launch.environment for launch, _ in self._spares]
        for launch in self._wanted:  # one after the other: nobody waits for them
            if launch.environment not in there:
                with suppress(WorkerGoneError):
                    self._spares.append((launch, await Worker.spawn(launch, ahead=True)))

    async def _drop(self, spares: list[tuple[Launch, Worker]]) -> None:
        self._spares = [each for each in self._spares if each not in spares]
        for _, worker in spares:
            worker.kill()
        await asyncio.gather(*(worker.wait() for _, worker in spares))
