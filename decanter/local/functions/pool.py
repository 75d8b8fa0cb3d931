"""The processes of one function: an event waits for a free one, more start while events wait."""

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from decanter.errors import DecanterError, ProjectError
from decanter.gateway.results import Failure, Outcome, Returned
from decanter.local.functions.memory import Memory
from decanter.local.functions.process import Launch, Worker, WorkerGoneError

Start = Callable[[Launch], Awaitable[Worker]]
"""Starts a process that has loaded the app."""

CHANGED = "the files have changed since the code in service was loaded"

KEPT = 1
"""So many processes of a function stay, however long they are idle."""

STARTS_AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
"""More would not be ready sooner: while they start, a quick handler has emptied the queue."""

START_SECONDS = 0.5
"""A start that has taken so long waits for something else than a processor; others may begin."""


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function: how its processes are started, and when Lambda ends it (seconds)."""

    name: str
    launch: Launch
    timeout_seconds: float
    arn: str


@dataclass(slots=True)
class Call:
    """An event on its way through a pool; `assigned` once it has a process, or never gets one."""

    message: dict[str, Any]
    request_id: str
    assigned: asyncio.Event = field(default_factory=asyncio.Event)
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Scaling:
    """How many processes a function may have.

    Attributes:
        concurrency: the most of them.
        idle_seconds: how long one that is not needed is kept.
        memory: tells if another one fits.
    """

    concurrency: int
    idle_seconds: float = 30
    memory: Memory = field(default_factory=Memory)


class Pool:
    """The workers of one function, all of the same code; older ones only finish their event."""

    def __init__(self, function: Function, scaling: Scaling, start: Start) -> None:
        self.function = function
        self._scaling = scaling
        self._start = start
        self._workers: set[Worker] = set()
        self._idle: deque[Worker] = deque()  # those that have been idle longest first
        self._retired: set[Worker] = set()
        self._waiting: deque[asyncio.Future[Worker]] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._slots: set[asyncio.Task[None]] = set()
        self._ending: asyncio.TimerHandle | None = None
        self._generation = 0
        self._cannot_grow = False
        self._said: set[str] = set()

    @property
    def size(self) -> int:
        """The number of its processes, older ones included."""
        return len(self._workers | self._retired)

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
        finally:
            call.assigned.set()
        call.cold = worker.calls == 0
        seconds = self.function.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                answer = await worker.call(call.message)
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
        self._waiting.clear()
        for task in self._starting:
            task.cancel()
        if self._ending is not None:
            self._ending.cancel()
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
        self._said.discard("start")
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
        worker.idle_since = asyncio.get_running_loop().time()
        self._idle.append(worker)
        if self._ending is None:
            self._end_idle()

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

    def _end_idle(self) -> None:
        """End the processes that have been idle too long, now and again when the next one has."""
        loop = asyncio.get_running_loop()
        self._ending = None
        while self._idle and len(self._workers) > KEPT:
            wait = self._idle[0].idle_since + self._scaling.idle_seconds - loop.time()
            if wait > 0:
                self._ending = loop.call_later(wait, self._end_idle)
                return
            worker = self._idle.popleft()
            self._workers.discard(worker)
            worker.kill()

    def _grow(self) -> None:
        """Start processes for the events that wait, as far as the limits allow."""
        if self._workers and self._cannot_grow:
            return
        wanted = sum(not waiter.done() for waiter in self._waiting) - len(self._starting)
        for _ in range(min(wanted, STARTS_AT_ONCE - len(self._slots))):
            if not self._has_room():
                return
            task = asyncio.create_task(self._start_another())
            task.add_done_callback(self._started)
            self._starting.add(task)
            self._slots.add(task)
            asyncio.get_running_loop().call_later(START_SECONDS, self._free_slot, task)

    def _has_room(self) -> bool:
        name, most = self.function.name, self._scaling.concurrency
        number = len(self._workers) + len(self._starting)
        alike = next((worker.pid for worker in self._workers), None)
        if number >= most:
            text = f"{name} has as many processes as --concurrency {most} allows"
            self._say_once("concurrency", f"{text}: events wait for one")
            return False
        if number and not self._scaling.memory.fits(alike, len(self._starting)):
            text = f"memory has no room for more processes of {name} than {number}"
            self._say_once("memory", f"{text} (--concurrency is {most}): events wait for one")
            return False
        return True

    def _say_once(self, about: str, text: str) -> None:
        if about not in self._said:
            self._said.add(about)
            self.function.launch.log(text, "")

    def _free_slot(self, task: asyncio.Task[None]) -> None:
        if task in self._slots:
            self._slots.discard(task)
            self._grow()

    async def _start_another(self) -> None:
        try:
            worker = await self._start_current()
        except DecanterError as error:
            self._cannot_start(error)
            return
        self._started(asyncio.current_task())  # before it is counted as a worker
        self._workers.add(worker)
        self._offer(worker)
        self._grow()

    async def _start_current(self) -> Worker:
        """A process of the code that is in service once it has loaded it.

        Raises:
            DecanterError: it cannot be started.
        """
        while True:
            generation = self._generation
            worker = await self._start_alike()
            if generation == self._generation:
                return worker
            worker.kill()  # the code changed while it was being loaded

    def _cannot_start(self, error: DecanterError) -> None:
        if not self._workers:
            self._give_up(error)
        else:
            self._say_once("start", f"no further process is started: {error}")
        # What the system refuses now it may allow later; other code has to come first.
        self._cannot_grow = self._cannot_grow or isinstance(error, ProjectError)

    def _started(self, task: asyncio.Task[None] | None) -> None:
        self._starting -= {task}
        self._slots -= {task}

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
