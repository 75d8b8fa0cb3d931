"""Validate a JSON value against a route's declared payload type.

`payload_reader` returns a function for a type. The function returns the value, or raises
`InvalidPayload` with the path of the problem, such as `points[0].x`. Unsupported types are refused
when the application is imported.
"""

import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Callable, Container, Mapping, Sequence
from types import NoneType
from typing import Any

from decanter.runtime.errors import DeclarationError, InvalidPayload, NotAnObject

Read = Callable[[Any], Any]
_MUST_BE = "must be "
JSON_TYPES = (dict, list, str, int, float, bool, NoneType)


def scalar(expects: str, accepts: Callable[[Any], bool]) -> Read:
    """Return a reader that accepts a value unchanged or refuses it."""

    def read(value: Any) -> Any:
        if not accepts(value):
            raise InvalidPayload("", _MUST_BE + expects)
        return value

    return read


def read_float(value: Any) -> float:
    """Return a finite number as a float."""
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidPayload("", _MUST_BE + "a number")
    return number


def literal(choices: tuple[Any, ...]) -> Read:
    """Return a reader of these values. The type counts too: true is not 1."""
    kinds = [(type(choice), choice) for choice in choices]
    return scalar(" or ".join(map(repr, choices)), lambda value: (type(value), value) in kinds)


def list_of(item: Read) -> Read:
    """Return a reader of a list whose items have one type."""

    def read(value: Any) -> list[Any]:
        READ_LIST(value)
        items: list[Any] = []
        try:
            for each in value:
                items.append(item(each))  # noqa: PERF401 - their number is the index of a bad one
        except InvalidPayload as error:
            raise _inside(f"[{len(items)}]", error) from None
        return items

    return read


def dict_of(member: Read) -> Read:
    """Return a reader of an object with any names, whose values have one type."""

    def read(value: Any) -> dict[str, Any]:
        READ_OBJECT(value)
        return {name: _member(member, each, name) for name, each in value.items()}

    return read


def structure(make: Callable[..., Any], members: Mapping[str, Read], required: set[str]) -> Read:
    """Return a reader of an object with these members. Unknown members are ignored.

    Args:
        make: called with the members that are present, as keyword arguments.
        members: the reader of each; may be filled later, for a recursive type.
        required: the members that must be present.
    """

    def read(value: Any) -> Any:
        READ_OBJECT(value)
        for name in members:
            if name in required and name not in value:
                raise InvalidPayload(name, "is missing")
        arguments: dict[str, Any] = {}
        name = ""
        try:
            for name, member in members.items():
                if name in value:
                    arguments[name] = member(value[name])
        except InvalidPayload as error:
            raise _inside(name, error) from None
        return make(**arguments)

    return read


def tagged(name: str, choices: Mapping[Any, Read]) -> Read:
    """Return a reader of one of several structures, which the value of a member names."""
    tag = literal(tuple(choices))

    def read(value: Any) -> Any:
        READ_OBJECT(value)
        if name not in value:
            raise InvalidPayload(name, "is missing")
        return choices[_member(tag, value[name], name)](value)

    return read


def one_of(choices: list[Read], takes: Sequence[Container[type]] = ()) -> Read:
    """Return a reader that tries each choice and returns the first success.

    At most one choice may be a structure, and one a list. Otherwise the time doubles with each
    level of a type that contains itself. Choices that take the value's type are tried first.
    """
    usual = range(len(choices))
    orders = {
        kind: sorted(usual, key=[kind not in taken for taken in takes].__getitem__)
        for kind in (JSON_TYPES if takes else ())
    }

    def read(value: Any) -> Any:
        errors: dict[int, InvalidPayload] = {}
        for index in orders.get(type(value), usual):
            try:
                return choices[index](value)
            except InvalidPayload as error:
                errors[index] = error
        raise _closest([errors[index] for index in usual])

    return read


def _closest(errors: list[InvalidPayload]) -> InvalidPayload:
    """Return one error that covers the errors of all choices."""
    # If exactly one choice failed inside a member, the client probably meant that choice.
    inner = [error for error in errors if error.field]
    if len(inner) == 1:
        return inner[0]
    expected = [error.reason.removeprefix(_MUST_BE) for error in errors if not error.field]
    return InvalidPayload("", _MUST_BE + " or ".join(expected or ["of another type"]))


def model(kind: Any) -> Read:
    """Return a reader of a pydantic model, without an import of pydantic."""

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
    except InvalidPayload as error:
        raise _inside(name, error) from None


def _inside(name: str, error: InvalidPayload) -> InvalidPayload:
    return InvalidPayload(_joined(name, error.field), error.reason)


def _joined(outer: str, inner: str) -> str:
    return f"{outer}{inner}" if not inner or inner.startswith("[") else f"{outer}.{inner}"


def _path(parts: tuple[int | str, ...]) -> str:
    path = ""
    for part in reversed(parts):
        path = _joined(f"[{part}]" if isinstance(part, int) else part, path)
    return path


READABLE = (
    "str, int, float, bool, None, Any, list[…], dict[str, …], Literal[…], a union of these, "
    "a dataclass, a TypedDict or a pydantic model"
)

_Known = dict[Any, Read]


def structure_reader(declared: Any, name: str, where: str) -> Read:
    """Return the reader of a parameter's type.

    Args:
        declared: the function.
        name: the parameter's name.
        where: the function's name and module, for the error.

    Raises:
        DeclarationError: the type is not a structure, or it is not supported.
    """
    kind = _hints(declared, where).get(name)
    if not _is_structure(kind) and not _is_model(kind):
        raise DeclarationError(
            f"{where}: annotate {name!r} with the type of its payload: "
            "a dataclass, a TypedDict or a pydantic model"
        )
    return type_reader(kind, f"{where}: {name}", {})


def type_reader(kind: Any, where: str, known: _Known) -> Read:
    """Return the reader of a type; a DeclarationError if it is not supported.

    Args:
        kind: the type.
        where: its place, for the error.
        known: the readers of the enclosing structures; a recursive type refers to one of them.
    """
    if read := _parametrized(typing.get_origin(kind), typing.get_args(kind), where, known):
        return read
    if isinstance(kind, type | None) or kind is Any:
        if kind in SIMPLE:
            return SIMPLE[kind]
        if _is_model(kind):
            return model(kind)
        if _is_structure(kind):
            return known.get(kind) or _structure(kind, where, known)
    name = kind.__name__ if isinstance(kind, type) else repr(kind)
    raise DeclarationError(f"{where} is {name}, which cannot be validated: use {READABLE}")


def _parametrized(
    origin: Any, arguments: tuple[Any, ...], where: str, known: _Known
) -> Read | None:
    if origin is list:
        return list_of(type_reader(arguments[0], f"{where}[]", known))
    if origin is dict and arguments[0] is str:
        return dict_of(type_reader(arguments[1], f"{where}[]", known))
    if origin in (typing.Union, types.UnionType):
        return _union(arguments, where, known)
    return literal(arguments) if origin is typing.Literal else None


def _union(choices: tuple[Any, ...], where: str, known: _Known) -> Read:
    """Return the reader of a union; its structures must be distinguishable by one member."""
    structures = [each for each in choices if _is_structure(each) or _is_model(each)]
    objects = [each for each in choices if each is dict or typing.get_origin(each) is dict]
    lists = [each for each in choices if each is list or typing.get_origin(each) is list]
    if len(lists) > 1 or (objects and len(structures + objects) > 1):
        raise DeclarationError(
            f"{where} is a union of types that look alike in JSON: declare one list or one object, "
            "and the union for its items"
        )
    if len(structures) > 1:
        choices = tuple(each for each in choices if each not in structures[1:])
    readers = [
        _tagged(structures, where, known)
        if len(structures) > 1 and each is structures[0]
        else type_reader(each, where, known)
        for each in choices
    ]
    return one_of(readers, [*map(_takes, choices)]) if len(readers) > 1 else readers[0]


def _takes(kind: Any) -> Container[type]:
    """Return the types of JSON values that a type may accept."""
    origin = typing.get_origin(kind) or kind
    if origin is typing.Literal:
        return {type(value) for value in typing.get_args(kind)}
    if origin is float:
        return {int, float}
    if origin in JSON_TYPES:
        return {origin}
    return {dict} if _is_structure(kind) else JSON_TYPES


def _tagged(structures: list[Any], where: str, known: _Known) -> Read:
    if not any(map(_is_model, structures)):
        hints = [_hints(each, where) for each in structures]
        for name in hints[0]:
            tags = [_tags(each.get(name)) for each in hints]
            if all(tags) and len({tag for some in tags for tag in some}) == sum(map(len, tags)):
                readers = [type_reader(each, where, known) for each in structures]
                pairs = zip(tags, readers, strict=True)
                return tagged(name, {tag: read for some, read in pairs for tag in some})
    names = " and ".join(each.__name__ for each in structures)
    raise DeclarationError(
        f"{where} is a union of {names}, which nothing distinguishes: give each a member such as "
        f'kind: Literal["{structures[0].__name__.lower()}"], or put models into one model'
    )


def _tags(kind: Any) -> tuple[str, ...]:
    """Return the texts of a Literal; empty for any other type."""
    values = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
    return values if all(isinstance(value, str) for value in values) else ()


def _structure(kind: Any, where: str, known: _Known) -> Read:
    members: dict[str, Read] = {}
    hints = _hints(kind, where)
    names, required = _members(kind, where)
    known[kind] = structure(kind, members, required)
    members |= {name: type_reader(hints[name], f"{where}.{name}", known) for name in names}
    return known[kind]


def _members(kind: type, where: str) -> tuple[list[str], set[str]]:
    """Return the names of a structure's members, and of the required ones."""
    if not dataclasses.is_dataclass(kind):
        return _keys(kind)
    names = [each.name for each in dataclasses.fields(kind) if each.init]
    parameters = inspect.signature(kind.__init__).parameters
    if {*parameters} != {"self", *names}:
        raise DeclarationError(
            f"{where}: {kind.__qualname__} is not made from its fields alone: "
            "remove its InitVar or its own __init__"
        )
    return names, {name for name in names if parameters[name].default is inspect.Parameter.empty}


def _keys(kind: Any) -> tuple[list[str], set[str]]:
    """Return the keys of a TypedDict, and the required ones.

    Postponed annotations hide `Required` and `NotRequired` when Python makes the class, so they are
    looked for again.
    """
    marks = {
        name: typing.get_origin(hint)
        for name, hint in typing.get_type_hints(kind, include_extras=True).items()
    }
    required = {name for name, mark in marks.items() if mark is typing.Required}
    unmarked = {name for name, mark in marks.items() if mark is not typing.NotRequired}
    return [*marks], required | (unmarked & kind.__required_keys__)


def _is_structure(kind: Any) -> bool:
    return typing.is_typeddict(kind) or (isinstance(kind, type) and dataclasses.is_dataclass(kind))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and callable(getattr(kind, "model_validate", None))


def _hints(declared: Any, where: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(declared)
    except NameError as error:
        raise DeclarationError(f"{where}: an annotation cannot be read: {error}") from error


def payload_reader(function: Callable[..., Any]) -> Read | None:
    """Return the payload reader of a route's function; None if it takes only the request.

    Raises:
        DeclarationError: the payload's type is not supported.
    """
    where = f"{function.__name__} ({function.__module__})"
    parameters = inspect.signature(function).parameters.values()
    required = [each for each in parameters if each.default is each.empty]
    if len(required) not in (1, 2):
        raise DeclarationError(f"{where} must take a request, or a request and a payload")
    if len(required) == 1:
        return None
    read_object = structure_reader(function, required[1].name, where)

    def read(document: Any) -> Any:
        if not isinstance(document, dict):
            raise NotAnObject
        return read_object(document)

    return read
