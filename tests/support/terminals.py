"""A program on a pseudo-terminal: what it shows, and what a person types."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.gateways import ROOT, SECONDS

# A session's leader gets the first terminal that it opens; Ctrl-C reaches the program only then.
OWN_THE_TERMINAL = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A program's terminal; `open` starts the program and ends it with the block."""

    def __init__(self, *command: str, cwd: Path = ROOT) -> None:
        self._command = command
        self._cwd = cwd
        self._shown = ""

    @contextlib.contextmanager
    def open(self) -> Iterator["Terminal"]:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_THE_TERMINAL, *self._command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            cwd=self._cwd,
        )
        os.close(slave)
        try:
            yield self
        finally:
            self._end()
            os.close(self._master)

    def _end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def expect(self, pattern: str) -> re.Match[str]:
        """Read on until the pattern is shown, and forget what was shown up to its end."""
        while (found := re.search(pattern, self._shown)) is None:
            self._shown += self._read().decode()
        self._shown = self._shown[found.end() :]
        return found

    def rest(self) -> str:
        """Everything that is shown until the program ends."""
        with contextlib.suppress(OSError):  # Linux's way to say that the other side has closed
            while shown := self._read():
                self._shown += shown.decode()
        return self._shown

    def _read(self) -> bytes:
        poll = select.poll()  # select() takes no descriptor above 1023
        poll.register(self._master, select.POLLIN)
        ready = poll.poll(1000 * SECONDS)
        assert ready, f"the program shows nothing more; so far: {self._shown!r}"
        return os.read(self._master, 4096)
