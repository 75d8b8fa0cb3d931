"""Without faults: nothing lost, nothing twice."""

import pytest

from tests.chaos.conftest import FULL, Open
from tests.chaos.stage import Stage

SHAPES = [(500, 200, 1), (50, 2000, 10)] if FULL else [(50, 20, 10)]
"""Clients, messages, and how many broadcasts are under way at once."""

PATIENT = {"DECANTER_POST_TIMEOUT_SECONDS": "20"}
"""Not to be answered in 2.5 s is a fault, which a machine that is busy otherwise brings about: its
posts are sent again. The scenario of an overload is about that; here nothing is at fault."""


@pytest.mark.case(0)
@pytest.mark.parametrize(("clients", "messages", "at_once"), SHAPES)
def test_every_client_gets_every_message_once(
    open_stage: Open, clients: int, messages: int, at_once: int
) -> None:
    stage = open_stage("quiet", PATIENT)
    everyone = stage.join(clients)
    for number in range(1, messages + 1):
        stage.swarm.send(stage.chance.choice(everyone), stage.expect(f"number {number}"))
        if number % at_once == 0:
            stage.wait_for_reports(number)
    stage.reconcile()
    assert stage.tally.received == clients * messages


@pytest.mark.case(11)
@pytest.mark.skipif(not FULL, reason="make chaos: it takes five hundred clients to overload this")
def test_an_overload_sends_twice_no_more_than_it_says(stage: Stage) -> None:
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
