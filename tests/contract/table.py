"""The rules' table in docs/local-gateway.md, and the tests with the rules' numbers."""

import ast
import functools
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs" / "local-gateway.md"
GRADES = {
    "D": "documented",
    "S": "service model",
    "O": "observed",
    "M": "measured",
    "C": "Chalice",
    "I": "inferred",
    "U": "our choice",
}
CLAIMED = "DSOMC"

_ROW = re.compile(r"^\| (\d+) \| (.+?) \| ([A-Z, ]+) \| (.+?) \|$", re.MULTILINE)
_COUNT = re.compile(r"^\| ([A-Z]) \| .+? \| (\d+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One rule: its number, its text, its grades, and its tests or why there is none."""

    number: int
    behaviour: str
    grades: tuple[str, ...]
    shown: str

    @property
    def tests(self) -> set[str]:
        return set(re.findall(r"`(test_\w+)`", self.shown))


def rows() -> list[Row]:
    """Return the table's rows."""
    found = _ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    return [Row(int(n), text, tuple(g.split(", ")), shown) for n, text, g, shown in found]


def counts() -> dict[str, int]:
    """Return the document's counts of rules for each grade."""
    found = _COUNT.findall(DOCUMENT.read_text(encoding="utf-8"))
    return {grade: int(number) for grade, number in found}


@functools.cache
def marked() -> dict[int, set[str]]:
    """Return the names of the tests for each rule: their `@pytest.mark.rule(…)`."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for number in _numbers(node):
                    found[number].add(node.name)
    return found


def _numbers(function: ast.FunctionDef) -> list[int]:
    calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
    marks = [call for call in calls if ast.unparse(call.func) == "pytest.mark.rule"]
    return [ast.literal_eval(argument) for mark in marks for argument in mark.args]
