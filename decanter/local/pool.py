"""The processes of one function: an event waits for a free one, more start while events wait."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from decanter.errors import DecanterError, ProjectError
from decanter.local.outcomes import Failure, Outcome, Returned
from decanter.local.process import Launch, Worker, WorkerGoneError

Start = Callable[[Launch], Awaitable[Worker]]
"""Starts a process that has loaded the app."""

CHANGED = "the files have changed since the code in service was loaded"


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function: how its processes are started, and when Lambda ends it (seconds)."""

    name: str
    launch: Launch
    timeout_seconds: float
    arn: str


@dataclass(slots=True)
class Call:
    """An event on its way through a pool."""

    message: dict[str, Any]
    request_id: str
    started: bool = False
    cold: bool = False


class Pool:
    """The workers of one function, all of the same code; older ones only finish their event."""

    def __init__(self, function: Function, concurrency: int, start: Start) -> None:
        self.function = function
        self._start = start
        self._concurrency = concurrency
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._retired: set[Worker] = set()
        self._waiting: deque[asyncio.Future[Worker]] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._generation = 0
        self._cannot_grow = False

    def adopt(self, worker: Worker, function: Function) -> None:
        """Use a prepared worker and the function that it runs; older workers leave."""
        self._retire_all()
        self.function = function
        self._workers.add(worker)
        self._offer(worker)
        self._grow()  # for those that wait still: what was on its way may have been given up

    def retire(self) -> None:
        """The app has the function no longer: workers finish their event, who waits is told."""
        self._retire_all()
        self._give_up(ProjectError("the app has no handler for this function any more"))

    async def run(self, call: Call) -> Outcome:
        """Run one event in the next free worker."""
        try:
            worker = await self._acquire()
        except DecanterError as error:
            self._report(call, f"init error: {error}")
            return Failure.RAISED
        call.started, call.cold = True, worker.calls == 0
        seconds = self.function.timeout_seconds
        try:
            answer = await asyncio.wait_for(worker.call(call.message), seconds)
        except TimeoutError:
            self._report(call, f"Task timed out after {seconds:.2f} seconds")
            worker.kill()
            return Failure.DIED
        except WorkerGoneError as gone:
            self._report(call, f"the process ended while it ran the handler: {gone}")
            return Failure.DIED
        finally:
            self._release(worker)
        if answer["type"] == "result":
            return Returned(answer["value"])
        self._report(call, answer["trace"].rstrip())
        return Failure.RAISED

    async def stop(self) -> None:
        """Kill every process, at once, and wait until they are gone."""
        for task in self._starting:
            task.cancel()
        workers = self._workers | self._retired
        for worker in workers:
            worker.kill()
        ends = [worker.wait() for worker in workers]
        await asyncio.gather(*ends, *self._starting, return_exceptions=True)

    def _report(self, call: Call, text: str) -> None:
        for line in text.splitlines():
            self.function.launch.log(line, call.request_id)

    def _retire_all(self) -> None:
        self._generation += 1
        self._cannot_grow = False
        self._retired |= {worker for worker in self._workers if worker.busy}
        for worker in self._idle:
            worker.kill()
        self._workers.clear()
        self._idle.clear()

    async def _acquire(self) -> Worker:
        """A free worker, marked busy.

        Raises:
            DecanterError: there is none, and none can be started.
        """
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                worker.busy = True
                return worker
            self._workers.discard(worker)
        waiter: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._grow()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._release(waiter.result())
            raise

    def _offer(self, worker: Worker) -> None:
        """Give a worker to whoever has waited longest, or keep it until somebody comes."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                worker.busy = True
                waiter.set_result(worker)
                return
        self._idle.append(worker)

    def _release(self, worker: Worker) -> None:
        worker.busy = False
        self._retired.discard(worker)
        if worker not in self._workers:  # newer code has come while it ran
            worker.kill()
        elif worker.alive:
            self._offer(worker)
        else:
            self._workers.discard(worker)
            self._grow()

    def _grow(self) -> None:
        wanted = sum(not waiter.done() for waiter in self._waiting) - len(self._starting)
        room = self._concurrency - len(self._workers) - len(self._starting)
        if self._workers and self._cannot_grow:
            return
        for _ in range(min(wanted, room)):
            task = asyncio.create_task(self._start_another())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _start_another(self) -> None:
        generation = -1
        try:
            while generation != self._generation:  # the code changed while it was being loaded
                generation = self._generation
                worker = await self._start_alike()
                if generation != self._generation:
                    worker.kill()
        except DecanterError as error:
            if not self._workers:
                self._give_up(error)
            elif not self._cannot_grow:  # else several were on their way, and one has said it
                self.function.launch.log(f"no further process is started: {error}", "")
            self._cannot_grow = True  # until newer code comes
        else:
            self._workers.add(worker)
            self._offer(worker)

    async def _start_alike(self) -> Worker:
        """Another process of the code that the others run.

        Raises:
            ProjectError: the files have changed since, or cannot be loaded. With no other process
                left there is nothing to differ from.
        """
        launch = self.function.launch
        if self._workers and not launch.is_current():
            raise ProjectError(CHANGED)
        worker = await self._start(launch)
        if self._workers and not launch.is_current():  # while they were being loaded
            worker.kill()
            raise ProjectError(CHANGED)
        return worker

    def _give_up(self, error: DecanterError) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(error)
