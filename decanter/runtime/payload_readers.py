"""Readers of JSON values. A reader returns a value of one type, or raises `InvalidPayload`.

The error contains the path to the problem, such as `points[0].x`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import Any, NoReturn

from decanter.runtime.errors import InvalidPayload

Read = Callable[[Any], Any]
_MUST_BE = "must be "
LONG = 16
"""A list of this length or more is first checked as a whole. For shorter lists, this is slower."""
JSON_TYPES = (dict, list, str, int, float, bool, NoneType)


class Reader(dict[type, Read | None]):
    """A table that maps each accepted JSON type to the function that reads its values.

    The function is None if values of the type are accepted unchanged. Other types are refused.
    Readers of lists and objects use this table directly, because a call for each value is slow.

    Args:
        expects: a description of the accepted values, for the error message.
        builtins: built-in functions that do the same as those in `reads`, for long lists. They may
            raise OverflowError instead of InvalidPayload.
    """

    def __init__(
        self,
        expects: str,
        reads: Mapping[type, Read | None],
        builtins: Mapping[type, Read] = MappingProxyType({}),
    ) -> None:
        super().__init__(reads)
        self.expects = expects
        self.builtins = builtins

    def __missing__(self, kind: type) -> Read:
        return self.refuse

    def refuse(self, value: Any) -> NoReturn:
        """Raise the error for a value that is not accepted."""
        raise InvalidPayload("", _MUST_BE + self.expects)

    def read(self, value: Any) -> Any:
        """Return a value, or raise InvalidPayload."""
        read = self[type(value)]
        return value if read is None else read(value)

    def read_alike(self, values: list[Any]) -> list[Any] | None:
        """Return a list's values without a Python call for each; None if they need such calls."""
        first = type(values[0])
        builtin = self.builtins.get(first)
        if self[first] is not None and builtin is None:
            return None
        kinds = {*map(type, values)}
        if all(self[kind] is None for kind in kinds):
            return values.copy()
        try:
            return [*map(builtin, values)] if builtin and kinds == {first} else None
        except OverflowError:
            return None


def unchanged(expects: str, *kinds: type) -> Reader:
    """Return a reader that accepts all values of some JSON types."""
    return Reader(expects, dict.fromkeys(kinds))


def number() -> Reader:
    """Return a reader of finite numbers, as floats."""

    def read(value: Any) -> float:
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        return result if math.isfinite(result) else reader.refuse(value)

    reader = Reader("a number", {int: read, float: read}, {int: float})
    return reader


def literal(choices: tuple[Any, ...]) -> Reader:
    """Return a reader of these values. The types must match too, so true is not 1."""

    def among(accepted: frozenset[Any]) -> Read:
        return lambda value: value if value in accepted else reader.refuse(value)

    kinds = {type(choice) for choice in choices}
    of_each = {kind: frozenset(each for each in choices if type(each) is kind) for kind in kinds}
    reader = Reader(
        " or ".join(map(repr, choices)), {kind: among(each) for kind, each in of_each.items()}
    )
    return reader


def list_of(item: Reader) -> Reader:
    """Return a reader of a list. The reader `item` reads the list's items."""

    def read(value: list[Any]) -> list[Any]:
        if len(value) >= LONG and (alike := item.read_alike(value)) is not None:
            return alike
        items: list[Any] = []
        kind, read_item = None, None
        try:
            for each in value:
                if type(each) is not kind:  # usually all items have one type
                    kind = type(each)
                    read_item = item[kind]
                items.append(each if read_item is None else read_item(each))
        except InvalidPayload as error:
            raise _inside(f"[{len(items)}]", error) from None
        return items

    return Reader(READ_LIST.expects, {list: read})


def dict_of(member: Reader) -> Reader:
    """Return a reader of an object with any names. The reader `member` reads the values."""

    def read(value: dict[str, Any]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        name = ""
        try:
            for name, each in value.items():
                read_member = member[type(each)]
                members[name] = each if read_member is None else read_member(each)
        except InvalidPayload as error:
            raise _inside(name, error) from None
        return members

    return Reader(READ_OBJECT.expects, {dict: read})


def structure(
    make: Callable[..., Any] | None, members: Mapping[str, Reader], required: Sequence[str]
) -> Reader:
    """Return a reader of an object with these members. Unknown members are ignored.

    `make` is called with the present members as keyword arguments. If it is None, the reader
    returns a dict. The caller may add members until the first read.
    """
    get = members.get

    def read(value: dict[str, Any]) -> Any:
        if not value and not required:  # a message may have 43,000 empty objects
            return make() if make else {}
        for name in required:
            if name not in value:
                raise InvalidPayload(name, "is missing")
        arguments, name = value, ""
        try:
            for name, each in value.items():
                if (member := get(name)) is None:
                    arguments = value.copy() if arguments is value else arguments
                    del arguments[name]
                elif (read_member := member[type(each)]) is not None:
                    arguments = value.copy() if arguments is value else arguments
                    arguments[name] = read_member(each)
        except InvalidPayload as error:
            raise _inside(name, error) from None
        return make(**arguments) if make else {**arguments}

    return Reader(READ_OBJECT.expects, {dict: read})


def tagged(name: str, choices: Mapping[str, Reader]) -> Reader:
    """Return a reader of several structures. The value of the member `name` selects one."""
    tag = literal(tuple(choices))
    reads = {each: choice[dict] for each, choice in choices.items()}

    def read(value: dict[str, Any]) -> Any:
        if name not in value:
            raise InvalidPayload(name, "is missing")
        try:
            read_choice = reads[tag.read(value[name])]
        except InvalidPayload as error:
            raise _inside(name, error) from None
        return read_choice(value) if read_choice else value

    return Reader(READ_OBJECT.expects, {dict: read})


def one_of(choices: list[Reader]) -> Reader:
    """Return a reader that uses the first choice that accepts the value.

    At most one choice may be a structure, and at most one choice may be a list. Otherwise the time
    doubles with each level of a type that contains itself.
    """
    expects = " or ".join(each.expects for each in choices)
    reads = {kind: _choice(choices, kind) for each in choices for kind in each}
    first = {kind: each for each in reversed(choices) for kind in each}
    builtins = {kind: each.builtins[kind] for kind, each in first.items() if kind in each.builtins}
    return Reader(expects, reads, builtins)


def _choice(choices: list[Reader], kind: type) -> Read | None:
    """Return the function with which a union reads the values of one type."""
    takers = [(index, each[kind]) for index, each in enumerate(choices) if kind in each]
    first = takers[0][1]
    if first is None or (len(takers) == 1 and kind in (dict, list)):
        return first

    def read(value: Any) -> Any:
        errors: tuple[tuple[int, InvalidPayload], ...] = ()
        for index, read_choice in takers:
            try:
                return value if read_choice is None else read_choice(value)
            except InvalidPayload as error:
                errors += ((index, error),)
        raise _closest(choices, dict(errors))

    return read


def _closest(choices: list[Reader], errors: Mapping[int, InvalidPayload]) -> InvalidPayload:
    """Combine the errors of all choices into one error."""
    # If exactly one choice failed inside a member, the client probably meant that choice.
    inner = [error for error in errors.values() if error.field]
    if len(inner) == 1:
        return inner[0]
    expected = [
        each.expects
        for number, each in enumerate(choices)
        if number not in errors or not errors[number].field
    ]
    return InvalidPayload("", _MUST_BE + " or ".join(expected or ["of another type"]))


def model(kind: Any) -> Reader:
    """Return a reader of a pydantic model, without an import of pydantic."""

    def read(value: Any) -> Any:
        try:
            return kind.model_validate(value)
        except ValueError as error:
            if not hasattr(error, "errors"):
                raise
            # Without URLs and contexts, pydantic lists the errors in half the time.
            first = error.errors(include_url=False, include_context=False)[0]
            raise InvalidPayload(_path(first["loc"]), f"is refused: {first['msg']}") from None

    return Reader(f"a valid {kind.__name__}", dict.fromkeys(JSON_TYPES, read))


READ_LIST = unchanged("a list", list)
READ_OBJECT = unchanged("an object", dict)
ANYTHING = unchanged("any value", *JSON_TYPES)

SIMPLE: Mapping[Any, Reader] = {
    str: unchanged("a string", str),
    bool: unchanged("true or false", bool),
    int: unchanged("a whole number", int),
    float: number(),
    NoneType: unchanged("null", NoneType),
    None: unchanged("null", NoneType),
    Any: ANYTHING,
    object: ANYTHING,
    list: READ_LIST,
    dict: READ_OBJECT,
}
"""The readers of the types without parameters."""


def _inside(name: str, error: InvalidPayload) -> InvalidPayload:
    return InvalidPayload(_joined(name, error.field), error.reason)


def _joined(outer: str, inner: str) -> str:
    return f"{outer}{inner}" if not inner or inner.startswith("[") else f"{outer}.{inner}"


def _path(parts: tuple[int | str, ...]) -> str:
    path = ""
    for part in reversed(parts):
        path = _joined(f"[{part}]" if isinstance(part, int) else part, path)
    return path
