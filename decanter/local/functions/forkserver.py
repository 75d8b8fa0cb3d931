"""A process that has imported what most apps share, and forks the functions' processes.

`worker.py --forks` loads this file by its path. The gateway sends one request for each process,
with two descriptors: the process's channel and the pipe for its output. `serve` returns in each new
process, which then goes on as a spawned worker does. The server imports nothing of the project and
has none of a function's variables: each process imports its app as at a cold start.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any

# Importing these takes most of the time and memory of nearly any app's start. An addition must be
# known to start no thread, to open nothing, and to read no variable for good when it is imported;
# `prepare` checks that again.
SHARED = (
    "chalice.app",
    "boto3",
    "botocore.client",
    "botocore.endpoint",
    "botocore.auth",
    "pynamodb.models",
    "pynamodb.connection.table",
)

REQUEST_BYTES = 256 * 1024
"""More than the system takes as one message."""

ANY_NAME = "*"
"""Stands for every variable: a module has gone through them all."""

Stamp = tuple[int, int, int]


class UnsafeError(Exception):
    """Forking this process is not safe; the text says why."""


def serve(control: socket.socket, known: frozenset[str]) -> int | None:
    """Fork a process for each request, until the gateway closes its end or dies.

    Args:
        control: the socket to the gateway.
        known: the modules that a spawned worker has, too, before it loads the app.

    Returns:
        In each new process the descriptor of its channel. None in the server itself, at its end.
    """
    server = Server(control)
    server.prepare(known)
    try:
        return server.run()
    except OSError:  # the gateway has died
        server.end()
    return None


class Server:
    """The server's state: its children and what it has imported."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}
        self._shared: set[str] = set()
        self._files: dict[Path, Stamp | None] = {}
        self._is_stale = False

    def prepare(self, known: frozenset[str]) -> None:
        """Import what apps share; tell the gateway which variables that has read."""
        try:
            reads = import_shared()
        except UnsafeError as error:
            self._send("unsafe", why=str(error))
            return
        added = sys.modules.keys() - known
        self._shared = {name.partition(".")[0] for name in added}
        files = (getattr(sys.modules[name], "__file__", None) for name in added)
        self._files = {path: stamp(path) for path in map(Path, filter(None, files))}
        gc.collect()
        gc.freeze()  # what the collector does not touch stays shared with the children
        self._send("ready", reads=sorted(reads))

    def run(self) -> int | None:
        """Answer requests and report ends; see `serve` for what is returned."""
        while not self._is_stale or self._children:
            poll = select.poll()
            for descriptor in (self._control.fileno(), *self._children):
                poll.register(descriptor, select.POLLIN)
            for descriptor, _ in poll.poll():
                if descriptor in self._children:
                    self._reap(descriptor)
                    continue
                body, passed, *_ = socket.recv_fds(self._control, REQUEST_BYTES, 2)
                if not body:
                    self.end()
                    return None
                channel = self._answer(json.loads(body), passed)
                if channel is not None:
                    return channel
        return None

    def end(self) -> None:
        """Kill the children with all that they have started."""
        for pid in self._children.values():
            kill_group(pid)
        for pid in self._children.values():
            os.waitpid(pid, 0)

    def _reap(self, descriptor: int) -> None:
        pid = self._children.pop(descriptor)
        os.close(descriptor)
        kill_group(pid)  # before its id can be another's: what it has started ends with it
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._send("ended", pid=pid, code=code)

    def _answer(self, request: Mapping[str, Any], passed: list[int]) -> int | None:
        """Fork. Returns the channel in the new process, None in this one."""
        try:
            self._check(request["project"])
            pid, descriptor = fork()
        except (UnsafeError, OSError) as error:
            self._send("refused", why=str(error), stale=self._is_stale)
        else:
            if not pid:
                return self._become_worker(request, *passed)
            self._children[descriptor] = pid
            self._send("forked", pid=pid)
        for each in passed:
            os.close(each)
        return None

    def _check(self, project: str) -> None:
        """Make sure that a process would import the same here as when it is spawned.

        Raises:
            UnsafeError: it would not.
            OSError: the project's folder cannot be read.
        """
        changed = [path for path, before in self._files.items() if stamp(path) != before]
        if changed:
            self._is_stale = True
            raise UnsafeError(f"{changed[0]} has changed")
        if shadowed := self._shared.intersection(module_names(project)):
            raise UnsafeError(f"the project has a module {min(shadowed)} of its own")

    def _become_worker(self, request: Mapping[str, Any], channel: int, output: int) -> int:
        """Become what a spawned worker is; whatever fails, this process is no second server."""
        try:
            os.dup2(output, 1)
            os.dup2(output, 2)
            for descriptor in (output, self._control.detach(), *self._children):
                os.close(descriptor)
            become_environment(request["environment"])
            time.tzset()
            sys.argv = [sys.argv[0], request["project"], "--fd", str(channel)]
            sys.orig_argv[sys.orig_argv.index(sys.argv[0]) :] = sys.argv
        except BaseException:  # noqa: BLE001 - it is printed, and the process ends
            traceback.print_exc()
            os._exit(1)
        return channel

    def _send(self, kind: str, **facts: Any) -> None:
        self._control.sendall(json.dumps({"type": kind, **facts}).encode())


def fork() -> tuple[int, int]:
    """Fork; return once the child leads a session of its own, so that it can be killed by group.

    Returns:
        The child's id and a descriptor that is readable at its end; twice 0 in the child.

    Raises:
        OSError: the system gives no further process, or no descriptor to see its end.
    """
    waits, told = os.pipe()
    try:
        try:
            pid = os.fork()
            if not pid:
                os.setsid()
        finally:
            os.close(told)
        if not pid:
            return 0, 0
        os.read(waits, 1)
        return pid, watch(pid)
    finally:
        os.close(waits)


def watch(pid: int) -> int:
    """A descriptor that is readable at a child's end; without one the child does not live."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        kill_group(pid)
        os.waitpid(pid, 0)
        raise


def import_shared() -> set[str]:
    """Import `SHARED`, and make sure that this leaves nothing that a fork would break.

    Returns:
        The names of the variables that were read.

    Raises:
        UnsafeError: a thread runs, a descriptor is open or a variable is set that was not before.
    """
    before = dict(os.environ)
    descriptors = names_in("/proc/self/fd")
    with recorded_reads() as reads:
        for name in SHARED:
            with contextlib.suppress(ImportError):  # the app does not need it, or will say so
                importlib.import_module(name)
    if len(names_in("/proc/self/task")) > 1:
        raise UnsafeError("importing what apps share has started a thread")
    if names_in("/proc/self/fd") != descriptors:
        raise UnsafeError("importing what apps share has opened a file or a socket")
    if dict(os.environ) != before:
        raise UnsafeError("importing what apps share has set an environment variable")
    return reads


@contextlib.contextmanager
def recorded_reads() -> Iterator[set[str]]:
    """The names of the environment variables that are read within the block."""
    reads: set[str] = set()
    kind: Any = type(os.environ)
    get, iterate = kind.__getitem__, kind.__iter__

    def recorded_get(environ: Any, name: Any) -> Any:
        reads.add(os.fsdecode(name))
        return get(environ, name)

    def recorded_iterate(environ: Any) -> Any:
        reads.add(ANY_NAME)
        return iterate(environ)

    kind.__getitem__, kind.__iter__ = recorded_get, recorded_iterate
    try:
        yield reads
    finally:
        kind.__getitem__, kind.__iter__ = get, iterate


def become_environment(environment: Mapping[str, str]) -> None:
    """Have these variables, and the one that Python itself sets where no locale is named."""
    coerced = {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}
    os.environ.clear()
    os.environ.update({**coerced, **environment})


def names_in(folder: str) -> set[str]:
    """The names of a folder's entries."""
    return {path.name for path in Path(folder).iterdir()}


def module_names(folder: str) -> Iterator[str]:
    """The names of the modules and packages in a folder."""
    suffixes = all_suffixes()
    for path in Path(folder).iterdir():
        name, dot, rest = path.name.partition(".")
        if dot + rest in suffixes or (path / "__init__.py").is_file():
            yield name


def stamp(path: Path) -> Stamp | None:
    """What changes when a file is replaced; None if it is not there."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


def kill_group(pid: int) -> None:
    """Kill the processes of a group; that of a process that has ended may still have some."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
