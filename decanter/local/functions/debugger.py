"""The gateway's side of debugging, which lends the terminal to one stopped process at a time."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from decanter.errors import ServiceError


class Output(Protocol):
    """The gateway's other output on the terminal, such as the log."""

    def hold(self) -> None:
        """Keep all lines until `release`."""

    def release(self) -> None:
        """Write the kept lines."""


class Terminal:
    """The gateway's terminal. `output` holds its lines while a process has the terminal."""

    def __init__(self, descriptor: int, output: Output) -> None:
        self.descriptor = descriptor
        self._output = output
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Wait for the terminal, and hold the terminal until the block ends."""
        async with self._lock:
            self._output.hold()
            try:
                yield
            finally:
                self._output.release()


class Ports:
    """The ports on which the functions' processes wait for an editor's debugger.

    The first function gets the port `first`. Each other function gets the next port.
    """

    def __init__(self, first: int, note: Callable[[str], None]) -> None:
        self._first = first
        self._note = note
        self._ports: dict[str, int] = {}

    def of(self, function: str) -> int:
        """Return the port of a function. The port stays the same after each reload."""
        if function not in self._ports:
            self._ports[function] = self._first + len(self._ports)
            self._note(f"debugpy: {function} on 127.0.0.1:{self._ports[function]}")
        return self._ports[function]


def open_terminal() -> int:
    """Open the terminal of standard input for reading and writing.

    Raises:
        ServiceError: standard input is not a terminal.
    """
    try:
        return os.open(os.ttyname(sys.stdin.fileno()), os.O_RDWR | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise ServiceError(
            "--debug needs a terminal on standard input: start it in one, or use --debugpy PORT "
            "instead of --debug"
        ) from error
