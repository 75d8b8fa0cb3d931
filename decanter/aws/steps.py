"""The output of a command for the user, with lines, questions, steps and their durations."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from decanter.errors import DecanterError

# Takes a line for the user.
Report = Callable[[str], None]
# Asks a question and returns the answer.
Ask = Callable[[str], str]


def say(line: str) -> None:
    """Print a line immediately, even into a pipe, so that the user sees the progress."""
    print(line, flush=True)


def ask(question: str) -> str:
    """Ask the user on the terminal.

    Raises:
        DecanterError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise DecanterError(
            "cannot ask without a terminal: use --yes to continue without confirmation"
        )
    return input(question)


def agreed(question: str, ask: Ask) -> bool:
    """True if the user's answer is yes."""
    return ask(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


@dataclass(frozen=True)
class Clock:
    """The time and the pauses, which tests replace."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Step:
    """A step of a command. The summary shows its name, its duration and its result."""

    name: str
    result: str = ""
    seconds: float = 0.0


@dataclass
class Steps:
    """The finished steps of one command, in their order."""

    clock: Clock
    report: Report
    done: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Measure the duration of a step, and report the step's start."""
        self.report(f"{name} …")
        begun, step = self.clock.now(), Step(name)
        yield step
        step.seconds = self.clock.now() - begun
        self.done.append(step)

    def summary(self) -> list[str]:
        """Return a line for each step, and the total."""
        total = Step("total", seconds=sum(step.seconds for step in self.done))
        width = max(len(step.name) for step in [*self.done, total])
        return [
            f"{step.name:<{width}}  {step.seconds:7.1f} s  {step.result}".rstrip()
            for step in [*self.done, total]
        ]
