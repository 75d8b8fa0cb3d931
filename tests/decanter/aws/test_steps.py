"""Questions to the user."""

import pytest

from decanter.aws.steps import agreed


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("y", True), (" YES ", True), ("", False), ("n", False), ("yesterday", False)],
)
def test_only_yes_counts_as_yes(answer: str, expected: bool) -> None:
    assert agreed("Delete?", lambda question: answer) is expected
