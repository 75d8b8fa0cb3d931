"""Values as a payload's type has them: a function for each kind of type.

Each gives the value back, or raises InvalidPayload with the path from here to what is wrong.
"""

import math
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

from .faults import InvalidPayload

Read = Callable[[Any], Any]
_MUST_BE = "must be "


def scalar(expects: str, accepts: Callable[[Any], bool]) -> Read:
    """A value that is taken as it is, or not at all."""

    def read(value: Any) -> Any:
        if not accepts(value):
            raise InvalidPayload("", _MUST_BE + expects)
        return value

    return read


def read_float(value: Any) -> float:
    """A finite number, whole or not."""
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidPayload("", _MUST_BE + "a number")
    return number


def literal(choices: tuple[Any, ...]) -> Read:
    """One of these values and of its type: true is not 1."""
    kinds = [(type(choice), choice) for choice in choices]
    return scalar(" or ".join(map(repr, choices)), lambda value: (type(value), value) in kinds)


def list_of(item: Read) -> Read:
    """A list whose items are all read alike."""

    def read(value: Any) -> list[Any]:
        READ_LIST(value)
        return [_member(item, each, f"[{index}]") for index, each in enumerate(value)]

    return read


def dict_of(member: Read) -> Read:
    """An object with any names, whose values are all read alike."""

    def read(value: Any) -> dict[str, Any]:
        READ_OBJECT(value)
        return {name: _member(member, each, name) for name, each in value.items()}

    return read


def structure(make: Callable[..., Any], members: Mapping[str, Read], required: set[str]) -> Read:
    """An object with these members; others are passed over.

    Args:
        make: takes those that are there by keyword.
        members: what reads each; may be filled later, for a type that names itself.
        required: those that have to be there.
    """

    def read(value: Any) -> Any:
        READ_OBJECT(value)
        for name in members:
            if name in required and name not in value:
                raise InvalidPayload(name, "is missing")
        there = {name: each for name, each in members.items() if name in value}
        return make(**{name: _member(each, value[name], name) for name, each in there.items()})

    return read


def one_of(choices: list[Read]) -> Read:
    """What the first of them takes."""

    def read(value: Any) -> Any:
        faults = []
        for choice in choices:
            try:
                return choice(value)
            except InvalidPayload as fault:
                faults.append(fault)
        # If one alone got as far as a member, it is what the client meant.
        inner = [fault for fault in faults if fault.field]
        if len(inner) == 1:
            raise inner[0]
        expected = [fault.reason.removeprefix(_MUST_BE) for fault in faults if not fault.field]
        raise InvalidPayload("", _MUST_BE + " or ".join(expected or ["of another form"]))

    return read


def model(kind: Any) -> Read:
    """A pydantic model, known by its method: pydantic is never imported here."""

    def read(value: Any) -> Any:
        try:
            return kind.model_validate(value)
        except ValueError as error:
            if not hasattr(error, "errors"):
                raise
            first = error.errors()[0]
            raise InvalidPayload(_path(first["loc"]), f"is refused: {first['msg']}") from None

    return read


READ_LIST = scalar("a list", lambda value: isinstance(value, list))
READ_OBJECT = scalar("an object", lambda value: isinstance(value, dict))

SIMPLE: Mapping[Any, Read] = {
    str: scalar("a string", lambda value: isinstance(value, str)),
    bool: scalar("true or false", lambda value: isinstance(value, bool)),
    int: scalar(
        "a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)
    ),
    float: read_float,
    NoneType: scalar("null", lambda value: value is None),
    None: scalar("null", lambda value: value is None),
    Any: lambda value: value,
    object: lambda value: value,
    list: READ_LIST,
    dict: READ_OBJECT,
}
"""The types without parameters."""


def _member(read: Read, value: Any, name: str) -> Any:
    try:
        return read(value)
    except InvalidPayload as fault:
        raise InvalidPayload(_joined(name, fault.field), fault.reason) from None


def _joined(outer: str, inner: str) -> str:
    return f"{outer}{inner}" if not inner or inner.startswith("[") else f"{outer}.{inner}"


def _path(parts: tuple[int | str, ...]) -> str:
    path = ""
    for part in reversed(parts):
        path = _joined(f"[{part}]" if isinstance(part, int) else part, path)
    return path
