"""The README is short, and its code is in the repository."""

import sys

import pytest

from decanter.testing import WebSocketClient
from tests.docs.snippets import ROOT, Block, load, sections

README = ROOT / "README.md"
APP = (ROOT / "app.py").read_text(encoding="utf-8")


def test_it_has_at_most_130_lines_and_700_words() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 130
    assert len(text.split()) <= 700


def test_its_lines_of_app_py_are_in_app_py_in_the_same_order() -> None:
    (shown,) = sections(README)[0].code()
    lines = [line for line in shown.text.splitlines() if line]
    rest = iter(APP.splitlines())
    assert [line for line in lines if line not in rest] == []
    assert len(lines) > 10


def test_its_example_of_a_test_runs_on_app_py(monkeypatch: pytest.MonkeyPatch) -> None:
    (section,) = (each for each in sections(README) if each.title == "Adopt it")
    monkeypatch.setitem(sys.modules, "docs_readme", sys)  # restored at the end
    module = load("docs_readme", [Block("python", APP), *section.code()])
    assert issubclass(vars(module)["WebSocketClient"], WebSocketClient)


def test_it_and_the_tutorial_show_the_output_of_both_clients() -> None:
    texts = [each.text for part in sections(README) for each in part.blocks]
    at = texts.index('{"message":"sendmessage","data":"hello world !"}\n')
    assert texts[at + 1] == '"hello world !"\n'
