"""The question before a deletion."""

import pytest

from decanter.aws.confirmation import agreed


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("y", True), (" YES ", True), ("", False), ("n", False), ("yesterday", False)],
)
def test_only_a_yes_is_one(answer: str, expected: bool) -> None:
    assert agreed("Delete?", lambda question: answer) is expected
