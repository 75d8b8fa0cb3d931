"""Signatures as docs/reference/api.md writes them: without annotations, `…` for other defaults."""

import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from pynamodb.models import Model

import decanter
import decanter.testing

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
SHOWN = (str, int, float, bool, tuple, type(None))
_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def rows() -> list[str]:
    """Return the first cell of each row of the page."""
    return _ROW.findall(PAGE.read_text(encoding="utf-8"))


def entries() -> Iterator[str]:
    """Yield what the page must have: each public name, and what its class defines itself."""
    for module in (decanter, decanter.testing):
        for name in module.__all__:
            member = getattr(module, name)
            if inspect.isclass(member) and not issubclass(member, Model):
                yield written(name, member)
                yield from _members(name, member)
            else:
                yield written(name, member) if inspect.isfunction(member) else name


def _members(name: str, kind: type) -> Iterator[str]:
    for key, member in _of_class(kind).items():
        if key.startswith("_"):
            continue
        if inspect.isfunction(member):
            yield written(f"{name}.{key}", member)
        elif isinstance(member, property | cached_property):
            yield f"{name}.{key}"


def _of_class(kind: type) -> dict[str, Any]:
    """Return the members of a class, with those of a base that has no public name.

    An exception has only its own: its base is in the tree of the errors' page.
    """
    found: dict[str, Any] = {}
    for base in () if issubclass(kind, Exception) else kind.__mro__[1:]:
        if base.__name__ in (*decanter.__all__, *decanter.testing.__all__):
            break
        if base.__module__.startswith("decanter."):
            found = {**vars(base), **found}
    return {**found, **vars(kind)}


def written(name: str, member: Any) -> str:
    """Write a name with its parameters; an exception without a constructor takes any."""
    if inspect.isclass(member) and "__init__" not in _defined(member):
        return f"{name}(*args)" if issubclass(member, Exception) else f"{name}()"
    parameters = inspect.signature(member).parameters.values()
    return f"{name}({', '.join(_parameters(parameters))})"


def _defined(kind: type) -> set[str]:
    ours = [base for base in kind.__mro__ if base.__module__.startswith("decanter")]
    return {
        "__init__" if name == "__new__" else name
        for base in ours
        for name in vars(base)
        if name in ("__init__", "__new__")
    }


def _parameters(parameters: Iterable[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for each in parameters:
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        yield _parameter(each)


def _parameter(each: inspect.Parameter) -> str:
    stars: dict[object, int] = {each.VAR_POSITIONAL: 1, each.VAR_KEYWORD: 2}
    prefix = "*" * stars.get(each.kind, 0)
    if each.default is each.empty:
        return f"{prefix}{each.name}"
    default = repr(each.default) if isinstance(each.default, SHOWN) else "…"
    return f"{each.name}={default}".replace("'", '"')
