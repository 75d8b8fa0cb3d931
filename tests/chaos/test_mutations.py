"""The scenarios find mutations: without each defence, its scenario must fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.conftest import FULL
from tests.support.gateways import ROOT

MUTATIONS = {
    "the grace": (
        "fanout/broadcast.py",
        "GRACE_MS = 30_000",
        "GRACE_MS = 0",
        "test_a_young_row_that_is_still_gone_is_kept",
    ),
    "the conditional delete": (
        "store/connections.py",
        "cls._remove(recipient.connection_id, unchanged)",
        "cls._remove(recipient.connection_id, None)",
        "test_a_replaced_row_is_not_deleted",
    ),
    "pagination": (
        "store/connections.py",
        "return Page(alive, _last(answer, key))",
        "return Page(alive, None)",
        "test_every_page_of_a_large_table_is_read",
    ),
    "the sweep's grace": (
        "fanout/sweep.py",
        "if now_ms - row.connected_at < GRACE_MS:",
        "if now_ms < row.connected_at:",
        "test_a_sweep_keeps_a_young_row",
    ),
    "the doubt about an endpoint": (
        "transports/base.py",
        "if self.reached or gone < MANY_GONE:",
        "if self.reached or gone >= MANY_GONE:",
        "test_a_sweep_that_reached_no_connection_does_not_empty_the_table",
    ),
    "the retry bound": (
        "transports/base.py",
        "RETRIES = 2",
        "RETRIES = 5",
        "test_a_client_always_throttled_is_tried_three_times_and_kept",
    ),
    "the origin's match as a whole": (
        "hooks/origins.py",
        "_ORIGIN.fullmatch(text)",
        "_ORIGIN.match(text)",
        "test_a_page_of_another_origin_is_refused_and_allowed_ones_are_served",
    ),
}


@pytest.mark.parametrize("defence", MUTATIONS)
def test_the_code_has_each_defence_once(defence: str) -> None:
    file, before, *_ = MUTATIONS[defence]
    source = (ROOT / "decanter" / "runtime" / file).read_text()
    assert source.count(before) == 1, f"{file} has changed: update {before!r}"


@pytest.mark.skipif(not FULL, reason="make chaos: each runs a scenario in a separate process")
@pytest.mark.parametrize("defence", MUTATIONS)
def test_a_scenario_fails_without(defence: str, tmp_path: Path) -> None:
    file, before, after, scenario = MUTATIONS[defence]
    mutant = tmp_path / "decanter"
    shutil.copytree(ROOT / "decanter", mutant)
    source = (mutant / "runtime" / file).read_text()
    (mutant / "runtime" / file).write_text(source.replace(before, after))
    played = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/chaos"),
            *("-k", f"{scenario} and not mutations"),
        ],
        env={
            **{name: value for name, value in os.environ.items() if name != "CHAOS_CLIENTS"},
            "PYTHONPATH": str(tmp_path),
            "CHAOS_SEED": "1",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed" in played.stdout, played.stdout
    assert "AssertionError" in played.stdout or "DID NOT RAISE" in played.stdout, played.stdout
