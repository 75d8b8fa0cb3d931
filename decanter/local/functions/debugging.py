"""Run a debugger in a worker, either pdb on the gateway's terminal or debugpy on a port.

`worker.py` loads this file by its path, under `decanter local` with `--debug` or `--debugpy`.
"""

from __future__ import annotations

import importlib
import io
import os
import pdb  # noqa: T100 - it is what this module is for
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

SKIPPED = ["__main__", "chalice.*", "decanter.*", "decanter_*"]
"""The modules into which pdb does not step: the worker, Chalice and the framework."""

LISTEN_SECONDS = 0.05


class TerminalPdb(pdb.Pdb):
    """A pdb that borrows the gateway's terminal each time the program stops."""

    terminal: ClassVar[tuple[io.TextIOBase, io.TextIOBase]]
    borrow: ClassVar[Callable[[], None]]
    give_back: ClassVar[Callable[[], None]]
    latest: ClassVar[TerminalPdb | None] = None

    def __init__(self, *args: Any, **options: Any) -> None:
        reads, writes = self.terminal
        own = {"stdin": reads, "stdout": writes, "skip": SKIPPED, "nosigint": True}
        super().__init__(*args, **{**options, **own})
        TerminalPdb.latest = self

    def interaction(self, *args: Any, **options: Any) -> None:
        """Read commands until a command continues the program."""
        TerminalPdb.borrow()
        try:
            super().interaction(*args, **options)
        finally:
            self.stdout.flush()
            TerminalPdb.give_back()


def use_terminal(borrow: Callable[[], None], give_back: Callable[[], None]) -> None:
    """Let every pdb of this process use the terminal that is this process's standard input.

    `borrow` waits until the terminal is lent to this process.
    """
    terminal = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # the handler's subprocesses must not read the user's input
    os.close(nothing)
    TerminalPdb.terminal = (os.fdopen(terminal), os.fdopen(os.dup(terminal), "w"))
    TerminalPdb.borrow, TerminalPdb.give_back = staticmethod(borrow), staticmethod(give_back)
    pdb.Pdb = TerminalPdb  # type: ignore[misc]  # pdb.set_trace and post_mortem create a pdb.Pdb


def stop_stepping() -> None:
    """Stop stepping at the end of an event. Breakpoints stay set."""
    if TerminalPdb.latest is not None:
        TerminalPdb.latest.set_continue()


def use_debugpy(port: int) -> None:
    """Listen for an editor's debugger. `breakpoint()` waits until a debugger is attached."""
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # no warning about frozen modules
    debugpy: Any = importlib.import_module("debugpy")  # the user installs it
    importlib.import_module("debugpy.server.api")  # replaces sys.breakpointhook
    pydevd: Any = importlib.import_module("pydevd")

    def listen() -> None:
        while not is_free(port):  # after a reload, wait until the previous process has ended
            time.sleep(LISTEN_SECONDS)
        debugpy.listen(("127.0.0.1", port))
        listens.set()

    def stop(*_: Any, **__: Any) -> None:
        listens.wait()
        if not debugpy.is_client_connected():
            print(f"breakpoint() waits for a debugger to attach to 127.0.0.1:{port}")
            debugpy.wait_for_client()
        # Like debugpy.breakpoint(), but this line stops in the handler, not in `stop`.
        pydevd.settrace(
            suspend=True,
            trace_only_current_thread=True,
            patch_multiprocessing=False,
            stop_at_frame=sys._getframe(1),
        )

    listens = threading.Event()
    threading.Thread(target=listen, daemon=True).start()
    sys.breakpointhook = stop


def is_free(port: int) -> bool:
    """True if a process can listen on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
