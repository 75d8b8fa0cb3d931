"""Each safeguard is needed: without it, a small sample of the random faults must fail."""

from pathlib import Path

import pytest

from tests.soak.conftest import COUNT
from tests.support.mutants import Mutation

MUTATIONS = {
    "the count of repetitions": Mutation(
        "transports/fast/backlog.py",
        "post.repeated += post.arrived",
        "post.repeated += 0",
        "every_repetition_is_counted and fast",
    ),
    "the count at the deadline": Mutation(
        "transports/botocore.py",
        "UNANSWERED._replace(repeated=flight.repeated)",
        "UNANSWERED",
        "every_repetition_is_counted and botocore",
    ),
    "the range of times": Mutation(
        "store/connections.py",
        "if not FIRST_MS <= at <= self._latest:",
        "if at < 0:",
        "each_healthy_row",
    ),
    "the prefix of an id like a cursor": Mutation(
        "recipients.py",
        "is_ambiguous = self.segments == 1 and _SEGMENT.fullmatch(self.after)",
        "is_ambiguous = False",
        "each_healthy_row",
    ),
    "the turns of threads": Mutation(
        "transports/fast/transport.py",
        "self._turn = RLock()  # a run inside another run is in the same thread",
        "self._turn = __import__('types').SimpleNamespace("
        "acquire=lambda timeout: True, release=lambda: None)",
        "broadcasts_of_threads and fast",
    ),
    "the new sockets of a fork": Mutation(
        "forks.py",
        "os.register_at_fork(after_in_child=_forget)",
        "",
        "forks_and_ten_hours and fast",
    ),
    "the surrogates' check": Mutation(
        "jsontext.py",
        "    _check_escapes(text)\n",
        "",
        "scanner_reads_it",
    ),
    "the wall clock of signatures": Mutation(
        "transports/fast/sigv4.py",
        "moment = datetime.fromtimestamp(moment_ms // 1000, UTC)",
        "moment = datetime.now(UTC)",
        "forks_and_ten_hours and fast",
    ),
}


@pytest.mark.parametrize("safeguard", MUTATIONS)
def test_the_code_has_each_safeguard_once(safeguard: str) -> None:
    assert MUTATIONS[safeguard].is_up_to_date(), MUTATIONS[safeguard]


@pytest.mark.skipif(not COUNT, reason="make soak: each runs a test in a separate process")
@pytest.mark.parametrize("safeguard", MUTATIONS)
def test_a_sample_fails_without_the_safeguard(safeguard: str, tmp_path: Path) -> None:
    output = MUTATIONS[safeguard].play(tmp_path / "mutant", "tests/soak", SOAK_SEED="1")
    assert "1 failed" in output, output
    assert "AssertionError" in output or "CalledProcessError" in output, output
