"""From a type, as an application writes it, to what reads its values."""

import dataclasses
import types
import typing
from typing import Any

from .errors import DeclarationError
from .readers import SIMPLE, Read, dict_of, list_of, literal, model, one_of, structure

READABLE = (
    "str, int, float, bool, None, Any, list[…], dict[str, …], Literal[…], a union of such, "
    "a dataclass, a TypedDict or a pydantic model"
)

_Known = dict[Any, Read]


def structure_reader(declared: Any, name: str, where: str) -> Read:
    """What reads the type of a function's parameter.

    Args:
        declared: the function.
        name: the parameter's.
        where: the function is, for the error.

    Raises:
        DeclarationError: it is no structure, or cannot be validated.
    """
    kind = _hints(declared, where).get(name)
    if not _is_structure(kind) and not _is_model(kind):
        raise DeclarationError(
            f"{where}: annotate {name!r} with the type of its payload: "
            "a dataclass, a TypedDict or a pydantic model"
        )
    return _read(kind, f"{where}: {name}", {})


def _read(kind: Any, where: str, known: _Known) -> Read:
    """What reads a type.

    Args:
        kind: the type.
        where: it stands, for the error.
        known: the structures around it, which it may name again.
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
        return list_of(_read(arguments[0], f"{where}[]", known))
    if origin is dict and arguments[0] is str:
        return dict_of(_read(arguments[1], f"{where}[]", known))
    if origin in (typing.Union, types.UnionType):
        return one_of([_read(choice, where, known) for choice in arguments])
    return literal(arguments) if origin is typing.Literal else None


def _structure(kind: Any, where: str, known: _Known) -> Read:
    members: dict[str, Read] = {}
    hints = _hints(kind, where)
    names, required = _members(kind, hints)
    known[kind] = structure(kind, members, required)
    members |= {name: _read(hints[name], f"{where}.{name}", known) for name in names}
    return known[kind]


def _members(kind: Any, hints: dict[str, Any]) -> tuple[list[str], set[str]]:
    """The names of a structure's members, and of those that have to be there."""
    if not dataclasses.is_dataclass(kind):
        return [*hints], set(kind.__required_keys__)
    fields = [each for each in dataclasses.fields(kind) if each.init]
    unset = dataclasses.MISSING
    required = {e.name for e in fields if e.default is unset and e.default_factory is unset}
    return [each.name for each in fields], required


def _is_structure(kind: Any) -> bool:
    return typing.is_typeddict(kind) or (isinstance(kind, type) and dataclasses.is_dataclass(kind))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and callable(getattr(kind, "model_validate", None))


def _hints(declared: Any, where: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(declared)
    except NameError as error:
        raise DeclarationError(f"{where}: an annotation cannot be read: {error}") from error
