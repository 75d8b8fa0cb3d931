"""Where the client's lines come from and where received frames go: a pipe or a terminal."""

import contextlib
import os
import re
import sys
import termios
from collections.abc import Callable, Iterator
from typing import Protocol, Self

CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CLEAR_LINE = "\r\x1b[K"


class Screen(Protocol):
    """What a conversation needs of standard input and output."""

    def lines(self) -> Iterator[str]:
        """What is to be sent, a line at a time, until the input ends."""

    def frame(self, text: str) -> None:
        """Show one received frame."""

    def note(self, text: str) -> None:
        """Tell something that is no frame."""

    def left(self) -> None:
        """This side has left."""


class Pipe:
    """A script: standard output gets the frames and nothing else."""

    def lines(self) -> Iterator[str]:
        """The lines of standard input, read apart from `sys.stdin`.

        A thread may still wait in here when the process ends, and Python aborts if that thread
        then holds the lock of `sys.stdin`.
        """
        stdin = os.fdopen(
            sys.stdin.fileno(), encoding="utf-8", errors="replace", newline="\n", closefd=False
        )
        return (line.removesuffix("\n").removesuffix("\r") for line in stdin)

    def frame(self, text: str) -> None:
        """Print the frame as it is.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        try:
            print(text, flush=True)
        except BrokenPipeError:
            # Python flushes once more at its end, and would complain then.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise

    def note(self, text: str) -> None:
        """Print on standard error."""
        print(text, file=sys.stderr, flush=True)

    def left(self) -> None:
        """Say nothing: a script asked for it."""


class Terminal:
    """A person: a prompt with history, and the frames above it.

    A context manager that leaves the terminal's settings as they were, since a thread may still
    be editing a line when the process ends.
    """

    prompt = "> "

    def __init__(self) -> None:
        self._typed: Callable[[], str] = str
        with contextlib.suppress(ImportError):  # Python can be built without it
            import readline  # importing it is what gives input() a history

            self._typed = readline.get_line_buffer

    def __enter__(self) -> Self:
        self._settings = termios.tcgetattr(sys.stdin)
        return self

    def __exit__(self, *exc_info: object) -> None:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._settings)

    def lines(self) -> Iterator[str]:
        """What the user enters, until Ctrl-D; no empty lines."""
        with contextlib.suppress(EOFError):
            while True:
                if line := input(self.prompt):  # Enter alone is no message
                    yield line

    def frame(self, text: str) -> None:
        """Print the frame in place of the prompt, then the prompt and what was typed so far."""
        self._write(f"{CLEAR_LINE}< {printable(text)}\n{self.prompt}{self._typed()}")

    def note(self, text: str) -> None:
        """Print in place of the prompt."""
        self._write(f"{CLEAR_LINE}{text}\n")

    def left(self) -> None:
        """Leave the prompt's line to the shell's."""
        self._write("\n")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def printable(text: str) -> str:
    """The text with control characters escaped: a peer must not steer the user's terminal."""
    return CONTROL_CHARACTERS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
