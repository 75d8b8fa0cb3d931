"""Each command, refused or ended at each of its AWS calls in turn, and then run once more.

A refusal stands for every error that ends a command in order; an end stands for Ctrl-C, SIGKILL and
a dead network. The next run finds on AWS whatever these left.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from decanter.errors import AWSError
from tests.aws.calls import DeathError, Wire
from tests.aws.cloud import Call
from tests.aws.stage import NAME, Stage, with_route
from tests.support.marks import THOROUGH

# Set by `make chaos`.
FULL = "CHAOS_CLIENTS" in os.environ

# The resources of a complete stage.
KINDS = {"stacks", "functions", "apis", "tables", "roles", "log groups", "objects"}

pytestmark = pytest.mark.chaos

Run = Callable[[Wire], object]


def denied(calls: Sequence[Call]) -> Iterator[Wire]:
    """Yield the calls to refuse. `make test` refuses one write of each operation, and no reads."""
    for number, call in enumerate(calls):
        if FULL or not (call.reads or call in calls[:number]):
            yield Wire(deny=number)


def dead(calls: Sequence[Call]) -> Iterator[Wire]:
    """Yield the calls to end after. `make test` skips calls that read, as they change nothing."""
    for number, call in enumerate(calls):
        if FULL or not call.reads:
            yield Wire(die_after=number)


Interrupt = Callable[[Sequence[Call]], Iterator[Wire]]


@pytest.fixture(name="interrupt", params=[denied, pytest.param(dead, marks=THOROUGH)])
def _interrupt(request: pytest.FixtureRequest) -> Interrupt:
    interrupt: Interrupt = request.param
    return interrupt


def each(interrupt: Interrupt, run: Run) -> Iterator[Wire]:
    """Run once without interruption, then once for each; the caller repairs what is left."""
    run(whole := Wire())
    yield whole
    for wire in interrupt(whole.calls):
        assert "\n" not in refusal(run, wire)
        yield wire


def refusal(run: Run, wire: Wire) -> str:
    """Return the error of a refused run; empty if the process ended."""
    try:
        run(wire)
    except AWSError as error:
        return str(error)
    except DeathError:
        return ""
    return ""  # the result does not depend on that call


def change_sets(stage: Stage) -> list[Any]:
    found = stage.cloud.client("cloudformation").list_change_sets(StackName=NAME)["Summaries"]
    return list(found)


def test_an_interrupted_creation_can_be_completed_and_leaves_nothing(
    stage: Stage, interrupt: Interrupt
) -> None:
    for wire in each(interrupt, stage.provision):
        assert stage.provision() == 0, wire
        assert stage.routes == {"$connect", "$default"}
        assert stage.cloud.left().keys() == KINDS
        assert (len(stage.cloud.objects()), change_sets(stage)) == (2, []), wire
        assert stage.delete() == 0
        assert stage.cloud.left() == {}, wire


@THOROUGH
def test_an_abandoned_creation_can_be_deleted_and_leaves_nothing(
    stage: Stage, interrupt: Interrupt
) -> None:
    for wire in each(interrupt, stage.provision):
        assert stage.delete(keep_tables=not stage.cloud.left().get("tables")) == 0, wire
        assert stage.cloud.left() == {}, wire


def test_an_interrupted_update_can_be_completed_and_leaves_nothing(
    stage: Stage, interrupt: Interrupt
) -> None:
    """Each run adds another route. Only the templates stay in the bucket."""
    stage.provision()
    numbers = itertools.count()

    def update(wire: Wire) -> int:
        stage.change = with_route(f"route{next(numbers)}")
        return stage.provision(wire)

    for number, wire in enumerate(each(interrupt, update)):
        assert stage.provision() == 0, wire
        assert stage.routes >= {"$connect", "$default", f"route{number}"}, wire
        assert (len(stage.cloud.objects()), change_sets(stage)) == (3 + number, []), wire
    assert stage.delete() == 0
    assert stage.cloud.left() == {}


@THOROUGH
def test_an_interrupted_run_without_changes_changes_nothing(
    stage: Stage, interrupt: Interrupt
) -> None:
    stage.provision()
    before = stage.cloud.left()
    for wire in each(interrupt, stage.provision):
        assert stage.provision() == 0, wire
        assert (stage.cloud.left(), change_sets(stage)) == (before, []), wire


def test_an_interrupted_deletion_can_be_completed_and_leaves_nothing(
    stage: Stage, interrupt: Interrupt
) -> None:
    def delete(wire: Wire) -> int:
        stage.provision()
        return stage.delete(wire)

    for wire in each(interrupt, delete):
        assert stage.delete() == 0, wire
        assert stage.cloud.left() == {}, wire


@THOROUGH
def test_an_interrupted_deletion_keeps_the_table_if_asked(
    stage: Stage, interrupt: Interrupt
) -> None:
    tables: list[str] = []

    def delete(wire: Wire) -> int:
        stage.provision()
        tables[:] = stage.cloud.left()["tables"]
        return stage.delete(wire, keep_tables=True)

    for wire in each(interrupt, delete):
        assert stage.delete(keep_tables=True) == 0, wire
        assert stage.cloud.left() == {"tables": tables}, wire
        stage.cloud.client("dynamodb").delete_table(TableName=tables[0])


def test_interrupted_table_commands_can_be_completed(stage: Stage, interrupt: Interrupt) -> None:
    """`decanter table` creates it for `chalice deploy`."""
    client = stage.cloud.client("dynamodb")
    for wire in each(interrupt, lambda wire: stage.table("create", wire)):
        assert stage.table("create") == 0, wire
        (name,) = stage.cloud.left()["tables"]
        ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires_at"), wire
        client.delete_table(TableName=name)

    def delete(wire: Wire) -> int:
        stage.table("create")
        return stage.table("delete", wire)

    for wire in each(interrupt, delete):
        assert stage.table("delete") == 0, wire
        assert stage.cloud.left() == {}, wire
