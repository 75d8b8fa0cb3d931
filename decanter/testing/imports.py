"""Call a function before the first import of a package."""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

_actions: dict[str, Callable[[], None]] = {}


def before_import(package: str, act: Callable[[], None]) -> None:
    """Call a function before a package's first import, or now if the package is imported.

    The function may import the package.
    """
    if package in sys.modules:
        act()
    else:
        _watch()
        _actions[package] = act


def _check(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "import" and _actions:
        act = _actions.pop(str(arguments[0]).partition(".")[0], None)
        if act is not None:
            act()


@cache
def _watch() -> None:
    """Watch every import of this process from now on. An audit hook cannot be removed."""
    sys.addaudithook(_check)
