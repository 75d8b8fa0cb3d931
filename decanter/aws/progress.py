"""Follow an operation on a stack. Report its events, the causes of a failure and the durations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from decanter.aws.errors import explained
from decanter.aws.stacks import Stack, Stacks
from decanter.aws.steps import Clock, Report
from decanter.errors import AWSError

POLL_SECONDS = 3.0
# After this time without an event, report that the operation is still in progress.
QUIET_SECONDS = 15.0
# When a resource fails, CloudFormation cancels others. A cancellation is not the cause.
CANCELLED = "cancelled"
STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class StackEvent:
    """An event of a resource or of the stack itself."""

    id: str
    at: datetime
    logical_id: str
    kind: str
    status: str
    reason: str

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> "StackEvent":
        """Read one event from the answer of DescribeStackEvents."""
        return cls(
            id=answer["EventId"],
            at=answer["Timestamp"],
            logical_id=answer["LogicalResourceId"],
            kind=answer["ResourceType"],
            status=answer["ResourceStatus"],
            reason=" ".join(answer.get("ResourceStatusReason", "").split()),
        )

    @property
    def failed(self) -> bool:
        """True if the event reports a failure."""
        return self.status.endswith("_FAILED")

    @property
    def is_cause(self) -> bool:
        """True if the event reports a failure that is not the consequence of another failure."""
        return self.failed and self.kind != STACK and CANCELLED not in self.reason.lower()

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason and self.failed else ""
        return f"{self.status:<28} {self.logical_id} ({self.kind}){reason}"


@dataclass
class Operation:
    """An operation that has ended, with the stack's final state and the events, oldest first."""

    stack: Stack
    events: list[StackEvent] = field(default_factory=list)

    def causes(self) -> list[str]:
        """Return a line for each cause of the failure, oldest first, or the stack's reason."""
        found = [str(event) for event in self.events if event.is_cause]
        return found or [f"{self.stack.status}: {self.stack.reason or 'no reason given'}"]

    def durations(self) -> list[tuple[float, str, str]]:
        """Return the duration, logical id and type of each completed resource, slowest first."""
        begun: dict[str, datetime] = {}
        took: dict[str, tuple[float, str, str]] = {}
        for event in self.events:
            if event.kind == STACK:
                continue
            if event.status.endswith("_IN_PROGRESS"):
                begun.setdefault(event.logical_id, event.at)
            elif event.logical_id in begun and event.status.endswith("_COMPLETE"):
                seconds = (event.at - begun[event.logical_id]).total_seconds()
                took[event.logical_id] = (seconds, event.logical_id, event.kind)
        return sorted(took.values(), reverse=True)


class Watch:
    """Follows the events of a stack that occur after the creation of this object.

    `stack_id` is the ARN, because a stack's name is not valid after the stack's deletion.
    """

    def __init__(self, client: Any, stack_id: str, clock: Clock, report: Report) -> None:
        self._client = client
        self._stack_id = stack_id
        self._clock = clock
        self._report = report
        self._newest = next((event.id for event in self._events()), None)

    def until_done(self) -> Operation:
        """Report events until the operation and its rollback, if any, have ended.

        Raises:
            AWSError: the stack no longer exists.
        """
        seen: list[StackEvent] = []
        begun = spoken = self._clock.now()
        while True:
            # The status is read first, so that the events include everything that led to it.
            stack = Stacks(self._client).find(self._stack_id)
            if stack is None:
                raise AWSError(f"stack {self._stack_id} no longer exists")
            if new := self._new():
                seen += new
                self._report_all(new)
                spoken = self._clock.now()
            if _ended(stack, seen):
                return Operation(stack, seen)
            if self._clock.now() - spoken >= QUIET_SECONDS:
                spoken = self._clock.now()
                self._report(f"  … {stack.status}, {spoken - begun:.0f} s so far")
            self._clock.sleep(POLL_SECONDS)

    def _report_all(self, events: Sequence[StackEvent]) -> None:
        """Report new events. Events that show the cause of a failure come first."""
        for event in sorted(events, key=lambda event: not event.is_cause):
            self._report(f"  {event}")

    def _new(self) -> list[StackEvent]:
        """Return the events since the last call, oldest first."""
        new: list[StackEvent] = []
        for event in self._events():
            if event.id == self._newest:
                break
            new.append(event)
        if new:
            self._newest = new[0].id
        return new[::-1]

    def _events(self) -> Iterable[StackEvent]:
        """Yield the stack's events, newest first. A page is read when it is needed."""
        paginator = self._client.get_paginator("describe_stack_events")
        with explained(f"read the events of stack {self._stack_id.split('/')[1]}"):
            for page in paginator.paginate(StackName=self._stack_id):
                yield from map(StackEvent.read, page["StackEvents"])


def _ended(stack: Stack, seen: Sequence[StackEvent]) -> bool:
    """True if the operation has ended.

    DELETE_COMPLETE is always the end. Any other status may be older than the operation, so a
    new event of the stack must have the same status.
    """
    own = {event.status for event in seen if event.logical_id == stack.name}
    return stack.status == "DELETE_COMPLETE" or (not stack.busy and stack.status in own)
