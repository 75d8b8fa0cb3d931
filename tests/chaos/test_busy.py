"""API Gateway throttles, fails, hangs or refuses."""

import pytest

from tests.chaos.conftest import SLOW, Open
from tests.chaos.stage import Counts, Stage
from tests.support.gateways import wait_until

ATTEMPTS = 3
"""The first attempt and two retries: the maximum for a post."""


@pytest.mark.case(4)
def test_a_client_throttled_once_gets_the_message_once(stage: Stage) -> None:
    clients = stage.join()
    for client in stage.chance.sample(clients, 5):
        stage.fault("connections", "429", client, calls=1)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    assert stage.hits() == [1] * 5
    stage.reconcile()


@pytest.mark.case(5)
def test_a_client_always_throttled_is_tried_three_times_and_kept(stage: Stage) -> None:
    clients = stage.join()
    stuck = stage.chance.choice(clients[1:])
    stage.fault("connections", "429", stuck)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients) - 1, failed=1)
    assert stage.hits() == [ATTEMPTS]
    assert len(stage.table.ids()) == len(clients)
    assert [line["result"] for line in stage.lines("posts_failed")] == ["throttled"]
    stage.reconcile(lost=1)
    assert stuck.received == []


@pytest.mark.case(6)
def test_a_throttled_account_loses_nothing_silently(stage: Stage) -> None:
    clients = stage.join()
    stage.identify(clients[0])
    stage.fault("connections", "429", share=0.5, seed=stage.chance.randrange(1000))
    counts = stage.broadcast(clients[0])
    assert counts == Counts(sent=counts.sent, failed=len(clients) - counts.sent)
    assert stage.hits()[0] >= len(clients) / 4
    stage.reconcile(lost=counts.failed)


@pytest.mark.case(8)
def test_a_function_without_the_right_to_post_deletes_nothing(stage: Stage) -> None:
    clients = stage.join()
    stage.identify(clients[0])
    dead = stage.dead(3, seconds_old=60)
    stage.fault("connections", "403")
    line = stage.say(clients[0], stage.expect())
    assert (line["level"], line["status"]) == ("ERROR", 500)
    assert "grant execute-api:ManageConnections" in line["error"]
    assert stage.table.ids() >= {*dead}
    stage.reconcile(lost=len(clients))


@pytest.mark.case(10)
@pytest.mark.parametrize("action", ["500", "reset"])
def test_a_temporary_failure_is_retried(stage: Stage, action: str) -> None:
    clients = stage.join()
    for client in stage.chance.sample(clients, 3):
        stage.fault("connections", action, client, calls=2)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    stage.reconcile()


@pytest.mark.case(10)
@pytest.mark.parametrize("action", ["500", "reset"])
def test_a_permanent_failure_is_reported(stage: Stage, action: str) -> None:
    clients = stage.join()
    stage.fault("connections", action, stage.chance.choice(clients[1:]))
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients) - 1, failed=1)
    assert stage.hits()[0] in (
        ATTEMPTS,
        ATTEMPTS + 1,
    )  # a kept socket's reset does not count as an attempt
    assert len(stage.table.ids()) == len(clients)
    stage.reconcile(lost=1)


@pytest.mark.case(11)
def test_a_hanging_post_delays_no_other(open_stage: Open) -> None:
    stage = open_stage("slow", SLOW)
    clients = stage.join()
    stuck = stage.chance.sample(clients[1:], 3)
    for client in stuck:
        stage.fault("connections", "hang", client, calls=1)
    stage.swarm.send(clients[0], stage.expect())
    others = [client for client in clients if client not in stuck]
    wait_until(lambda: all(client.received for client in others), "the others have it")
    assert not any(client.received for client in stuck)  # they get it after the five are done
    wait_until(lambda: all(client.received for client in stuck), "the hung ones have it too")
    wait_until(lambda: stage.reports() != [], "it is reported")
    assert [report["repeated"] for report in stage.reports()] == [len(stuck)]
    stage.reconcile()
