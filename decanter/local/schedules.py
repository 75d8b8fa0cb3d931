"""The app's scheduled functions: run at their rate as by EventBridge, or on request.

EventBridge runs a rate's function for the first time one interval after the rule was created, and
does not wait for the end of a run before the next. Its two retries after a failure are left out, as
a developer wants to see the failure. Sources: EventBridge User Guide, "Creating a rule that runs on
a schedule" and "Rate expressions"; the event is that of "AWS service events", for `aws.events`.
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
"""Runs an event of a function, given by its name."""


@dataclass(slots=True)
class _Timer:
    """A function's schedule, and the task that waits for it; there is none for a `cron(…)`."""

    expression: str
    task: asyncio.Task[None] | None = None


class Schedules:
    """Runs the schedules that the app declares, from version to version.

    Args:
        run_function: runs a function.
        stack: the region and the names of the rules.
        journal: gets a line for each run.
        minute: the length of a minute in seconds; shorter in tests.
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
        """Run these from now on; unchanged ones continue.

        Args:
            declared: each function's expression.
        """
        for name, timer in [*self._timers.items()]:
            if declared.get(name) != timer.expression:
                self._cancel(self._timers.pop(name))
        for name in declared.keys() - self._timers.keys():
            self._timers[name] = self._start(name, declared[name])

    def to_json(self) -> list[dict[str, Any]]:
        """Return the functions, and whether they run at intervals."""
        return [
            {"function": name, "schedule": timer.expression, "runs": timer.task is not None}
            for name, timer in sorted(self._timers.items())
        ]

    def has(self, name: str) -> bool:
        """True if the app has a scheduled function of this name."""
        return name in self._timers

    async def run(self, name: str) -> dict[str, Any]:
        """Run one now. Return whether it succeeded, and its result."""
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
        """Stop all schedules and runs."""
        tasks = [each.task for each in self._timers.values() if each.task is not None]
        for task in (*tasks, *self._runs):
            task.cancel()
        await asyncio.gather(*tasks, *self._runs, return_exceptions=True)

    def _start(self, name: str, expression: str) -> _Timer:
        seconds = rate_seconds(expression)
        if seconds is None:
            self._journal.note(
                f"{name} is not run automatically, as its schedule is not rate(…): {expression}. "
                f"Run it with POST /_gateway/schedules/{name}",
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
    """Return the interval of a `rate(…)` in seconds; None for other expressions."""
    match = _RATE.fullmatch(expression)
    return int(match[1]) * _SECONDS[match[2]] if match else None


def scheduled_event(stack: Stack, name: str, now: float) -> dict[str, Any]:
    """Return the event that EventBridge sends, from the rule that Chalice creates.

    Args:
        stack: the region and the name of the rule.
        name: the function's name.
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
