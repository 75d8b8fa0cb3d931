"""Print each row's result after a run of this folder: `make field-cases`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from decanter.runtime.session import session
from tests.field_cases.rows import Results, marked

HERE = Path(__file__).parent
RESULTS = Results(marked())


def pytest_itemcollected(item: pytest.Item) -> None:
    """pytest calls this for the tests of this folder only."""
    if item.get_closest_marker("xfail"):
        item.add_marker(pytest.mark.open_row)
    for mark in item.iter_markers("row"):
        item.user_properties += [("row", row) for row in mark.args]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    RESULTS.add(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    folders = {Path(argument).resolve() for argument in terminalreporter.config.args}
    if folders == {HERE}:
        terminalreporter.section("field cases")
        for line in RESULTS.lines():
            terminalreporter.write_line(line)


@pytest.fixture(name="signed", scope="module")
def _signed() -> Iterator[None]:
    """Signing keys; the session that keeps them is made once, because this is slow."""
    session.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_REGION", "eu-west-1")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        yield
    session.cache_clear()
