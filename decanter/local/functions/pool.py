"""The processes of one function. If events wait for a free process, more processes start."""

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
"""Starts a process, and returns its worker when the process has loaded the app."""

CHANGED = "the files have changed since the running code was loaded"

KEPT = 1
"""The number of processes that a function keeps even if they are idle."""

STARTS_AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
"""The limit of parallel starts of a function. More starts would not save any time."""

START_SECONDS = 0.5
"""The time in seconds after which a start no longer counts toward the limit of parallel starts."""


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function: how its processes are launched, and its timeout in seconds."""

    name: str
    launch: Launch
    timeout_seconds: float
    arn: str


@dataclass(slots=True)
class Call:
    """An event that a pool runs, and its state.

    Attributes:
        request_id: the event's id in the log.
        assigned: set when the event has a process, or will never get a process.
        cold: True if the event is the first event of its process.
        error: Lambda's error object, with the traceback as lines; None after a success.
    """

    message: dict[str, Any]
    request_id: str
    assigned: asyncio.Event = field(default_factory=asyncio.Event)
    cold: bool = False
    error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Scaling:
    """The limits for the number of processes of a function.

    Attributes:
        concurrency: the highest number of processes.
        idle_seconds: the time after which an idle process ends, except for the last process.
    """

    concurrency: int
    idle_seconds: float = 30
    memory: Memory = field(default_factory=Memory)


class Pool:
    """The workers of one function with the same code. Older workers finish their current event."""

    def __init__(self, function: Function, scaling: Scaling, start: Start) -> None:
        self.function = function
        self._scaling = scaling
        self._start = start
        self._workers: set[Worker] = set()
        self._idle: deque[Worker] = deque()  # longest idle first
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
        """The number of processes, including processes with older code."""
        return len(self._workers | self._retired)

    def adopt(self, worker: Worker, function: Function) -> None:
        """Use a prepared worker and its function. Older workers leave the pool."""
        self._retire_all()
        self.function = function
        self._workers.add(worker)
        self._offer(worker)
        self._grow()  # waiting events may get a process, because older workers no longer count

    def retire(self) -> None:
        """Retire the pool of a removed function. Running events finish; waiting events fail."""
        self._retire_all()
        self._give_up(ProjectError("the app no longer has a handler for this function"))

    async def run(self, call: Call) -> Outcome:
        """Run one event in the next free worker."""
        try:
            worker = await self._acquire()
        except DecanterError as error:
            self._report(call, f"init error: {error}", "InitError")
            return Failure.RAISED
        finally:
            call.assigned.set()
        call.cold = worker.calls == 0
        seconds = self.function.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                answer = await worker.call(call.message)
        except TimeoutError:
            self._report(call, f"Task timed out after {seconds:.2f} seconds", "Sandbox.Timedout")
            worker.kill()
            return Failure.DIED
        except WorkerGoneError as gone:
            text = f"the process ended while it ran the handler: {gone}"
            self._report(call, text, "Runtime.ExitError")
            return Failure.DIED
        finally:
            self._release(worker)
        if answer["type"] == "result":
            return Returned(answer["value"])
        self._report(call, answer["trace"].rstrip(), answer["error"], answer["text"])
        return Failure.RAISED

    async def stop(self) -> None:
        """Kill all processes and wait until they have ended."""
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

    def _report(self, call: Call, text: str, kind: str, message: str | None = None) -> None:
        lines = text.splitlines()
        trace = [] if message is None else lines
        message = text if message is None else message
        call.error = {"type": kind, "message": message, "traceback": trace}
        for line in lines:
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
        """Return a free worker, and mark this worker as busy.

        Raises:
            DecanterError: the pool has no worker, and cannot start one; or the pool is retired.
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
        """Give a worker to the longest-waiting event. If no event waits, the worker is idle."""
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
        if worker not in self._workers:  # newer code was deployed during the run
            worker.kill()
        elif worker.alive:
            self._offer(worker)
        else:
            self._workers.discard(worker)
            self._grow()

    def _end_idle(self) -> None:
        """End the processes that have been idle too long, and schedule the next check."""
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
        """Start processes for the waiting events, within the limits."""
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
            self._say_once("concurrency", f"{text}: events wait")
            return False
        if number and not self._scaling.memory.fits(alike, len(self._starting)):
            text = f"memory allows no more than {number} processes of {name}"
            self._say_once("memory", f"{text} (--concurrency is {most}): events wait")
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
        self._started(asyncio.current_task())  # before the process counts as a worker
        self._workers.add(worker)
        self._offer(worker)
        self._grow()

    async def _start_current(self) -> Worker:
        """Start a process with the current code, and wait until the process has loaded the app.

        Raises:
            DecanterError: the process cannot be started.
        """
        while True:
            generation = self._generation
            worker = await self._start_alike()
            if generation == self._generation:
                return worker
            worker.kill()  # the code changed during its import

    def _cannot_start(self, error: DecanterError) -> None:
        if not self._workers:
            self._give_up(error)
        else:
            self._say_once("start", f"cannot start another process: {error}")
        # The system may allow a start later. If the code has changed, it must be deployed first.
        self._cannot_grow = self._cannot_grow or isinstance(error, ProjectError)

    def _started(self, task: asyncio.Task[None] | None) -> None:
        self._starting -= {task}
        self._slots -= {task}

    async def _start_alike(self) -> Worker:
        """Start another process with the same code as the other processes.

        Raises:
            ProjectError: the files have changed since the first start, or cannot be loaded. Changed
                files are accepted if no other process is left.
        """
        launch = self.function.launch
        if self._workers and not launch.is_current():
            raise ProjectError(CHANGED)
        worker = await self._start(launch)
        if self._workers and not launch.is_current():  # during the import
            worker.kill()
            raise ProjectError(CHANGED)
        return worker

    def _give_up(self, error: DecanterError) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(error)
