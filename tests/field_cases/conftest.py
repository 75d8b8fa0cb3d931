"""Print each row's result after a run of this folder: `make field-cases`."""

from pathlib import Path

import pytest

from tests.field_cases.rows import Results, marked

HERE = Path(__file__).parent
RESULTS = Results(marked())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
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
