"""Find Chalice's decorators that an app writes without parentheses.

`@app.on_ws_message` without parentheses passes the function to Chalice as an argument. Chalice then
returns a decorator, and registers nothing. Source: Chalice 1.34, `app.py`.

In the project's own environment, this file is loaded by its path, as `app_process` is.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

DECORATORS = ("_register_handler", "_middleware_wrapper")
"""The names of the decorators that Chalice's methods return."""

WITHOUT_ARGUMENTS = ("authorizer", "lambda_function", "middleware", "on_ws_")
"""The prefixes of the names of methods that need no arguments."""


def missing_parentheses(modules: Iterable[ModuleType]) -> Iterator[str]:
    """Yield a line for each decorator without parentheses in these modules."""
    for module in modules:
        names = {id(value): name for name, value in vars(module).items()}
        for value in [*vars(module).values()]:
            if not isinstance(value, FunctionType) or value.__name__ not in DECORATORS:
                continue
            is_chalices = value.__module__ == "chalice.app"
            given = inspect.getclosurevars(value).nonlocals if is_chalices else {}
            function = next(filter(callable, arguments(given)), None)
            if function is not None:
                method = given.get("handler_type", "middleware")
                written = f"@{names.get(id(given['self']), 'app')}.{method}"
                end = "()" if method.startswith(WITHOUT_ARGUMENTS) else "(…)"
                yield (
                    f"{module.__name__}.{getattr(function, '__name__', names[id(value)])}: "
                    f"{written} has no parentheses, so Chalice registers no function. "
                    f"Write {written}{end}"
                )


def arguments(given: Mapping[str, Any]) -> list[Any]:
    """Return the arguments of the call that made a decorator, from the decorator's closure."""
    return [
        given.get("name"),
        given.get("event_type"),
        *(given.get("registration_kwargs") or {}).values(),
    ]
