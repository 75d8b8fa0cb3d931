"""Checks of an application's declarations when app.py is imported."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from decanter.runtime.errors import DeclarationError

P = ParamSpec("P")
T = TypeVar("T")


def place(function: Callable[..., Any]) -> str:
    """Return a function's name and module, for error messages."""
    return f"{getattr(function, '__name__', function)} ({function.__module__})"


def named_arguments(example: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Refuse a decorator's positional arguments, and its use without parentheses.

    Args:
        example: how to write the decorator; it is part of the error's text.
    """

    def check(decorator: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(decorator)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            if args:
                given = getattr(args[0], "__name__", repr(args[0]))
                raise DeclarationError(
                    f"@{decorator.__name__} takes only named arguments, not {given}: write "
                    f"{example}"
                )
            return decorator(*args, **kwargs)

        return checked

    return check


def check_called(decorator: str, argument: object, example: str) -> None:
    """Check that a decorator has its argument.

    Args:
        decorator: the decorator's name.
        argument: the decorator's argument. Without parentheses, it is the decorated function.
        example: an argument for the error message; `{}` stands for the function's name.

    Raises:
        DeclarationError: the decorator has no parentheses.
    """
    if inspect.isfunction(argument):
        example = example.replace("{}", argument.__name__)
        raise DeclarationError(
            f"@router.{decorator} of {place(argument)} has no argument: write "
            f"@router.{decorator}({example})"
        )


def check_not_async(function: Callable[..., Any]) -> None:
    """Check that a function is not async.

    A call of an async function returns a coroutine, and runs none of its code. An async hook would
    therefore refuse nothing.

    Raises:
        DeclarationError: the function is async.
    """
    called = function if inspect.isroutine(function) else type(function).__call__
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        raise DeclarationError(
            f"{place(function)} is async, but the router calls it without await: write def "
            "instead of async def"
        )
