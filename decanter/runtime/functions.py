"""Checks of an application's declarations when app.py is imported."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from decanter.runtime.errors import DeclarationError

P = ParamSpec("P")
T = TypeVar("T")


def name_of(given: object) -> str:
    """Return the name of a class, a function or a module; for another value, its repr."""
    return str(getattr(given, "__name__", None) or repr(given))


def place(function: object) -> str:
    """Return the name and module of a function, or of an object's class, for error messages."""
    named: Any = function if hasattr(function, "__name__") else type(function)
    return f"{named.__name__} ({named.__module__})"


def named_arguments(example: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Refuse a decorator's positional or unknown arguments, and its use without parentheses."""

    def check(decorator: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(decorator)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            name, signature = decorator.__name__, inspect.signature(decorator)
            if args:
                raise DeclarationError(
                    f"@{name} takes only named arguments, not {name_of(args[0])}: write {example}"
                )
            try:
                signature.bind(**kwargs)
            except TypeError as error:
                raise DeclarationError(
                    f"@{name} {error}: its arguments are {', '.join(signature.parameters)}, "
                    f"as in {example}"
                ) from None
            return decorator(*args, **kwargs)

        return checked

    return check


def complete(example: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Refuse a call of a public function with a missing argument or with too many arguments.

    Args:
        example: how to write the call; it is part of the error's text.
    """

    def check(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except TypeError:
                try:
                    inspect.signature(function).bind(*args, **kwargs)
                except TypeError as error:
                    raise DeclarationError(f"{error}: write {example}") from None
                raise

        return checked

    return check


def without_parentheses(decorator: Callable[P, T]) -> Callable[P, T]:
    """Refuse a method's use as a decorator with empty parentheses."""

    @functools.wraps(decorator)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        if len(args) == 1 and not kwargs:  # only `self`
            name = decorator.__name__
            raise DeclarationError(f"@{name}() gets no function: write @{name} without parentheses")
        return decorator(*args, **kwargs)

    return checked


def check_called(decorator: str, argument: object, example: str, *, is_valid: bool) -> None:
    """Check that a decorator has its argument.

    Without parentheses, `argument` is the decorated function. The `example` is an argument for the
    error message; `{}` stands for the function's name.

    Raises:
        DeclarationError: the decorator has no parentheses, or its argument is invalid.
    """
    if inspect.isfunction(argument):
        example = example.replace("{}", argument.__name__)
        raise DeclarationError(
            f"@router.{decorator} of {place(argument)} has no argument: write "
            f"@router.{decorator}({example})"
        )
    if not is_valid:
        example = example.replace("{}", "name")
        raise DeclarationError(
            f"@router.{decorator} does not take {name_of(argument)}: write "
            f"@router.{decorator}({example})"
        )


def check_flags(where: str, **flags: object) -> None:
    """Check that arguments are True or False. A value such as "no" would count as True."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise DeclarationError(f"{where}: {name}={value!r} must be True or False")


def is_derived(given: object, base: type) -> bool:
    """Return True if a value is a class that is derived from `base`, or `base` itself."""
    return isinstance(given, type) and issubclass(given, base)


def check_derived(where: str, given: object, base: type) -> None:
    """Check that a declaration gets a class that is derived from a base class."""
    if not is_derived(given, base):
        raise DeclarationError(
            f"{where} {name_of(given)} must be a class derived from {base.__name__}"
        )


def check_table(where: str, model: Any, decorator: str) -> None:
    """Check that a model is a class with a decorator such as `@table`.

    Objects that are not models pass, because tests use their own tables.
    """
    is_declared = isinstance(model, type) and hasattr(getattr(model, "Meta", None), "variable")
    if hasattr(model, "_get_connection") and not is_declared:
        raise DeclarationError(
            f"{where} {name_of(model)} is not a declared table: give a class with {decorator}"
        )


def check_environment(where: str, given: object) -> None:
    """Check that an argument is a mapping of variables, not a variable's value."""
    if not isinstance(given, Mapping):
        raise DeclarationError(
            f"{where} does not take {name_of(given)}: set its environment variables instead"
        )


def check_function(what: str, function: Any) -> None:
    """Check that the router can call a function, and that a call runs its code.

    A call of a class only creates an object, and a call of an async function or of a generator
    function runs none of its code. Such a hook would therefore refuse nothing.

    Raises:
        DeclarationError: the function cannot be called, or a call does not run its code.
    """
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isclass(function):
        raise DeclarationError(
            f"{what} {place(function)} is a class, and a call only creates an object: write "
            f"{function.__name__}()"
        )
    if not callable(function):
        is_value = type(function).__module__ == "builtins"
        raise DeclarationError(
            f"{what} {repr(function) if is_value else place(function)} cannot be called: declare "
            "a function, or an object with __call__"
        )
    called = function if inspect.isroutine(function) else type(function).__call__
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        raise DeclarationError(
            f"{what} {place(function)} is async, but the router calls it without await: write def "
            "instead of async def"
        )
    if inspect.isgeneratorfunction(called):
        raise DeclarationError(
            f"{what} {place(function)} contains yield, so a call runs none of its code: write "
            "return instead of yield"
        )


def check_parameters(what: str, function: Any, takes: str) -> None:
    """Check that a function can be called with the router's arguments, such as `request, error`."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # a function that is written in C may have no signature
        return
    try:
        signature.bind(*takes.split(", "))
    except TypeError:
        found = ", ".join(signature.parameters)
        raise DeclarationError(
            f"{what} {place(function)} must take ({takes}), not ({found})"
        ) from None
