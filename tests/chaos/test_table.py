"""A table that is large, throttled, missing or empty."""

import pytest
from websockets.exceptions import InvalidStatus

from decanter.runtime.recipients import BEGINNING
from tests.chaos.conftest import HURRIED, Open
from tests.chaos.stage import Counts, Stage
from tests.support.gateways import wait_until

PADDING = 150_000
"""Seven such rows exceed the megabyte that DynamoDB reads in one call."""


def pages(stage: Stage, count: int) -> int:
    """Pad this many rows so the table exceeds one page; return the minimum number of pages."""
    ids = stage.chance.sample(sorted(stage.table.ids()), count)
    stage.pad(ids, PADDING)
    return count * PADDING // 1_000_000


@pytest.mark.case(17)
def test_every_page_of_a_large_table_is_read(stage: Stage) -> None:
    clients = stage.join(40)
    assert pages(stage, 30) == 4
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    stage.reconcile()


@pytest.mark.case(18)
def test_a_throttled_page_is_read_again_and_none_is_skipped(stage: Stage) -> None:
    clients = stage.join(40)
    stage.identify(clients[0])
    pages(stage, 30)
    stage.fault("dynamodb", "throttle", share=0.5, seed=stage.chance.randrange(1000))
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    stage.reconcile()


@pytest.mark.case(14)
@pytest.mark.parametrize("action", ["throttle", "away"])
def test_a_connection_that_cannot_be_recorded_is_refused(stage: Stage, action: str) -> None:
    clients = stage.join()
    stage.fault("dynamodb", action)
    with pytest.raises(InvalidStatus) as refused:
        stage.swarm.join(1)
    assert refused.value.response.status_code == 503
    stage.mend()
    assert len(stage.table.ids()) == len(clients)
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    stage.reconcile()


@pytest.mark.case(20)
def test_a_single_client_gets_its_own_message_and_an_empty_table_is_fine(stage: Stage) -> None:
    stage.leave()
    (alone,) = stage.join(1)
    assert stage.broadcast(alone) == Counts(sent=1)
    stage.reconcile()
    stage.table.delete(stage.identify(alone))
    line = stage.say(alone, '{"message":"sendmessage","data":1}')
    assert (line["outcome"], line["broadcasts"][0]["sent"]) == ("ok", 0)
    stage.reconcile()
    assert alone.errors == []


@pytest.mark.case(31)
def test_simultaneous_connections_are_all_recorded_and_all_removed(stage: Stage) -> None:
    stage.leave()
    for _ in range(2):
        clients = stage.join(at_once=True)
        assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
        stage.reconcile()
        stage.leave(at_once=True)


@pytest.mark.case(19)
def test_near_the_deadline_it_stops_and_reports_how_many_are_left(open_stage: Open) -> None:
    stage = open_stage("hurried", HURRIED, lambda_timeout=2, sweeps=True)
    clients = stage.join()
    stage.identify(clients[0])
    line = stage.say(clients[0], stage.expect())
    (report,) = line["broadcasts"]
    assert report["left_over"] > 0
    assert report["left_over_exact"]
    assert report["cursor"] not in (None, BEGINNING)
    assert report["sent"] + report["failed"] + report["left_over"] == len(clients)
    assert [left["left_over"] for left in stage.lines("left_over")] == [report["left_over"]]
    assert line["duration_ms"] < 2000
    stage.reconcile(lost=report["left_over"], unanswered=report["failed"])


@pytest.mark.case(13)
def test_a_connection_without_a_row_may_leave(stage: Stage) -> None:
    """Its row is deleted before `$disconnect` arrives. No row is written again."""
    stay, leave = stage.join(2)
    stage.table.delete(stage.identify(leave))
    stage.swarm.leave([leave])
    wait_until(lambda: stage.lines("disconnect", leave.id) != [], "the service gets the event")
    (line,) = stage.lines("disconnect", leave.id)
    assert (line["outcome"], line["status"]) == ("ok", 200)
    assert stage.table.ids() == {stage.identify(stay)}
