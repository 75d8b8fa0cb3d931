"""The app's scheduled functions: run at their rate, as EventBridge would run them, or when asked.

EventBridge runs a rate's function for the first time one rate after the rule was made, and waits
for no run to end before the next. What it does besides, to try twice again what has failed, is
left out: a developer wants to see the failure.
Sources: EventBridge User Guide, "Creating a rule that runs on a schedule" and "Rate expressions";
the event is that of "AWS service events", for `aws.events`.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from decanter.gateway.results import Returned
from decanter.local.functions.functions import Run
from decanter.local.journal import Journal, outcome_text
from decanter.project.stack import Stack

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}

RunFunction = Callable[[str, dict[str, Any]], Awaitable[Run]]
"""Has a function, by its name, handle an event."""


@dataclass(slots=True)
class _Timer:
    """When a function runs, and what waits for that; for a `cron(…)` nothing does."""

    expression: str
    task: asyncio.Task[None] | None = None


class Schedules:
    """Follows what the app declares, from one version of it to the next.

    Args:
        run_function: runs one.
        stack: where the rules are taken to be.
        journal: gets a line for each run.
        minute: seconds; a test's are shorter.
    """

    def __init__(
        self, run_function: RunFunction, stack: Stack, journal: Journal, minute: float = 60
    ) -> None:
        self._run_function = run_function
        self._stack = stack
        self._journal = journal
        self._minute = minute
        self._timers: dict[str, _Timer] = {}
        self._runs: set[asyncio.Task[dict[str, Any]]] = set()

    def follow(self, declared: Mapping[str, str]) -> None:
        """Run these from now on; what is as it was goes on as it did.

        Args:
            declared: each function's expression.
        """
        for name, timer in [*self._timers.items()]:
            if declared.get(name) != timer.expression:
                self._cancel(self._timers.pop(name))
        for name in declared.keys() - self._timers.keys():
            self._timers[name] = self._start(name, declared[name])

    def to_json(self) -> list[dict[str, Any]]:
        """The functions, and whether they run by themselves."""
        return [
            {"function": name, "schedule": timer.expression, "runs": timer.task is not None}
            for name, timer in sorted(self._timers.items())
        ]

    def has(self, name: str) -> bool:
        """Whether the app has a scheduled function of this name."""
        return name in self._timers

    async def run(self, name: str) -> dict[str, Any]:
        """Run one now; how that went, and what it returned."""
        event = scheduled_event(self._stack, name, time.time())
        run = await self._run_function(name, event)
        self._journal.scheduled(run, event["id"])
        returned = isinstance(run.outcome, Returned)
        return {
            "function": name,
            "outcome": "returned" if returned else outcome_text(run.outcome),
            "result": run.outcome.value if isinstance(run.outcome, Returned) else None,
            "milliseconds": round(run.seconds * 1000),
        }

    async def stop(self) -> None:
        """Run nothing any more."""
        tasks = [each.task for each in self._timers.values() if each.task is not None]
        for task in (*tasks, *self._runs):
            task.cancel()
        await asyncio.gather(*tasks, *self._runs, return_exceptions=True)

    def _start(self, name: str, expression: str) -> _Timer:
        seconds = rate_seconds(expression)
        if seconds is None:
            self._journal.note(
                f"{name} does not run by itself here, as its schedule is no rate(…): {expression}. "
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


def rate_seconds(expression: str) -> int | None:
    """How often a `rate(…)` is; None for anything else."""
    match = _RATE.fullmatch(expression)
    return int(match[1]) * _SECONDS[match[2]] if match else None


def scheduled_event(stack: Stack, name: str, now: float) -> dict[str, Any]:
    """The event that EventBridge sends, from the rule that Chalice makes.

    Args:
        stack: where the rule is taken to be.
        name: the function's.
        now: epoch seconds.
    """
    rule = f"{stack.name}-{name}-event"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": stack.account_id,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "region": stack.region,
        "resources": [stack.arn("events", f"rule/{rule}")],
        "detail": {},
    }
