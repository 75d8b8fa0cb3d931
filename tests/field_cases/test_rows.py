"""The table of field cases is complete, and its results match the tests' reports."""

from typing import Any

import pytest

from tests.field_cases.rows import TITLES, WITHOUT_TEST, Results, marked

MARKED = "R1"


def test_every_row_has_a_test_or_a_reason_why_not() -> None:
    assert set(TITLES) == marked() | set(WITHOUT_TEST)
    assert not marked() & set(WITHOUT_TEST)


def test_rows_are_numbered_in_sections() -> None:
    sizes = {"R": 6, "P": 8, "L": 12, "T": 4, "A": 5, "F": 13, "N": 5}
    expected = [f"{letter}{n + 1}" for letter, size in sizes.items() for n in range(size)]
    assert list(TITLES) == expected


def report(outcome: Any, *, when: Any = "call", reason: str | None = None) -> pytest.TestReport:
    """Make a report of a test of the row `MARKED`."""
    made = pytest.TestReport(
        nodeid="test_it",
        location=("test_it.py", 1, "test_it"),
        keywords={},
        outcome=outcome,
        longrepr=None,
        when=when,
        user_properties=[("row", MARKED), ("other", "R2")],
    )
    if reason is not None:
        made.wasxfail = reason  # like pytest's own plugin for xfail
    return made


PASSED = [report("passed", when="setup"), report("passed"), report("passed", when="teardown")]


@pytest.mark.parametrize(
    ("reports", "result"),
    [
        ([], "not run"),
        ([report("passed", when="setup"), report("skipped")], "not run"),
        (PASSED, "passes"),
        ([*PASSED, report("skipped", reason="it says 500")], "open"),
        ([*PASSED, report("failed"), report("skipped", reason="it says 500")], "FAILS"),
        ([report("failed", when="setup")], "FAILS"),
        ([*PASSED, report("failed", when="teardown")], "FAILS"),
    ],
)
def test_a_row_has_the_worst_result_of_its_tests(
    reports: list[pytest.TestReport], result: str
) -> None:
    results = Results(frozenset({MARKED}))
    for each in reports:
        results.add(each)
    assert results.of(MARKED) == result
    assert results.of("R2") == "no test"


def test_each_row_has_a_line_with_its_reasons_and_the_last_one_counts() -> None:
    results = Results(frozenset({MARKED}))
    for reason in ("it says 500", "it hangs", "it hangs"):
        results.add(report("skipped", reason=reason))
    *lines, counts = results.lines()
    assert [line.split()[0] for line in lines] == list(TITLES)
    assert lines[0] == f"R1   open     {TITLES['R1']} [it says 500; it hangs]"
    assert "1 open" in counts
