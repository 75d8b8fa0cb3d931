"""The question before something is deleted."""

import sys
from collections.abc import Callable

from decanter.errors import DecanterError

# Asks a question; the answer.
Ask = Callable[[str], str]


def ask(question: str) -> str:
    """Ask the user on the terminal.

    Raises:
        DecanterError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise DecanterError("there is nobody to ask: give --yes to delete without a question")
    return input(question)


def agreed(question: str, ask: Ask) -> bool:
    """True if the answer is yes."""
    return ask(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
