"""Validate a JSON value against the declared type of a payload.

Unsupported types are refused when the application is imported.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any

from decanter.runtime.errors import DeclarationError, NotAnObject
from decanter.runtime.functions import place
from decanter.runtime.payload_readers import (
    JSON_TYPES,
    SIMPLE,
    Read,
    Reader,
    dict_of,
    list_of,
    literal,
    model,
    one_of,
    structure,
    tagged,
)

READABLE = (
    "str, int, float, bool, None, Any, list[…], dict[str, …], Literal[…], a union of these, "
    "a dataclass, a TypedDict or a pydantic model"
)

_Known = dict[Any, Reader]


def structure_reader(declared: Any, name: str, where: str) -> Reader:
    """Return the reader for the type of the parameter `name`.

    Raises:
        DeclarationError: the type is not a structure or a model, or it is not supported.
    """
    kind = _hints(declared, where).get(name)
    if not _is_structure(kind) and not _is_model(kind):
        raise DeclarationError(
            f"{where}: annotate {name!r} with the type of its payload: "
            "a dataclass, a TypedDict or a pydantic model"
        )
    return type_reader(kind, f"{where}: {name}", {})


def type_reader(kind: Any, where: str, known: _Known) -> Reader:
    """Return the reader for a type. `known` contains the readers that recursive types use."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (list, dict) and not arguments:
        kind = origin  # typing.List or typing.Dict without arguments
    elif read := _parametrized(origin, arguments, where, known):
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
) -> Reader | None:
    if origin is list:
        return list_of(type_reader(arguments[0], f"{where}[]", known))
    if origin is dict and arguments[0] is str:
        return dict_of(type_reader(arguments[1], f"{where}[]", known))
    if origin in (typing.Union, types.UnionType):
        return _union(arguments, where, known)
    if origin is typing.Literal:
        return _literal(arguments, where)
    return None


def _literal(values: tuple[Any, ...], where: str) -> Reader:
    for value in values:
        if type(value) not in JSON_TYPES:
            raise DeclarationError(
                f"{where} has the literal {value!r}, which JSON does not have: use a string, a "
                "whole number, true, false or null"
            )
    return literal(values)


def _union(choices: tuple[Any, ...], where: str, known: _Known) -> Reader:
    """Return the reader for a union. Its structures must differ in the value of one member."""
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
    return one_of(readers) if len(readers) > 1 else readers[0]


def _tagged(structures: list[Any], where: str, known: _Known) -> Reader:
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
    """Return the strings of a Literal type, or an empty tuple for any other type."""
    values = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
    return values if all(isinstance(value, str) for value in values) else ()


def _structure(kind: Any, where: str, known: _Known) -> Reader:
    members: dict[str, Reader] = {}
    hints = _hints(kind, where)
    names, required = _members(kind, where)
    make = None if typing.is_typeddict(kind) else kind
    known[kind] = structure(make, members, [name for name in names if name in required])
    members |= {name: type_reader(hints[name], f"{where}.{name}", known) for name in names}
    return known[kind]


def _members(kind: type, where: str) -> tuple[list[str], set[str]]:
    """Return the names of a structure's members, and the names of the required members."""
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
    """Return the keys of a TypedDict, and the required keys.

    Postponed annotations hide `Required` and `NotRequired` when Python creates the class, so this
    function reads the annotations again.
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
    except (NameError, SyntaxError, AttributeError, TypeError) as error:
        raise DeclarationError(f"{where}: an annotation cannot be read: {error}") from error


def payload_reader(function: Callable[..., Any]) -> Read | None:
    """Return the payload reader of a route's function; None if the function takes only the request.

    The reader returns the payload, or raises `InvalidPayload` or `NotAnObject`.

    Raises:
        DeclarationError: the function takes other arguments, or the payload's type is not
            supported.
    """
    where = place(function)
    parameters = inspect.signature(function).parameters.values()
    required = [each for each in parameters if each.default is each.empty]
    if len(required) not in (1, 2):
        raise DeclarationError(f"{where} must take a request, or a request and a payload")
    if len(required) == 1:
        return None
    read_object = structure_reader(function, required[1].name, where).read

    def read(document: Any) -> Any:
        if not isinstance(document, dict):
            raise NotAnObject
        return read_object(document)

    return read
