"""Mistakes in an app's code that Python and Chalice accept, although the code does not work.

In the project's own environment, this file is loaded by its path, as `app_process` is.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import textwrap
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

ROUTES, ROUTER = "decanter.runtime.routing.routes", "decanter.runtime.routing.router"
CHANNELS = "decanter.runtime.channels.declaration"
NO_RUNNER = (
    "no Lambda function, route or hook of the app runs this function, or a decorator between them "
    "hides it. Put @uses directly below the decorator of Chalice or of the router"
)


def refusals(
    functions: Iterable[Any],
    connect: Any,
    routes: Mapping[str, Any],
    modules: Iterable[ModuleType],
) -> Iterator[str]:
    """Yield a line for each mistake because of which Decanter refuses the app.

    `functions` are the functions that Chalice calls. `connect` is the function for `$connect`, or
    None. `routes` has the entry of each HTTP route, by path and method. `modules` are the modules
    of the app.
    """
    for function in functions:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            yield (
                f"{place(function)} is async, but Chalice calls it without await, and its code "
                "never runs: write def instead of async def"
            )
        elif inspect.isgeneratorfunction(function):
            yield (
                f"{place(function)} contains yield, so Chalice's call runs none of its code: write "
                "return instead of yield"
            )
    for call in discarded_answers(connect):
        yield (
            f"{place(connect)} discards the router's answer, so API Gateway accepts clients that "
            f"the router refuses: write return {call}"
        )
    yield from failing_routes(routes)
    for function, what in deciding(modules):
        if returns_nothing(function):
            yield (
                f"{place(function)} returns no value, so no client may {what}: write return True "
                "for the clients that may"
            )


def failing_routes(routes: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each HTTP route that API Gateway cannot have, or that always fails."""
    for path, entries in routes.items():
        if not path.startswith("/") or (path.endswith("/") and path != "/"):
            yield (
                f'the path of the HTTP route "{path}" must start with a slash and not end with '
                f'one: write "/{path.strip("/")}"'
            )
        for entry in entries.values():
            try:
                signature = inspect.signature(entry.view_function, follow_wrapped=False)
            except (TypeError, ValueError):  # its parameters are not known
                continue
            try:
                signature.bind(**dict.fromkeys(entry.view_args))
            except TypeError:
                yield (
                    f"{place(entry.view_function)} has the parameters {signature}, but Chalice "
                    f"calls it with ({', '.join(entry.view_args)}), as its path {path} has them: "
                    "use the same names in both"
                )


def deciding(modules: Iterable[ModuleType]) -> Iterator[tuple[Any, str]]:
    """Yield each function that authorizes an action of a client, with the action in words."""
    channel = getattr(sys.modules.get(CHANNELS), "Channel", None)
    routes = [getattr(sys.modules.get(ROUTES), "Routes", None)]
    routes.append(getattr(sys.modules.get(ROUTER), "Router", None))
    for value in (it for module in modules for it in [*vars(module).values()]):
        if type(value) is channel:
            yield value.authorize, f"subscribe to {value.pattern.source!r}"
        elif type(value) in routes:
            for key, route in value.declared.items():
                yield route.allow, f"use route {key!r}"


def returns_nothing(function: Any) -> bool:
    """Return True if a function, according to its source, can only return None."""
    try:
        tree = tree_of(function)
    except UNREADABLE:
        return False
    if not (
        tree.body and isinstance(tree.body[0], ast.FunctionDef)
    ):  # such as the statement with a lambda
        return False
    return not any(
        isinstance(node, ast.Raise) or (isinstance(node, ast.Return) and node.value is not None)
        for node in ast.walk(tree)
    )


UNREADABLE = (AttributeError, OSError, SyntaxError, TypeError, ValueError, tokenize.TokenError)
"""The errors for a function without source, or whose file has changed."""


def tree_of(function: Any) -> ast.Module:
    """Return the syntax tree of a function's source. The function must not be a wrapper.

    `inspect.getsource` looks at the files of all imported modules, which takes 20 ms.
    """
    code = function.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    if not lines:
        raise OSError(f"{code.co_filename} cannot be read")
    return ast.parse(textwrap.dedent("".join(inspect.getblock(lines))))


def place(function: Any) -> str:
    """Return a function's name and module."""
    return f"{function.__name__} ({function.__module__})"


def discarded_answers(function: Any) -> Iterator[str]:
    """Yield each call of a router's `handle` whose result the function does not use."""
    try:
        wrapped = inspect.unwrap(function)
        known, tree = inspect.getclosurevars(wrapped), tree_of(wrapped)
    except UNREADABLE:
        return
    names = {**known.globals, **known.nonlocals}
    router = getattr(sys.modules.get(ROUTER), "Router", ())
    for node in ast.walk(tree):
        called = handle_of(node)
        if called is not None and isinstance(value_of(called.value, names), router):
            yield ast.unparse(node)


def handle_of(node: ast.AST) -> ast.Attribute | None:
    """Return the method of a statement like `router.handle(event)`; None for any other node."""
    call = node.value if isinstance(node, ast.Expr) else None
    called = call.func if isinstance(call, ast.Call) else None
    return called if isinstance(called, ast.Attribute) and called.attr == "handle" else None


def value_of(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of a name or of an attribute, such as `live.router`; None if unknown."""
    if isinstance(node, ast.Attribute):
        return getattr(value_of(node.value, names), node.attr, None)
    return names.get(node.id) if isinstance(node, ast.Name) else None


class Unused(NamedTuple):
    """A `Routes` object that is not included in a router, and the functions that it declares."""

    name: str
    module: str
    functions: list[Any]

    @property
    def text(self) -> str:
        """The warning for the user."""
        return (
            f"{self.name} of {self.module} is not included, so no message reaches its routes and "
            f"hooks: write router.include({self.name}) below their declarations"
        )


def unused_routes(modules: Iterable[ModuleType]) -> list[Unused]:
    """Return the `Routes` objects that have declarations, but are not included in a router."""
    kind, found = getattr(sys.modules.get(ROUTES), "Routes", None), {}
    for module in modules:
        for name, value in [*vars(module).items()]:
            # `_closed` is the reason why nothing more can be declared, such as a call of `include`.
            if type(value) is not kind or getattr(value, "_closed", True) or id(value) in found:
                continue
            if functions := [*declared_in(value)]:
                found[id(value)] = Unused(name, module.__name__, functions)
    return [*found.values()]


def declared_in(routes: Any) -> Iterator[Any]:
    """Yield the functions of all routes and hooks of a `Routes` object."""
    for route in routes.declared.values():
        yield from filter(None, [route.function, route.allow])
    yield from (*routes.connect_hooks, *routes.disconnect_hooks, *routes.message_hooks)
    yield from (*routes.around, *routes.error_handlers.values())


def unused_rights(
    framework: Any, groups: Iterable[Mapping[str, Any]], unused: Sequence[Unused]
) -> Iterator[str]:
    """Yield a line for each `@uses` on a function that no Lambda function runs.

    `framework` is the framework's module for rights; None if the app did not import the framework.
    `groups` have the rights that functions add to Lambda functions, by the Lambda function's name.
    """
    if framework is None:
        return
    found = {
        each["uses"]["place"]
        for group in groups
        for contributions in group.values()
        for each in contributions
        if each["uses"]
    }
    excluded = {framework.place_of(function): it for it in unused for function in it.functions}
    for name in dict.fromkeys(each.place for each in framework.declared):
        if name not in found:
            why = excluded[name].text if name in excluded else NO_RUNNER
            yield f"@uses of {name} grants nothing: {why}"
