"""Runs the app's scheduled functions at their rate or on request.

As in EventBridge, the first run is one interval after the start, and a run does not wait for the
end of the previous run. On AWS, Lambda retries a failed run twice. The gateway does not retry, so
that the developer sees each failure. Source: EventBridge User Guide, "Creating a rule that runs on
a schedule".
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from decanter.gateway.results import Returned
from decanter.local.functions.functions import Run
from decanter.local.journal import Journal, outcome_text
from decanter.project.example_events import scheduled_event
from decanter.project.schedule_expressions import rate_seconds
from decanter.project.stack import Stack

RunFunction = Callable[[str, dict[str, Any]], Awaitable[Run]]
"""Runs a function. Takes its name and the event."""


@dataclass(slots=True)
class _Timer:
    """A function's schedule. `task` is None for a function that runs only on request."""

    expression: str
    task: asyncio.Task[None] | None = None


class Schedules:
    """Runs the scheduled functions of the current version of the app.

    `minute` is the length of a minute in seconds; tests use a shorter one. With `enabled=False`,
    the functions run only on request.
    """

    def __init__(
        self,
        run_function: RunFunction,
        stack: Stack,
        journal: Journal,
        minute: float = 60,
        *,
        enabled: bool = True,
    ) -> None:
        self._enabled = enabled
        self._run_function = run_function
        self._stack = stack
        self._journal = journal
        self._minute = minute
        self._timers: dict[str, _Timer] = {}
        self._runs: set[asyncio.Task[dict[str, Any]]] = set()

    def follow(self, declared: Mapping[str, str]) -> None:
        """Replace the scheduled functions. The timer of an unchanged schedule continues."""
        for name, timer in [*self._timers.items()]:
            if declared.get(name) != timer.expression:
                self._cancel(self._timers.pop(name))
        for name in declared.keys() - self._timers.keys():
            self._timers[name] = self._start(name, declared[name])

    def to_json(self) -> list[dict[str, Any]]:
        """Return the scheduled functions. `runs` is True for a function that runs at its rate."""
        return [
            {"function": name, "schedule": timer.expression, "runs": timer.task is not None}
            for name, timer in sorted(self._timers.items())
        ]

    def has(self, name: str) -> bool:
        """Return True if the app has a scheduled function of this name."""
        return name in self._timers

    async def run(self, name: str) -> dict[str, Any]:
        """Run a function now. Return the outcome and the result."""
        event = scheduled_event(self._stack, name, time.time())
        run = await self._run_function(name, event)
        self._journal.ran_alone(run, event["id"], "schedule")
        returned = isinstance(run.outcome, Returned)
        return {
            "function": name,
            "outcome": "returned" if returned else outcome_text(run.outcome),
            "result": run.outcome.value if isinstance(run.outcome, Returned) else None,
            "milliseconds": round(run.seconds * 1000),
        }

    async def stop(self) -> None:
        """Cancel all timers and runs."""
        tasks = [each.task for each in self._timers.values() if each.task is not None]
        for task in (*tasks, *self._runs):
            task.cancel()
        await asyncio.gather(*tasks, *self._runs, return_exceptions=True)

    def _start(self, name: str, expression: str) -> _Timer:
        seconds = rate_seconds(expression)
        if not self._enabled:
            return _Timer(expression)
        if seconds is None:
            self._journal.note(
                f"{name} does not run at its schedule here: only rate(…) is run, not {expression}. "
                f"POST /_gateway/schedules/{name} runs it",
                error=True,
            )
            return _Timer(expression)
        task = asyncio.create_task(self._repeat(name, seconds * self._minute / 60))
        return _Timer(expression, task)

    async def _repeat(self, name: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            run = asyncio.create_task(self.run(name))
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)

    def _cancel(self, timer: _Timer) -> None:
        if timer.task is not None:
            timer.task.cancel()
