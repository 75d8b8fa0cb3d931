r"""The route selection expression, as API Gateway evaluates it for a WebSocket API.

Source: API Gateway Developer Guide, "Create routes for WebSocket APIs" and "API Gateway WebSocket
selection expressions": `$request.body.a.b`, `${request.body.a}` between literal texts, a static
value, and `\$` for a dollar sign. The value of a missing path is the empty string. The result is
not evaluated again.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

CHALICE_EXPRESSION = "$request.body.action"
"""The expression of every API that Chalice creates (chalice.awsclient, chalice.package)."""

_PIECE = re.compile(
    r"""(?P<escaped>\\\$)
      | \$\{request\.body(?P<braced>(?:\.[^.{}]+)*)\}
      | \$request\.body(?P<bare>(?:\.[\w\-]+)*)
      | (?P<stray>\$)
      | (?P<literal>[^\\$]+|\\)""",
    re.VERBOSE,
)


class NotJsonError(ValueError):
    """The message is not valid JSON (RFC 8259), or Python cannot read it."""


def parse(text: str) -> Any:
    """Parse the message as JSON.

    Raises:
        NotJsonError: the message is invalid, has NaN or an infinity, is nested too deeply, or has
            an integer that is too long.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from None


def compile_expression(expression: str) -> Callable[[Any], str]:
    """Return a function that evaluates the expression for a parsed message.

    Raises:
        ValueError: a `$` does not start a `$request.body` path and is not escaped.
    """
    pieces = list(_PIECE.finditer(expression))
    if any(piece["stray"] for piece in pieces):
        raise ValueError(
            f"route selection expression {expression!r}: `$` must start $request.body… "
            "or ${request.body…}, or be escaped as \\$"
        )
    return lambda body: "".join(_evaluate(piece, body) for piece in pieces)


def _evaluate(piece: re.Match[str], body: Any) -> str:
    if piece["escaped"]:
        return "$"
    if piece["literal"]:
        return piece["literal"]
    path = piece["braced"] if piece["bare"] is None else piece["bare"]
    return _as_text(_look_up(body, path.split(".")[1:]))


def _look_up(body: Any, names: list[str]) -> Any:
    for name in names:
        if not isinstance(body, dict) or name not in body:
            return ""
        body = body[name]
    return body


def _as_text(value: Any) -> str:
    """Return a value as text.

    AWS documents `[item1, item2]` for arrays, but no form for objects.
    """
    if isinstance(value, list):
        return f"[{', '.join(map(_as_text, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def _refuse_constant(name: str) -> NoReturn:
    raise NotJsonError(f"{name} is not JSON")
