"""docs/reference/gateway.md says what the tests show, and no more."""

from collections import Counter

import pytest

from tests.contract.table import CLAIMED, GRADES, Row, counts, marked, rows


def test_every_rule_has_one_row() -> None:
    assert [row.number for row in rows()] == [*range(1, 97)]


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row.number))
def test_a_rules_row_names_exactly_its_tests(row: Row) -> None:
    assert row.tests == marked().get(row.number, set())


def test_a_rule_without_a_test_has_a_reason() -> None:
    without = {row.number: row.shown for row in rows() if not row.tests}
    assert set(without) == {15, 40}
    assert all(reason.startswith("out: ") for reason in without.values())


def test_no_test_has_an_unknown_rule() -> None:
    assert set(marked()) <= {row.number for row in rows()}


def test_the_counts_match_the_table() -> None:
    """A rule counts under the weakest of its grades."""
    order = "".join(GRADES)
    weakest = Counter(max(row.grades, key=order.index) for row in rows())
    assert counts() == {grade: weakest[grade] for grade in GRADES}
    assert sum(weakest[grade] for grade in CLAIMED) == sum(
        number for grade, number in counts().items() if grade in CLAIMED
    )
