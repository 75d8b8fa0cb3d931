"""The runs of scheduled functions: their times, their event, their report."""

import asyncio
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from decanter.gateway.results import Failure, Outcome, Returned
from decanter.local.functions.functions import Run
from decanter.local.journal import Journal
from decanter.local.schedules import Schedules
from decanter.project.example_events import scheduled_event
from decanter.project.stack import Stack

STACK = Stack("pour", "dev", region="eu-west-1")


class FakeFunctions:
    """Answers every event immediately; a test can wait for an event."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.outcome: Outcome = Returned({"swept": 3})
        self.ran: asyncio.Queue[str] = asyncio.Queue()

    async def scheduled(self, name: str, event: dict[str, Any]) -> Run:
        self.events.append((name, event))
        self.ran.put_nowait(name)
        return Run(name, self.outcome, 0.25, cold=True)


class Place:
    """Schedules with minutes of 10 ms."""

    def __init__(self) -> None:
        self.functions = FakeFunctions()
        self.out = io.StringIO()
        journal = Journal(self.out, as_json=True, verbose=False)
        self.schedules = Schedules(self.functions.scheduled, STACK, journal, minute=0.01)

    def follow(self, **declared: str) -> None:
        self.schedules.follow(declared)

    async def runs(self, count: int) -> list[str]:
        async with asyncio.timeout(10):
            return [await self.functions.ran.get() for _ in range(count)]

    def entries(self) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


def test_a_rate_runs_repeatedly_until_it_is_stopped() -> None:
    async def play() -> Place:
        place = Place()
        place.follow(sweep="rate(1 minute)")
        assert place.functions.events == []
        assert await place.runs(3) == ["sweep"] * 3
        await place.schedules.stop()
        return place

    place = asyncio.run(play())
    ids = {event["id"] for _, event in place.functions.events}
    assert len(ids) == len(place.functions.events)


def test_a_new_version_of_the_app_changes_its_timers_and_keeps_unchanged_ones() -> None:
    async def play() -> None:
        place = Place()
        place.follow(kept="rate(1 day)", changed="rate(1 day)", gone="rate(1 minute)")
        before = {name: timer.task for name, timer in place.schedules._timers.items()}
        place.follow(kept="rate(1 day)", changed="rate(1 minute)", new="rate(1 minute)")
        after = {name: timer.task for name, timer in place.schedules._timers.items()}
        assert after["kept"] is before["kept"]
        assert after.keys() == {"kept", "changed", "new"}
        assert {*await place.runs(4)} == {"changed", "new"}
        await place.schedules.stop()

    asyncio.run(play())


def test_a_cron_schedule_is_noted_and_can_be_run_on_request() -> None:
    async def play() -> Place:
        place = Place()
        place.follow(nightly="cron(0 3 * * ? *)", often="rate(2 hours)")
        assert place.schedules.to_json() == [
            {"function": "nightly", "schedule": "cron(0 3 * * ? *)", "runs": False},
            {"function": "often", "schedule": "rate(2 hours)", "runs": True},
        ]
        assert (await place.schedules.run("nightly"))["result"] == {"swept": 3}
        place.follow()
        assert not place.schedules.has("nightly")
        await place.schedules.stop()
        return place

    note, ran = asyncio.run(play()).entries()
    assert "nightly does not run at its schedule here" in note["note"]
    assert "POST /_gateway/schedules/nightly runs it" in note["note"]
    assert (ran["kind"], ran["function"]) == ("ran", "nightly")


@pytest.mark.parametrize(
    ("outcome", "word", "result"),
    [
        (Returned(None), "returned", None),
        (Returned([1]), "returned", [1]),
        (Failure.RAISED, "raised", None),
        (Failure.DIED, "died", None),
    ],
)
def test_the_answer_and_the_journal_have_the_outcome_of_a_run(
    outcome: Outcome, word: str, result: Any
) -> None:
    place = Place()
    place.functions.outcome = outcome
    place.follow(nightly="cron(0 3 * * ? *)")
    answer = asyncio.run(place.schedules.run("nightly"))
    expected = {"function": "nightly", "outcome": word, "result": result, "milliseconds": 250}
    assert answer == expected
    entry = place.entries()[-1]
    ((_, event),) = place.functions.events
    assert (entry["outcome"], entry["route"], entry["request"]) == (word, "schedule", event["id"])
    assert entry.get("error", False) == isinstance(outcome, Failure)


def test_the_event_is_as_eventbridge_sends_it() -> None:
    event = scheduled_event(STACK, "sweep", 1_700_000_000.9)
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2023-11-14T22:13:20Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1:123456789012:rule/pour-dev-sweep-event"],
        "detail": {},
    }
