"""The reliability page lists the tests of each scenario, and no scenario is without a test."""

import ast
import functools
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.gateways import ROOT

CASES = 41
DOCUMENT = ROOT / "docs" / "explanation" / "reliability.md"
_ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def rows() -> dict[int, set[str]]:
    """Return the tests that the document names for each scenario."""
    found = _ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    return {int(number): set(re.findall(r"`(test_\w+)`", shown)) for number, _, shown in found}


@functools.cache
def marked() -> dict[int, set[str]]:
    """Return the tests with each scenario's number: `@pytest.mark.case(…)`."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.case":
                        for argument in mark.args:
                            found[ast.literal_eval(argument)].add(node.name)
    return found


def test_every_scenario_has_one_row() -> None:
    assert list(rows()) == list(range(CASES))


@pytest.mark.parametrize("number", range(CASES))
def test_its_row_names_exactly_its_tests(number: int) -> None:
    assert rows()[number] == marked()[number]
    assert rows()[number]
