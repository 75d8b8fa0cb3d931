"""Sweeps of gone connections, and of connections with an expired identity."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.conftest import HURRIED, HURRIED_PER_SECOND, SERVICE, Open
from tests.chaos.stage import Counts, Line, Stage
from tests.support.gateways import wait_until


def counts(found: Line) -> tuple[int, int, int]:
    """Return gone, closed and kept; the sweep must be complete."""
    assert (found["complete"], found["problem"]) == (True, None), found
    return found["gone"], found["closed"], found["kept"]


@pytest.mark.case(32)
def test_gone_rows_are_swept_without_a_broadcast_and_open_ones_stay(stage: Stage) -> None:
    clients = stage.join()
    dead = stage.dead(100, seconds_old=60)
    for client in clients[:10]:
        stage.row(stage.identify(client), seconds_old=60)
    assert counts(stage.sweep()) == (len(dead), 0, len(clients))
    assert len(stage.table.ids()) == len(clients)
    assert counts(stage.sweep()) == (0, 0, len(clients))
    assert stage.broadcast(clients[0]) == Counts(sent=len(clients))
    stage.reconcile()


@pytest.mark.case(32)
def test_broadcasts_continue_during_a_sweep(stage: Stage) -> None:
    """Broadcasts and the sweep each find some gone rows; open connections are not disturbed."""
    clients = stage.join()
    for client in clients[:10]:
        stage.row(stage.identify(client), seconds_old=60)
    dead = stage.dead(200, seconds_old=60)
    with ThreadPoolExecutor(1) as pool:
        swept = pool.submit(stage.sweep)
        reports = [stage.broadcast(clients[0]) for _ in range(3)]
        found = swept.result()
    assert found["problem"] is None
    assert {report.sent for report in reports} == {len(clients)}
    assert found["gone"] + sum(report.gone for report in reports) >= len(dead)
    assert len(stage.table.ids()) == len(clients)
    stage.reconcile()


@pytest.mark.case(33)
def test_a_sweep_keeps_a_young_row(stage: Stage) -> None:
    clients = stage.join()
    (young,) = stage.dead(1, seconds_old=1)
    assert counts(stage.sweep()) == (0, 0, len(clients) + 1)
    assert young in stage.table.ids()
    stage.row(young, seconds_old=31)
    assert counts(stage.sweep()) == (1, 0, len(clients))


@pytest.mark.case(34)
def test_an_expired_identity_closes_the_connection_and_removes_its_row(stage: Stage) -> None:
    clients = stage.join()
    expired = stage.chance.sample(clients, 5)
    for client in expired:
        stage.expire(stage.identify(client))
    assert counts(stage.sweep()) == (0, len(expired), len(clients) - len(expired))
    assert {stage.swarm.close_code(client) for client in expired} == {1000}
    stage.table.wait_for(len(clients) - len(expired))
    sender = stage.swarm.clients[0]
    assert stage.broadcast(sender) == Counts(sent=len(clients) - len(expired))
    stage.reconcile()


@pytest.mark.case(35)
@pytest.mark.parametrize(
    ("target", "action", "level", "problem"),
    [
        ("dynamodb", "throttle", "WARNING", "ProvisionedThroughputExceeded"),
        ("dynamodb", "away", "WARNING", ""),
        ("connections", "403", "ERROR", "grant execute-api:ManageConnections"),
        ("connections", "429", "WARNING", "throttled"),
        ("connections", "500", "WARNING", "failed"),
    ],
)
def test_a_failing_sweep_ends_with_one_line_and_deletes_nothing(
    stage: Stage, target: str, action: str, level: str, problem: str
) -> None:
    clients = stage.join(10)
    dead = stage.dead(5, seconds_old=60)
    for client in clients:
        stage.row(stage.identify(client), seconds_old=60)
    seen = len(stage.lines("sweep"))
    stage.fault(target, action)
    found = stage.sweep()
    stage.mend()
    assert (found["complete"], found["gone"]) == (False, 0)
    assert problem in found["problem"]
    wait_until(lambda: len(stage.lines("sweep")) > seen, "the sweep is logged")
    (line,) = stage.lines("sweep")[seen:]
    assert line["level"] == level
    assert stage.table.ids() >= {*dead}
    assert counts(stage.sweep()) == (5, 0, len(clients))


def gone(runs: list[Line]) -> int:
    return sum(run["gone"] for run in runs)


@pytest.mark.case(36)
def test_the_next_sweep_continues_where_one_stopped(open_stage: Open) -> None:
    """A run takes 1.5 seconds: it checks the rows of the first second, and of the one that then
    started.
    """
    stage = open_stage("hurried", HURRIED, lambda_timeout=2, sweeps=True)
    clients = stage.join(1)
    stage.row(stage.identify(clients[0]), seconds_old=60)
    assert counts(stage.sweep()) == (0, 0, len(clients))
    dead = stage.dead(5 * HURRIED_PER_SECOND, seconds_old=60)
    runs = [stage.sweep()]
    while len(runs) < 8 and not (runs[-1]["complete"] and gone(runs) >= len(dead)):
        runs.append(stage.sweep())
    assert max(run["swept"] for run in runs) <= 2.5 * HURRIED_PER_SECOND
    assert max(run["milliseconds"] for run in runs) < 2000
    # A row that was not deleted in time is found again.
    assert gone(runs) >= len(dead)
    assert (runs[0]["complete"], runs[-1]["complete"]) == (False, True)
    assert len(stage.table.ids()) == len(clients)


@pytest.mark.case(37)
def test_a_sweep_that_reached_no_connection_does_not_empty_the_table(
    open_stage: Open, seed: int
) -> None:
    """Only the gone rows are old enough to be checked, in a new process."""
    stage = open_stage(f"doubtful_sweep_{seed}", SERVICE, sweeps=True)
    clients = stage.join(1)
    dead = stage.dead(40, seconds_old=60)
    found = stage.sweep()
    assert (found["gone"], found["kept"]) == (0, len(dead) + len(clients))
    assert found["problem"].startswith("40 connections are said to be gone and none was reached")
    wait_until(lambda: stage.lines("sweep") != [], "the sweep is logged")
    assert [line["level"] for line in stage.lines("sweep")] == ["ERROR"]
    assert stage.table.ids() >= {*dead}
    stage.row(stage.identify(clients[0]), seconds_old=60)
    assert counts(stage.sweep()) == (len(dead), 0, len(clients))
    assert len(stage.table.ids()) == len(clients)
