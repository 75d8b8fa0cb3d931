"""Without faults: nothing lost, nothing twice."""

import pytest

from tests.chaos.conftest import FULL
from tests.chaos.stage import Stage

SHAPES = [(500, 200, 1), (50, 2000, 10)] if FULL else [(50, 20, 10)]
"""Clients, messages, and how many broadcasts are under way at once.

One to 500, because a machine that cannot answer in 2.5 s is a fault: its posts are sent again.
"""


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
