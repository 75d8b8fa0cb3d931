"""The fork server: it has imported common modules, and forks the processes of functions.

`worker.py --forks` loads this file by its path. The gateway sends one request for each process,
with two descriptors: the channel of the process and the pipe for the output. In each new process,
the function `serve` returns, and the process then continues like a spawned worker. The fork server
imports no module of the project, and has only a few variables of a function's environment. Each new
process imports its app, so it has a cold start like a spawned worker.
"""

from __future__ import annotations

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
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from importlib.machinery import all_suffixes
from itertools import product
from pathlib import Path
from typing import Any

# For nearly every app, the imports of these modules take most of the start's time and memory.
# Before you add a module, make sure that its import starts no thread, opens no file, and keeps no
# value of an environment variable. `import_shared` checks for threads, open files and variables
# that the import has set.
SHARED = (
    "chalice.app",
    "boto3",
    "botocore.client",
    "botocore.endpoint",
    "botocore.auth",
    "pynamodb.models",
    "pynamodb.connection.table",
)

DESCRIBED = ("dynamodb", "apigatewaymanagementapi")
"""The services whose descriptions nearly every function needs."""

REQUEST_BYTES = 256 * 1024
"""The size of a read in bytes. The system's maximum for one message is smaller."""

Stamp = tuple[int, int, int]

Record = Callable[[], "AbstractContextManager[set[str]]"]
"""Records the names of the environment variables that code reads (`project/reads.py`)."""


class UnsafeError(Exception):
    """A fork of this process is not safe. The text is the reason."""


def serve(control: socket.socket, known: frozenset[str], record: Record) -> int | None:
    """Fork a process for each request until the gateway closes the socket or dies.

    `known` are the modules that a spawned worker has also imported before it loads the app.

    Returns:
        In each new process, the descriptor of the channel. In the fork server, None when the server
        must end.
    """
    server = Server(control)
    server.prepare(known, record)
    try:
        return server.run()
    except OSError:  # the gateway has died
        server.end()
    return None


class Server:
    """The state of the fork server: its children and its imports."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}
        self._shared: set[str] = set()
        self._files: dict[Path, Stamp | None] = {}
        self._is_stale = False

    def prepare(self, known: frozenset[str], record: Record) -> None:
        """Import the shared modules, and send the gateway the names of the variables they read."""
        gc.disable()  # imports leave little to collect
        try:
            reads = import_shared(record)
        except UnsafeError as error:
            self._send("unsafe", why=str(error))
            return
        added = sys.modules.keys() - known
        self._shared = {name.partition(".")[0] for name in added}
        files = (getattr(sys.modules[name], "__file__", None) for name in added)
        self._files = {path: stamp(path) for path in map(Path, filter(None, files))}
        if "botocore.client" in added:
            keep_descriptions()
        gc.freeze()  # the collector must not write to memory shared with children
        gc.enable()
        self._send("ready", reads=sorted(reads))

    def run(self) -> int | None:
        """Answer requests and report each child that has ended. Return the result of `serve`."""
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
        """Kill the children, and all other processes in the children's process groups."""
        for pid in self._children.values():
            kill_group(pid)
        for pid in self._children.values():
            os.waitpid(pid, 0)

    def _reap(self, descriptor: int) -> None:
        pid = self._children.pop(descriptor)
        os.close(descriptor)
        kill_group(pid)  # kill the group before the id can be reused
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._send("ended", pid=pid, code=code)

    def _answer(self, request: Mapping[str, Any], passed: list[int]) -> int | None:
        """Fork a process. Return the channel in the new process, and None in this process."""
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
        """Check that a forked process would import the same modules as a spawned process.

        Raises:
            UnsafeError: the forked process would import other modules.
            OSError: the project's folder cannot be read.
        """
        changed = [path for path, before in self._files.items() if stamp(path) != before]
        if changed:
            self._is_stale = True
            raise UnsafeError(f"{changed[0]} has changed")
        if shadowed := self._shared.intersection(module_names(project)):
            raise UnsafeError(f"the project has a module {min(shadowed)} of its own")

    def _become_worker(self, request: Mapping[str, Any], channel: int, output: int) -> int:
        """Continue like a spawned worker.

        After any failure, end this process, because it must not continue as a second fork server.
        """
        try:
            os.dup2(output, 1)
            os.dup2(output, 2)
            for descriptor in (output, self._control.detach(), *self._children):
                os.close(descriptor)
            become_environment(request["environment"])
            time.tzset()
            sys.argv = [sys.argv[0], request["project"], "--fd", str(channel)]
            original = getattr(sys, "orig_argv", sys.argv)  # Python 3.9 has none
            original[original.index(sys.argv[0]) :] = sys.argv
        except BaseException:  # noqa: BLE001 - it is printed, and the process ends
            traceback.print_exc()
            os._exit(1)
        return channel

    def _send(self, kind: str, **facts: Any) -> None:
        self._control.sendall(json.dumps({"type": kind, **facts}).encode())


def fork() -> tuple[int, int]:
    """Fork, and wait until the child has its own session, so that its process group can be killed.

    Returns:
        In this process, the child's id and a descriptor that becomes readable when the child ends.
        In the child, 0 and 0.

    Raises:
        OSError: the system allows no more processes, or cannot open a descriptor for the child.
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
    """Return a descriptor that becomes readable when a child ends.

    If the system cannot open this descriptor, kill the child.
    """
    try:
        return os.pidfd_open(pid)
    except OSError:
        kill_group(pid)
        os.waitpid(pid, 0)
        raise


def import_shared(record: Record) -> set[str]:
    """Import `SHARED`, and check that a fork is still safe. Return the names of the variables read.

    Raises:
        UnsafeError: the imports started a thread, opened a descriptor or set a variable.
    """
    before = dict(os.environ)
    descriptors = names_in("/proc/self/fd")
    with record() as reads:
        for name in SHARED:
            with contextlib.suppress(ImportError):  # the import of the app reports it later
                importlib.import_module(name)
    if len(names_in("/proc/self/task")) > 1:
        raise UnsafeError("importing the shared modules has started a thread")
    if names_in("/proc/self/fd") != descriptors:
        raise UnsafeError("importing the shared modules has opened a file or a socket")
    if dict(os.environ) != before:
        raise UnsafeError("importing the shared modules has set an environment variable")
    return reads


def keep_descriptions() -> None:
    """Read botocore's descriptions of services once, for all forked processes.

    The descriptions are a megabyte of JSON. Reading them takes a third of the processor time of a
    process's start. A process gets each kept document only once, because botocore changes some of
    them. All other documents, and the documents of another search path, are read from their files.
    """
    from botocore.exceptions import DataNotFoundError
    from botocore.loaders import JSONFileLoader, Loader

    class Files(JSONFileLoader):  # type: ignore[misc]  # botocore has no annotations
        def load_file(self, file_path: str) -> Any:
            kept = documents.pop(file_path, None)
            return super().load_file(file_path) if kept is None else kept

    folder = Loader.BUILTIN_DATA_PATH
    own = Loader(extra_search_paths=[folder], include_default_search_paths=False)
    names = ["endpoints", "partitions", "sdk-default-configuration", "_retry"]
    for service, kind in product(DESCRIBED, ("service-2", "endpoint-rule-set-1")):
        with contextlib.suppress(DataNotFoundError):  # older versions have no rule sets
            version = own.list_api_versions(service, kind)[-1]
            names.append(f"{service}/{version}/{kind}")
    paths = [os.path.join(folder, name) for name in names]  # noqa: PTH118 - as botocore joins them
    documents = {path: own.file_loader.load_file(path) for path in paths}
    Loader.FILE_LOADER_CLASS = Files


def become_environment(environment: Mapping[str, str]) -> None:
    """Replace all variables. Keep `LC_CTYPE`, which Python sets if no locale is configured."""
    coerced = {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}
    os.environ.clear()
    os.environ.update({**coerced, **environment})


def names_in(folder: str) -> set[str]:
    """Return the names of a folder's entries."""
    return {path.name for path in Path(folder).iterdir()}


def module_names(folder: str) -> Iterator[str]:
    """Yield the names of the modules and packages in a folder."""
    suffixes = all_suffixes()
    for path in Path(folder).iterdir():
        name, dot, rest = path.name.partition(".")
        if dot + rest in suffixes or (path / "__init__.py").is_file():
            yield name


def stamp(path: Path) -> Stamp | None:
    """Return a value that changes when a file is replaced; None for a missing file."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


def kill_group(pid: int) -> None:
    """Kill a process group. The group may have members after its first process has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
