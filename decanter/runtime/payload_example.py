"""Examples of payloads, for the console and the client. On AWS, no code imports this file."""

import contextlib
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

SIMPLE: Mapping[Any, Any] = {
    str: "text",
    bool: True,
    int: 1,
    float: 1.5,
    Any: "anything",
    object: "anything",
    list: [],
    dict: {},
}
FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "6f1f9f2e-6c1b-4c5e-9b6a-0f4b8d6f2a11",
}


class _EndlessError(Exception):
    """A type contains itself, so its example would have no end."""


def payload_example(function: Callable[..., Any], read: Callable[[Any], Any]) -> Any:
    """Return an example of the payload that a route's function takes, as a JSON value.

    Return None if no example can be created, or if `read`, the route's validation, refuses it.
    """
    name = [*inspect.signature(function).parameters][1]
    try:
        example = example_of(typing.get_type_hints(function)[name])
        read(example)
    except Exception:  # noqa: BLE001 - a validator of the application may raise anything
        return None
    return example


def example_of(kind: Any, around: tuple[Any, ...] = ()) -> Any:
    """Return an example of a type, as a JSON value.

    `around` contains the enclosing structures. In the example, a list of such structures is empty.

    Raises:
        _EndlessError: the type is one of the enclosing structures, or always contains one.
    """
    if kind in around:
        raise _EndlessError
    if callable(getattr(kind, "model_json_schema", None)):
        return Schemas(kind.model_json_schema()).example()
    if typing.is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _structure(kind, (*around, kind))
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    makers: Mapping[Any, Callable[[], Any]] = {
        list: lambda: _or_empty([arguments[0]], lambda item: [example_of(item, around)], []),
        dict: lambda: _or_empty([arguments[1]], lambda v: {"name": example_of(v, around)}, {}),
        typing.Literal: lambda: arguments[0],
        typing.Union: lambda: _or_empty(arguments, lambda each: example_of(each, around), None),
        types.UnionType: lambda: _or_empty(arguments, lambda each: example_of(each, around), None),
    }
    return makers[origin]() if origin in makers else SIMPLE.get(kind)


def _or_empty(choices: Sequence[Any], make: Callable[[Any], Any], empty: Any) -> Any:
    """Return an example of the first choice that has a finite example; `empty` if none has one."""
    for choice in choices:
        with contextlib.suppress(_EndlessError):
            return make(choice)
    return empty


def _structure(kind: Any, around: tuple[Any, ...]) -> dict[str, Any]:
    """Return an object with the required members, or with all members if none is required."""
    hints = typing.get_type_hints(kind)
    names = [*hints]
    required: Collection[str] = getattr(kind, "__required_keys__", ())
    if not typing.is_typeddict(kind):
        unset = dataclasses.MISSING
        fields = [each for each in dataclasses.fields(kind) if each.init]
        names = [each.name for each in fields]
        required = {e.name for e in fields if e.default is unset and e.default_factory is unset}
    chosen = [name for name in names if name in required] or names
    return {name: example_of(hints[name], around) for name in chosen}


class Schemas:
    """Creates examples for the JSON schema of a pydantic model."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._known = schema.get("$defs", {})

    def example(self) -> Any:
        """Return an example, which may be invalid, because some keywords are ignored."""
        return self._of(self._schema, ())

    def _of(self, schema: Mapping[str, Any], around: tuple[str, ...]) -> Any:
        if reference := schema.get("$ref"):
            if reference in around:
                raise _EndlessError
            name = reference.rpartition("/")[2]
            return self._of(self._known[name], (*around, reference))
        given = [schema[name] for name in ("const", "default") if name in schema]
        given += [each for name in ("examples", "enum") for each in schema.get(name, [])]
        if given:
            return given[0]
        if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            return _or_empty(choices, lambda each: self._of(each, around), None)
        return self._of_type(schema, around)

    def _of_type(self, schema: Mapping[str, Any], around: tuple[str, ...]) -> Any:
        def members() -> dict[str, Any]:
            properties = schema.get("properties", {})
            chosen = schema.get("required") or properties
            return {name: self._of(properties[name], around) for name in chosen}

        def items() -> Any:
            item = schema.get("items", {})
            return _or_empty([item], lambda each: [self._of(each, around)], [])

        makers: Mapping[Any, Callable[[], Any]] = {
            "object": members,
            "array": items,
            "string": lambda: _string(schema),
            "integer": lambda: _number(schema),
            "number": lambda: _number(schema),
            "boolean": lambda: True,
            "null": lambda: None,
        }
        return makers.get(schema.get("type"), lambda: SIMPLE[Any])()


def _string(schema: Mapping[str, Any]) -> str:
    text: str = FORMATS.get(schema.get("format", ""), SIMPLE[str])
    return text.ljust(schema.get("minLength", 0), "t")[: schema.get("maxLength")]


def _number(schema: Mapping[str, Any]) -> Any:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    return min(least, schema.get("maximum", least))
