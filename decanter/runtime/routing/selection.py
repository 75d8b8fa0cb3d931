r"""The route selection expression, as API Gateway evaluates it.

    $request.body.message                                the value at a path
    ${request.body.message}                              the same
    ${request.body.service}/${request.body.action}       several values, joined by other text
    \$default                                            the text `$default`

The value of a missing path is the empty string. For example, `${request.body.a}-${request.body.b}`
is `x-` for the message `{"a": "x"}`. A string is used unchanged, an array becomes `[item1, item2]`,
and any other value becomes its JSON text. A value that looks like an expression is not evaluated.

Source: API Gateway Developer Guide, "Create routes for WebSocket APIs" and "WebSocket selection
expressions". For array items and objects, the guide has only one example, so Decanter defines
their form. The guide also allows JSONPath, but here a path can contain only names.
"""

import json
import re
from typing import Any, NamedTuple

from decanter.runtime.errors import DeclarationError
from decanter.runtime.functions import name_of

_PIECE = re.compile(
    r"""
    \$\{request\.body\.(?P<wrapped>[^\s.$\\{}\[\]*]+(?:\.[^\s.$\\{}\[\]*]+)*)\}
    | \$request\.body\.(?P<bare>[\w-]+(?:\.[\w-]+)*)(?![\w.\[-])
    | (?P<escaped>\\\$)
    | (?P<literal>[^$\\{}]+)
    """,
    re.VERBOSE,
)

Path = tuple[str, ...]

MAX_ROUTE_KEY = 1000
"""The text of an array is cut when it exceeds this length, because no route key is longer."""


class SelectionExpression(NamedTuple):
    """A checked expression. Its pieces are literal texts, and paths into the message."""

    source: str
    pieces: tuple[str | Path, ...]

    @classmethod
    def parse(cls, source: str) -> "SelectionExpression":
        """Check an expression. Raise DeclarationError if it is invalid."""
        if not isinstance(source, str):
            raise DeclarationError(
                f"a route selection expression is a string such as $request.body.name, not "
                f"{name_of(source)}"
            )
        pieces: list[str | Path] = []
        position = 0
        while match := _PIECE.match(source, position):
            pieces.append(_piece(match))
            position = match.end()
        if position < len(source):
            raise DeclarationError(
                f"route selection expression {source!r} cannot be read from character "
                f"{position} on: write $request.body.name, ${{request.body.a.b}}, "
                "other text, or \\$ for a dollar sign"
            )
        if "$" not in source:
            raise DeclarationError(
                f"route selection expression {source!r} reads nothing of a message: write "
                "$request.body.name"
            )
        return cls(source, tuple(pieces))

    def evaluate(self, document: object) -> str:
        """Return the route key that a parsed message selects."""
        return "".join(
            piece if isinstance(piece, str) else _text(_look_up(document, piece))
            for piece in self.pieces
        )


def _piece(match: re.Match[str]) -> str | Path:
    if path := match["wrapped"] or match["bare"]:
        return tuple(path.split("."))
    return "$" if match["escaped"] else match["literal"]


def _look_up(document: object, path: Path) -> object:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return ""
        document = document[name]
    return document


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return _list_text(value) if isinstance(value, list) else json.dumps(value)


def _list_text(items: list[Any]) -> str:
    texts: list[str] = []
    size = 0
    for each in items:
        texts.append(_text(each))
        size += len(texts[-1]) + len(", ")
        if size > MAX_ROUTE_KEY:
            break  # a client's list may have 65,000 items
    return f"[{', '.join(texts)}]"
