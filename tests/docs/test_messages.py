"""The messages that docs/guides/debug.md quotes exist in the source."""

import ast
import functools
import re
from collections.abc import Iterable

import pytest

from tests.docs.snippets import ROOT

PAGE = (ROOT / "docs" / "guides" / "debug.md").read_text(encoding="utf-8")
HEADS = re.findall(r"^\*\*(.+?)\*\*", PAGE, re.DOTALL | re.MULTILINE)
QUOTE = re.compile(r'(?<!\{)"([^"{}]+ [^"{}]+)"')
VALUE = re.compile(r"…|\b\d[\d.]*\b|'\w+'|\b[A-Z]+_[A-Z_]+\b|\bws:|CallRefused: S3 PutObject to")
FOREIGN = ("mypy:",)


def quotes() -> list[str]:
    own = (" ".join(head.split()) for head in HEADS if not head.startswith(FOREIGN))
    return [quote for head in own for quote in QUOTE.findall(re.sub(r"`\{.*?\}`", "", head))]


@functools.cache
def messages() -> frozenset[tuple[str, ...]]:
    """Return the messages of the source, each as the texts between its values."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / "decanter").rglob("*.py"))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    filled = {tuple(texts(node.values)) for node in nodes if isinstance(node, ast.JoinedStr)}
    return frozenset(filled | {(text,) for text in texts(nodes)})


def texts(nodes: Iterable[ast.AST]) -> list[str]:
    found = (node.value for node in nodes if isinstance(node, ast.Constant))
    return [" ".join(f".{text}.".split())[1:-1] for text in found if isinstance(text, str)]


def share(message: tuple[str, ...], quote: str) -> float:
    """Return the fraction of a quote that a message's texts cover, in order."""
    at = 0
    length = 0
    for text in message:
        found = quote.find(text, at)
        if found >= 0:
            at, length = found + len(text), length + len(text)
    return length / len(quote)


def printed(quote: str) -> bool:
    """True if a message has the quote's longest part without values, or covers 40 % of it."""
    longest = max(VALUE.split(quote), key=len).strip(" ,:.")
    return any(
        any(longest in text for text in message) or share(message, quote) >= 0.4
        for message in messages()
    )


@pytest.mark.parametrize("quote", quotes())
def test_each_quoted_message_is_in_the_source(quote: str) -> None:
    assert printed(quote)


def test_another_message_is_not_in_the_source() -> None:
    assert not printed("the cellar … was flooded by the river")
    assert len(quotes()) > 25
