"""Connections that are gone, or not yet open."""

import pytest

from decanter.runtime.recipients import MAX_AGE_MS
from tests.chaos.conftest import SLOW, Open
from tests.chaos.stage import Counts, Stage
from tests.support.gateways import wait_until


@pytest.mark.case(1)
def test_a_gone_row_is_deleted_and_all_others_are_served(stage: Stage) -> None:
    clients = stage.join()
    dead = stage.dead(5, seconds_old=60)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients), gone=5)
    assert not stage.table.ids() & {*dead}
    assert stage.identify(clients[0]) in stage.table.ids()
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    stage.reconcile()


@pytest.mark.case(2)
def test_an_opening_connection_is_served_after_a_retry(stage: Stage) -> None:
    clients = stage.join()
    for client in stage.chance.sample(clients[1:], 3):
        stage.row(stage.identify(client), seconds_old=1)
        stage.fault("connections", "410", client, calls=1)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    assert stage.hits() == [1, 1, 1]
    stage.reconcile()


@pytest.mark.case(2)
def test_a_young_row_that_is_still_gone_is_kept(stage: Stage) -> None:
    clients = stage.join()
    young = stage.dead(3, seconds_old=1)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients), pending=3)
    assert stage.table.ids() >= {*young}
    stage.reconcile()


@pytest.mark.case(3)
def test_a_kept_row_is_deleted_once_it_is_older(stage: Stage) -> None:
    clients = stage.join()
    (young,) = stage.dead(1, seconds_old=1)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients), pending=1)
    stage.row(young, seconds_old=31)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients), gone=1)
    assert young not in stage.table.ids()
    stage.reconcile()


@pytest.mark.case(3)
def test_a_replaced_row_is_not_deleted(stage: Stage) -> None:
    """The post is delayed. When it is answered with 410, the row has been replaced."""
    clients = stage.join()
    (dead,) = stage.dead(1, seconds_old=60)
    stage.fault("connections", "late", connection=dead, milliseconds=1000)
    stage.swarm.send(clients[0], stage.expect())
    wait_until(lambda: stage.hits() == [1], "the post to the dead row is under way")
    stage.row(dead, seconds_old=0)
    stage.wait_for_reports(1)
    assert dead in stage.table.ids()
    stage.reconcile()


@pytest.mark.case(9)
def test_a_row_with_an_invalid_id_is_removed(stage: Stage) -> None:
    clients = stage.join()
    stage.row("no connection's id", seconds_old=1)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients), gone=1)
    assert "no connection's id" not in stage.table.ids()
    stage.reconcile()


@pytest.mark.case(12)
def test_a_stale_row_costs_no_post(stage: Stage) -> None:
    clients = stage.join()
    (ancient,) = stage.dead(1, seconds_old=MAX_AGE_MS / 1000 + 5)
    stage.fault("connections", "500", connection=ancient)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    assert stage.hits() == [0]
    stage.reconcile()


@pytest.mark.case(15)
def test_clients_that_leave_during_a_broadcast_disturb_no_other(open_stage: Open) -> None:
    stage = open_stage("slow", SLOW)
    clients = stage.join()
    leaving = stage.chance.sample(clients[1:], len(clients) // 5)
    stage.swarm.send(clients[0], stage.expect())
    wait_until(lambda: any(client.received for client in clients), "the first has it")
    stage.swarm.leave(leaving, abruptly=True)
    stage.wait_for_reports(1)
    ((report,),) = [line["broadcasts"] for line in stage.lines("message")]
    assert (report["failed"], report["left_over"]) == (0, 0)
    assert report["sent"] >= len(clients) - len(leaving)
    stage.table.wait_for(len(clients) - len(leaving))
    stage.reconcile()


@pytest.mark.case(16)
def test_a_client_that_joins_during_a_broadcast_gets_it_at_most_once(open_stage: Open) -> None:
    stage = open_stage("slow", SLOW)
    clients = stage.join()
    stage.swarm.send(clients[0], stage.expect())
    wait_until(lambda: any(client.received for client in clients), "the first has it")
    late = stage.swarm.join(5)
    stage.wait_for_reports(1)
    stage.swarm.settle()
    assert all(len(client.received) <= 1 for client in late)
    stage.swarm.leave(late)
    stage.reconcile()
