"""Each safeguard is needed: without it, its scenario must fail."""

from pathlib import Path

import pytest

from tests.chaos.conftest import FULL
from tests.support.mutants import Mutation

MUTATIONS = {
    "the grace": Mutation(
        "fanout/broadcast.py",
        "GRACE_MS = 30_000",
        "GRACE_MS = 0",
        "test_a_young_row_that_is_still_gone_is_kept",
    ),
    "the conditional delete": Mutation(
        "store/connections.py",
        "cls._remove(recipient.connection_id, unchanged)",
        "cls._remove(recipient.connection_id, None)",
        "test_a_replaced_row_is_not_deleted",
    ),
    "pagination": Mutation(
        "store/connections.py",
        "return Page(alive, place.then(_last(answer, key)))",
        "return Page(alive, None)",
        "test_every_page_of_a_large_table_is_read",
    ),
    "the sweep's grace": Mutation(
        "fanout/sweep.py",
        "if now_ms - row.connected_at < GRACE_MS:",
        "if now_ms < row.connected_at:",
        "test_a_sweep_keeps_a_young_row",
    ),
    "the doubt about an endpoint": Mutation(
        "transports/base.py",
        "if self.reached or gone < MANY_GONE:",
        "if self.reached or gone >= MANY_GONE:",
        "test_a_sweep_that_reached_no_connection_does_not_empty_the_table",
    ),
    "the retry bound": Mutation(
        "transports/base.py",
        "RETRIES = 2",
        "RETRIES = 5",
        "test_a_client_always_throttled_is_tried_three_times_and_kept",
    ),
    "the origin's match as a whole": Mutation(
        "hooks/origins.py",
        "_ORIGIN.fullmatch(text)",
        "_ORIGIN.match(text)",
        "test_a_page_of_another_origin_is_refused_and_allowed_ones_are_served",
    ),
}


@pytest.mark.parametrize("safeguard", MUTATIONS)
def test_the_code_has_each_safeguard_once(safeguard: str) -> None:
    assert MUTATIONS[safeguard].is_up_to_date(), MUTATIONS[safeguard]


@pytest.mark.skipif(not FULL, reason="make chaos: each runs a scenario in a separate process")
@pytest.mark.parametrize("safeguard", MUTATIONS)
def test_a_scenario_fails_without_the_safeguard(safeguard: str, tmp_path: Path) -> None:
    output = MUTATIONS[safeguard].play(tmp_path / "mutant", "tests/chaos", CHAOS_SEED="1")
    assert "1 failed" in output, output
    assert "AssertionError" in output or "DID NOT RAISE" in output, output
