r"""Parse JSON (RFC 8259), and keep the exact text of each member.

Rules in addition to the grammar:

- NaN, Infinity and -Infinity are refused; `1e999` is accepted and becomes infinity.
- If a name occurs twice, the last member counts.
- Numbers have any length: an integer with more digits than Python converts becomes a Decimal.
- Strings may contain `"\u0000"` and `"\ud800"`, an escaped lone surrogate. A lone surrogate that is
  not escaped has no UTF-8 form and is refused.
- Nesting deeper than `MAX_DEPTH` is refused; the interpreter's own limit does not matter.
"""

import json
import re
import sys
from decimal import Decimal
from typing import Any, NoReturn

from decanter.runtime.errors import BadJson

MAX_DEPTH = 128

_SPACE = re.compile(r"[ \t\n\r]*")
# An unterminated string matches too, up to the end of the text. Otherwise the search would start
# again at each of its characters and take quadratic time.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


def _refuse_constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is no number")


def _integer(digits: str) -> int | Decimal:
    limit = sys.get_int_max_str_digits()
    return int(digits) if not limit or len(digits) <= limit else Decimal(digits)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer)


def parse(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        BadJson: the text is not valid JSON, or cannot be encoded as UTF-8.
    """
    _check_depth(text)
    try:
        text.encode()
        return _DECODER.decode(text)
    except UnicodeEncodeError as error:
        raise BadJson(f"a lone surrogate at character {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadJson(f"{error.msg} at character {error.pos}") from None


def member_texts(text: str) -> dict[str, str]:
    """Return the exact text of each member's value, by name.

    Args:
        text: a JSON object that `parse` accepted.
    """
    texts: dict[str, str] = {}
    position = _skip(text, _skip(text, 0) + 1)
    while text[position] != "}":
        name, position = _DECODER.raw_decode(text, position)
        start = _skip(text, _skip(text, position) + 1)
        _, end = _DECODER.raw_decode(text, start)
        texts[name] = text[start:end]
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return texts


def _skip(text: str, position: int) -> int:
    """Return the position of the next character that is not white space."""
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadJson(f"it is nested deeper than {MAX_DEPTH} levels")
        elif match[0] in "]}":
            depth -= 1
