r"""Parse JSON (RFC 8259), and keep the exact text of each member.

Rules in addition to the grammar:

- NaN, Infinity and -Infinity are refused, because they cannot be written as JSON again. For the
  same reason, a number with a fraction or an exponent is refused if it exceeds a double's range.
- An integer of more than `MAX_DIGITS` digits is refused.
- An unpaired surrogate is refused, escaped or not, because it has no UTF-8 form.
- If a name occurs more than once, the last member counts.
- A text with more than `MAX_DEPTH` levels is refused, whatever the interpreter's own limit is.
"""

import json
import math
import re
import sys
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, NoReturn

from decanter.runtime.errors import BadJson

MAX_DEPTH = 128
MAX_DIGITS = min(4300, sys.get_int_max_str_digits() or 4300)
"""The interpreter's limit, but at most Python's default, because parsing takes quadratic time."""

_TOO_LONG = f"an integer of more than {MAX_DIGITS} digits"
_TO_STEPS = bytes.maketrans(b"[{]}", b"\1\1\xff\xff")
_NO_MARKS = bytes({*range(256)} - {*b'[{]}"'})
# The match ends before the first unpaired surrogate.
_NO_UNPAIRED = re.compile(
    r"(?:[^\\]++|\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?![dD][89a-fA-F])"
    r"|[^u]|\Z))*+",
    re.DOTALL,
)
_CHARACTERS = r'[^"\\]*+(?:\\.[^"\\]*+)*+'


def _member(levels: int) -> re.Pattern[str]:
    """Return a pattern of `{` or `,`, a name, and the value.

    The value is missing from the match if it is a large array or object, or nested deeper than
    `levels`. A large message can have many small values, for which `_scan` is slower than a match.
    """
    pieces = r'[^"\[\]{}]++|"[^"\\]*+"'
    nested = r"(?!)"
    for _ in range(levels):
        nested = rf"[\[{{](?:{pieces}|{nested}){{0,8}}+[\]}}]"
    space = r"[ \t\n\r]*+"
    return re.compile(
        rf'{space}[{{,]{space}"({_CHARACTERS})"{space}:{space}'
        rf'([^"\[{{, \t\n\r}}]++|"{_CHARACTERS}"|{nested})?'
    )


_MEMBER = _member(levels=3)


def _refuse_constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is no number")


def _integer(digits: str) -> int:
    if len(digits.removeprefix("-")) > MAX_DIGITS:
        raise BadJson(_TOO_LONG)
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadJson("a number beyond the range of a double")
    return number


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant,
    # Usually Python has the same limit, and `int` itself is ten times as fast.
    parse_int=int if sys.get_int_max_str_digits() == MAX_DIGITS else _integer,
    parse_float=_float,
)
_scan = json.JSONDecoder(parse_int=len, parse_float=len).scan_once  # type: ignore[attr-defined]
"""Finds the end of a value in a checked text. `len` replaces the slower conversion of numbers."""


def parse(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        BadJson: the text is not valid JSON, or breaks a rule of this module.
    """
    _check_depth(text)
    _check_escapes(text)
    try:
        text.encode()
        return _DECODER.decode(text)
    except UnicodeEncodeError as error:
        raise BadJson(f"a lone surrogate at character {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadJson(f"{error.msg} at character {error.pos}") from None
    except ValueError:  # raised by `int`
        raise BadJson(_TOO_LONG) from None


class Json(str):
    """The text of a JSON value. Replies and pushes contain it unquoted, as JSON."""

    __slots__ = ()


def member_texts(text: str) -> dict[str, str]:
    """Return the exact text of each member of an object that `parse` accepted, by name."""
    return {name: Json(value) for name, value in dict(members(text)).items()}


def members(text: str) -> list[tuple[str, str]]:
    """Return the name and the exact text of each member, including repeated members.

    `text` is a JSON object that `parse` accepted.
    """
    found: list[tuple[str, str]] = []
    end: int | None = 0
    while end is not None:
        end = _read_members(text, end, found)
    if "\\" in text and found:
        names = json.loads('["' + '","'.join(name for name, _ in found) + '"]')
        return [*zip(names, (value for _, value in found), strict=True)]
    return found


def _read_members(text: str, start: int, found: list[tuple[str, str]]) -> int | None:
    """Append members up to the first large value. Return the end of this value, or None."""
    # A scanner is faster than a loop of `match`. `finditer` would search, in quadratic time.
    scanner = _MEMBER.scanner(text, start)  # type: ignore[attr-defined]
    for member in iter(scanner.match, None):
        if (pair := member.groups())[1] is None:
            end: int = _scan(text, member.end())[1]
            found.append((pair[0], text[member.end() : end]))
            return end
        found.append(pair)
    return None


def object_text(texts: Mapping[str, str], comma: str = ",", colon: str = ":") -> str:
    """Return the text of an object whose members have these JSON texts."""
    members = (f"{json.dumps(name)}{colon}{text}" for name, text in texts.items())
    return f"{{{comma.join(members)}}}"


def _check_escapes(text: str) -> None:
    if "\\ud" not in text and "\\uD" not in text:
        return
    match = _NO_UNPAIRED.match(text)
    if match and match.end() < len(text):
        raise BadJson(f"an unpaired surrogate at character {match.end()}")


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    # Escaped backslashes are removed first, because the quote in `\\"` ends the string.
    marks = text.encode("ascii", "replace").replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = marks.translate(None, _NO_MARKS).replace(b'""', b"")
    outside = b"".join(marks.split(b'"')[::2])
    # The innermost level often has most of the brackets.
    steps = outside.translate(_TO_STEPS).replace(b"\1\xff", b"")
    if max(accumulate(memoryview(steps).cast("b")), default=0) >= MAX_DEPTH:
        raise BadJson(f"it is nested deeper than {MAX_DEPTH} levels")
