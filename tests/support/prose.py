"""The prose of a source tree: comments, docstrings, messages, names of tests, Markdown."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = {".c", ".css", ".html", ".ini", ".js", ".md", ".py", ".toml", ".txt"}
NAMES = {"Makefile", "run"}
SKIPPED = {".git", ".venv", "__pycache__", "build", "node_modules", "out"}

_STRING_OR_COMMENT = re.compile(
    r"""("{3}|'{3})(?:\\.|[^\\])*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\#(?P<text>[^\n]*)""",
    re.DOTALL,
)
_CODE = re.compile(r"`+[^`]+`+|<!--.*?-->|\]\([^)]*\)")
_FENCED = re.compile(r"^( *```).*?^\1", re.DOTALL | re.MULTILINE)
_RELEASED = re.compile(r"^## \[?\d+\.\d+\.\d.*", re.DOTALL | re.MULTILINE)
_MARKER = re.compile(r"^\s*(//+|/?\*+/?|#+(?=\s)|>|[-*](?=\s)|\d+\.(?=\s))?\s*")
_STARTS_A_UNIT = re.compile(r"^\s*([-*|]|\d+\.|#+|@\w+|\w+ ?(\([^)]*\))?:)\s")


class Prose(NamedTuple):
    """One paragraph, list item, comment or message, on one line."""

    path: str
    line: int
    text: str


def files(root: Path = ROOT) -> Iterator[Path]:
    """The text files that people write: no build output, no environment, no links."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED and "cache" not in name]
        for name in names:
            path = Path(folder, name)
            known = _suffix(path) in SUFFIXES or name in NAMES
            if known and not path.is_symlink():
                yield path


def prose(path: Path, root: Path = ROOT) -> Iterator[Prose]:
    """The prose of one file; code in backticks and fences is left out."""
    text = path.read_text(encoding="utf-8")
    read = {".py": _python, ".md": _markdown}.get(_suffix(path), _paragraphs)
    for line, words in read(text):
        yield Prose(path.relative_to(root).as_posix(), line, words)


def _suffix(path: Path) -> str:
    return path.with_suffix("").suffix if path.suffix == ".in" else path.suffix


def _python(source: str) -> Iterator[tuple[int, str]]:
    yield from _comments(source)
    nodes = [*_nodes(ast.parse(source))]
    pieces = {
        id(value) for node in nodes if isinstance(node, ast.JoinedStr) for value in node.values
    }
    for node in nodes:
        if id(node) in pieces:
            continue
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.replace("_", " ")
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, _without_code("".join(_piece(value) for value in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield from _paragraphs(node.value, node.lineno)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what `ast.walk` yields, in half the time and in another order."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for value in vars(node).values():
            if isinstance(value, list):
                waiting += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)


def _piece(value: ast.expr) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else "x"


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Comments; lines that follow each other are one."""
    block: list[str] = []
    start = last = 0
    for match in _STRING_OR_COMMENT.finditer(source):
        if match["text"] is not None:
            line = source.count("\n", 0, match.start()) + 1
            if block and line != last + 1:
                yield start, _without_code(" ".join(block))
                block = []
            start = start if block else line
            block.append(match["text"].lstrip("#: "))
            last = line
    if block:
        yield start, _without_code(" ".join(block))


def _markdown(text: str) -> Iterator[tuple[int, str]]:
    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    return _paragraphs(_RELEASED.sub("", _FENCED.sub(blank, text)))


def _paragraphs(text: str, first: int = 1) -> Iterator[tuple[int, str]]:
    """Paragraphs, list items, table rows and entries such as `name: text`."""
    unit: list[str] = []
    start = first
    for number, line in enumerate(text.splitlines(), first):
        if unit and (not line.strip() or _STARTS_A_UNIT.match(line)):
            yield start, _without_code(" ".join(unit))
            unit = []
        if line.strip():
            start = start if unit else number
            unit.append(_MARKER.sub("", line).strip())
    if unit:
        yield start, _without_code(" ".join(unit))


def _without_code(text: str) -> str:
    return " ".join(_CODE.sub("`x`", text).split())
