"""Without faults, nothing is lost and nothing is duplicated."""

import pytest

from tests.chaos.conftest import FULL, Open
from tests.chaos.stage import Stage

SHAPES = [(500, 200, 1), (50, 2000, 10)] if FULL else [(20, 20, 10)]
"""Clients, messages, and broadcasts at the same time."""


@pytest.mark.case(0)
@pytest.mark.parametrize(("clients", "messages", "at_once"), SHAPES)
def test_every_client_gets_every_message_once(
    stage: Stage, clients: int, messages: int, at_once: int
) -> None:
    everyone = stage.join(clients)
    for number in range(1, messages + 1):
        stage.swarm.send(stage.chance.choice(everyone), stage.expect(f"number {number}"))
        if number % at_once == 0:
            stage.wait_for_reports(number)
    stage.reconcile()
    assert stage.tally.received == clients * messages


@pytest.mark.case(11)
@pytest.mark.skipif(not FULL, reason="make chaos: an overload needs five hundred clients")
def test_an_overload_causes_no_more_duplicates_than_reported(open_stage: Open) -> None:
    stage = open_stage("impatient")
    everyone = stage.join(500)
    for number in range(1, 25):
        stage.swarm.send(stage.chance.choice(everyone), stage.expect(f"number {number}"))
        if number % 8 == 0:
            stage.wait_for_reports(number)
    told = {
        name: sum(report[name] for report in stage.reports())
        for name in ("left_over", "failed", "repeated")
    }
    stage.reconcile(told["left_over"], unanswered=told["failed"], repeated=told["repeated"])
