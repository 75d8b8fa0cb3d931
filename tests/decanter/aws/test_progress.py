"""Following a stack operation."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from decanter.aws.progress import Watch
from decanter.aws.steps import Clock

ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/pour-dev/1"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STACK = "AWS::CloudFormation::Stack"


def event(second: int, name: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "EventId": f"{second}-{name}-{status}",
        "Timestamp": BEGIN + timedelta(seconds=second),
        "LogicalResourceId": name,
        "ResourceType": STACK if name == "pour-dev" else "AWS::DynamoDB::Table",
        "ResourceStatus": status,
        **({"ResourceStatusReason": reason} if reason else {}),
    }


@dataclass
class Paused:
    """A CloudFormation whose stack advances during each sleep."""

    events: list[dict[str, Any]]
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)

    def clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def happened(self) -> list[dict[str, Any]]:
        now = BEGIN + timedelta(seconds=self.seconds)
        return [it for it in self.events if it["Timestamp"] <= now][::-1]

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - botocore's name
        own = [it for it in self.happened() if it["LogicalResourceId"] == "pour-dev"]
        status = own[0]["ResourceStatus"]
        return {
            "Stacks": [
                {
                    "StackId": StackName,
                    "StackName": "pour-dev",
                    "StackStatus": status,
                    "CreationTime": BEGIN,
                }
            ]
        }

    def get_paginator(self, name: str) -> "Paused":
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        """Return two events per page, to test paging."""
        happened = self.happened()
        for first in range(0, len(happened), 2):
            yield {"StackEvents": happened[first : first + 2]}

    def watch(self) -> Watch:
        return Watch(self, ID, self.clock(), self.lines.append)


def creation() -> Paused:
    return Paused(
        [
            event(0, "pour-dev", "REVIEW_IN_PROGRESS"),
            event(1, "pour-dev", "CREATE_IN_PROGRESS"),
            event(2, "Fast", "CREATE_IN_PROGRESS"),
            event(3, "Slow", "CREATE_IN_PROGRESS"),
            event(5, "Fast", "CREATE_COMPLETE"),
            event(60, "Slow", "CREATE_COMPLETE"),
            event(61, "pour-dev", "CREATE_COMPLETE"),
        ]
    )


def test_every_event_is_reported_once_and_in_order() -> None:
    paused = creation()
    operation = paused.watch().until_done()
    assert [it.id for it in operation.events] == [it["EventId"] for it in paused.events[1:]]
    told = [line.split()[:2] for line in paused.lines if "…" not in line]
    assert told == [[it["ResourceStatus"], it["LogicalResourceId"]] for it in paused.events[1:]]


def test_waiting_without_events_is_reported() -> None:
    paused = creation()
    paused.watch().until_done()
    waits = [line for line in paused.lines if "…" in line]
    assert waits[0] == "  … CREATE_IN_PROGRESS, 21 s so far"
    assert len(waits) == 3


def test_a_stack_that_has_not_started_is_waited_for() -> None:
    """CloudFormation may show the old status right after the call."""
    paused = creation()
    assert paused.watch().until_done().stack.status == "CREATE_COMPLETE"


def test_the_slowest_resource_comes_first() -> None:
    durations = creation().watch().until_done().durations()
    assert [(seconds, name) for seconds, name, _ in durations] == [(57.0, "Slow"), (3.0, "Fast")]


def test_the_cause_is_the_first_failure() -> None:
    paused = Paused(
        [
            event(0, "pour-dev", "REVIEW_IN_PROGRESS"),
            event(1, "pour-dev", "CREATE_IN_PROGRESS"),
            event(2, "Other", "CREATE_FAILED", "Resource creation cancelled"),
            event(2, "Table", "CREATE_FAILED", "it is\n there"),
            event(3, "pour-dev", "ROLLBACK_IN_PROGRESS", "failed: [Other, Table]"),
            event(9, "pour-dev", "ROLLBACK_COMPLETE"),
        ]
    )
    operation = paused.watch().until_done()
    line = f"{'CREATE_FAILED':<28} Table (AWS::DynamoDB::Table): it is there"
    assert operation.causes() == [line]
    failures = [told for told in paused.lines if "CREATE_FAILED" in told]
    assert failures[0] == f"  {line}"
