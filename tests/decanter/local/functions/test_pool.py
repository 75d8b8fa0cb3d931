"""The number of a function's processes: more while events wait, fewer when they are idle."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from decanter.errors import DecanterError, ProjectError, ServiceError
from decanter.gateway.results import Failure, Outcome, Returned
from decanter.local.functions.memory import MEGABYTE, Memory
from decanter.local.functions.pool import STARTS_AT_ONCE, Call, Function, Pool, Scaling
from decanter.local.functions.process import Launch, Worker, WorkerGoneError


class FakeWorker:
    """A worker whose events end when a test says so."""

    pid = 1

    def __init__(self) -> None:
        self.calls = 0
        self.busy = False
        self.alive = True
        self.idle_since = 0.0
        self.answer: asyncio.Future[dict[str, Any]] = asyncio.Future()

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        self.answer = asyncio.Future()
        return await self.answer

    def finish(self, value: object = None) -> None:
        self.answer.set_result({"type": "result", "value": value})

    def kill(self) -> None:
        self.alive = False
        if self.busy and not self.answer.done():
            self.answer.set_exception(WorkerGoneError("killed"))

    async def wait(self) -> None:
        pass


@dataclass
class Stage:
    """A pool, the workers it has started, and its messages."""

    concurrency: int = 64
    idle_seconds: float = 60
    room: int | None = None
    fails: DecanterError | None = None
    blocks: bool = False
    seconds: float = 60
    start_turns: int = 1
    workers: list[FakeWorker] = field(default_factory=list)
    begun: int = 0
    lines: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[Outcome]] = field(default_factory=list)

    def __post_init__(self) -> None:
        launch = Launch(Path(), {}, lambda line, request_id: self.lines.append(line))
        self.function = Function("websocket_message", launch, self.seconds, "arn")
        memory = Memory(self._available, lambda pid: 0)
        scaling = Scaling(self.concurrency, self.idle_seconds, memory)
        self.pool = Pool(self.function, scaling, self._start)

    @property
    def alive(self) -> list[FakeWorker]:
        return [worker for worker in self.workers if worker.alive]

    @property
    def at_work(self) -> list[FakeWorker]:
        return [worker for worker in self.alive if worker.calls and not worker.answer.done()]

    def send(self, number: int) -> list[Call]:
        calls = [Call({"api_request_id": "1"}, "1") for _ in range(number)]
        self.tasks += [asyncio.create_task(self.pool.run(call)) for call in calls]
        return calls

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)

    async def settle(self) -> None:
        """Let everything run that needs no time."""
        for _ in range(100):
            await asyncio.sleep(0)

    def _available(self) -> int | None:
        left = None if self.room is None else self.room - len(self.alive)
        return None if left is None else (256 + 32 * left) * MEGABYTE

    async def _start(self, launch: Launch) -> Worker:
        self.begun += 1
        if self.blocks:
            await asyncio.Event().wait()
        for _ in range(self.start_turns):
            await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
        self.workers.append(FakeWorker())
        return cast("Worker", self.workers[-1])


def play(work: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(10):
            await work()

    asyncio.run(limited())


def test_every_event_gets_a_process() -> None:
    async def work() -> None:
        stage = Stage()
        calls = stage.send(45)
        await stage.until(lambda: all(call.assigned.is_set() for call in calls))
        assert len(stage.workers) == 45
        assert stage.lines == []
        await stage.pool.stop()

    play(work)


def test_a_reached_limit_is_reported_once_and_the_events_wait() -> None:
    async def work() -> None:
        stage = Stage(concurrency=3)
        calls = stage.send(6)
        await stage.until(lambda: len(stage.at_work) == 3)
        await stage.settle()
        assert [call.assigned.is_set() for call in calls] == [True] * 3 + [False] * 3
        for number in (3, 6):
            for worker in stage.at_work:
                worker.finish("done")
            await stage.settle()
            assert sum(task.done() for task in stage.tasks) == number
        assert await asyncio.gather(*stage.tasks) == [Returned("done")] * 6
        stage.send(9)
        await stage.settle()
        has = "websocket_message has as many processes as --concurrency 3 allows"
        assert stage.lines == [f"{has}: events wait"]
        await stage.pool.stop()

    play(work)


@pytest.mark.parametrize(("room", "most"), [(5, 5), (1, 1), (0, 1)])
def test_memory_limits_the_processes_but_allows_one(room: int, most: int) -> None:
    async def work() -> None:
        stage = Stage(room=room)
        stage.send(8)
        await stage.until(lambda: len(stage.at_work) == most)
        await stage.settle()
        assert len(stage.workers) == most
        has = f"memory allows no more than {most} processes of websocket_message"
        assert stage.lines == [f"{has} (--concurrency is 64): events wait"]
        await stage.pool.stop()

    play(work)


def test_a_quick_handler_needs_few_processes() -> None:
    """They start a few at a time, so that the existing ones may empty the queue in the meantime."""

    async def work() -> None:
        stage = Stage(start_turns=100)
        stage.send(200)
        while len([task for task in stage.tasks if task.done()]) < 200:
            for worker in stage.at_work:
                worker.finish()
            await asyncio.sleep(0)
        assert len(stage.workers) < 32

    play(work)


def test_slow_starts_do_not_delay_others() -> None:
    async def work() -> None:
        stage = Stage(blocks=True)
        stage.send(3 * STARTS_AT_ONCE)
        await stage.settle()
        assert stage.begun == STARTS_AT_ONCE
        await stage.until(lambda: stage.begun == 3 * STARTS_AT_ONCE)
        await stage.pool.stop()

    play(work)


def test_idle_processes_end_except_one_and_start_again() -> None:
    async def work() -> None:
        stage = Stage(idle_seconds=0.05)
        for _ in range(2):
            stage.send(8)
            await stage.until(lambda: len(stage.at_work) == 8)
            for worker in stage.at_work:
                worker.finish()
            await asyncio.gather(*stage.tasks)
            await stage.until(lambda: len(stage.alive) == 1)
            assert stage.pool.size == 1
        assert len(stage.workers) == 15
        await stage.pool.stop()

    play(work)


def test_a_process_that_has_work_is_not_idle() -> None:
    async def work() -> None:
        stage = Stage(idle_seconds=0.05)
        stage.send(2)
        await stage.until(lambda: len(stage.at_work) == 2)
        busy, done = stage.workers
        done.finish()
        await stage.until(lambda: not done.alive)
        assert busy.alive
        await stage.pool.stop()

    play(work)


@pytest.mark.parametrize("error", [ProjectError("broken"), ServiceError("no process")])
def test_without_any_process_the_events_fail_with_the_reason(error: DecanterError) -> None:
    async def work() -> None:
        stage = Stage(fails=error)
        (call,) = stage.send(1)
        assert await stage.tasks[0] is Failure.RAISED
        assert call.assigned.is_set()
        assert stage.lines == [f"init error: {error}"]

    play(work)


@pytest.mark.parametrize(
    ("error", "tries_again"), [(ProjectError("broken"), False), (ServiceError("no process"), True)]
)
def test_a_failed_further_start_is_reported_once(
    error: DecanterError, *, tries_again: bool
) -> None:
    async def work() -> None:
        stage = Stage()
        stage.send(1)
        await stage.until(lambda: len(stage.at_work) == 1)
        stage.fails = error
        for _ in range(2):
            stage.send(1)
            await stage.settle()
        assert stage.lines == [f"cannot start another process: {error}"]
        assert (stage.begun > 2) is tries_again
        assert stage.begun < 5
        stage.workers[0].finish()
        await stage.until(lambda: stage.workers[0].calls == 2)
        await stage.pool.stop()

    play(work)


def test_a_handler_past_its_timeout_is_ended() -> None:
    async def work() -> None:
        stage = Stage(seconds=0.05)
        stage.send(1)
        assert await stage.tasks[0] is Failure.DIED
        assert stage.lines == ["Task timed out after 0.05 seconds"]
        assert stage.alive == []

    play(work)
