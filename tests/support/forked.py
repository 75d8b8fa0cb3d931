"""Python processes that are forked from a process in which large packages are imported.

A test of what a process does need not wait for the import of Chalice, botocore and moto in each of
hundreds of processes. Tests of imports, and of commands as a user runs them, start real
processes.

The process that forks is a child of the process that asks for it. It creates its forks as its
siblings, so they are real children of the caller, with real exit statuses and signals.
"""

import atexit
import ctypes
import gc
import inspect
import io
import json
import os
import platform
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

PACKAGES = (
    *("botocore.regions", "botocore.session", "chalice.app", "chalice.cli.factory"),
    *("chalice.package", "pynamodb.models", "pytest"),
    *("decanter.local.command", "decanter.local.dynamodb.application"),
)
"""The framework is not among them, because its modules read variables and may be replaced."""

OWN = "decanter"
"""Only the tool keeps this package's modules: apps import the framework again."""

GATEWAY = ("-m", "decanter", "local")

AT_START = ("PYTHON", "COVERAGE", "LC_", "LANG")
"""Variables with these prefixes are read when an interpreter starts."""

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"

CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine() if sys.platform == "linux" else "")
"""The number of Linux's system call; None where each process is a new interpreter."""

CLONE_PARENT = 0x8000


class Popen(subprocess.Popen[Any]):
    """A process like `subprocess.Popen`, which is forked if it would be equal."""

    def _execute_child(self, *arguments: Any) -> None:
        execute = super()._execute_child  # type: ignore[misc]  # not in the stubs
        given = inspect.signature(execute).bind(*arguments).arguments
        if not _can_fork(given):
            execute(*arguments)
            return
        standard = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        descriptors = {n: n if each == -1 else each for n, each in enumerate(standard)}
        descriptors |= {n: n for n in given["pass_fds"]}
        environment = os.environ if given["env"] is None else given["env"]
        request = {
            "arguments": [os.fspath(each) for each in given["args"]][1:],
            "cwd": os.fspath(given["cwd"] or Path.cwd()),
            "environment": {**environment},
            "numbers": [*descriptors],
            "new_session": given["start_new_session"],
        }
        self.pid = _server().ask(json.dumps(request).encode(), [*descriptors.values()])
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))  # type: ignore[attr-defined]


def run(
    command: Sequence[str], *, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a command like `subprocess.run`, in a forked process if it is equal.

    Raises:
        TimeoutExpired: the process took longer than `timeout` seconds, and was killed.
    """
    given, timeout = options.pop("input", None), options.pop("timeout", None)
    if given is not None:
        options["stdin"] = subprocess.PIPE
    if options.pop("capture_output", False):
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Popen(command, **options) as process:
        try:
            out, err = process.communicate(given, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def fork_from_decanter() -> None:
    """Let Decanter import apps, and run `chalice package`, in forked processes."""
    # The server does not import the framework.
    from decanter.aws import package
    from decanter.project import describe

    names = {name: getattr(subprocess, name) for name in ("DEVNULL", "TimeoutExpired")}
    for module in (describe, package):
        vars(module)["subprocess"] = SimpleNamespace(run=run, **names)


def _can_fork(given: Mapping[str, Any]) -> bool:
    environment = os.environ if given["env"] is None else given["env"]
    return (
        CLONE is not None
        and not given["shell"]
        and given["preexec_fn"] is None
        and given["args"][0] == sys.executable
        and all(
            environment.get(name) == os.environ.get(name)
            for name in {*environment, *os.environ}
            if name.startswith(AT_START) and name != NO_BYTECODE
        )
    )


class _Server:
    """The process that forks, seen from its parent."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self._lock = threading.Lock()

    def ask(self, request: bytes, descriptors: list[int]) -> int:
        """Return the id of a new process."""
        with self._lock:
            self.channel.sendall(len(request).to_bytes(4))
            socket.send_fds(self.channel, [b"d"], descriptors)
            self.channel.sendall(request)
            return int.from_bytes(_exactly(self.channel, 4))


@cache
def _server() -> _Server:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", __file__, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(_stop, ours, process)
    return _Server(ours)


def _stop(channel: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    channel.close()
    process.wait()


def _exactly(channel: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        if not (part := channel.recv(size - len(found))):
            raise EOFError
        found += part
    return found


def _serve(channel: socket.socket) -> None:
    while True:
        try:
            size = int.from_bytes(_exactly(channel, 4))
        except (EOFError, ConnectionResetError):
            return
        _, rights, *_ = socket.recv_fds(channel, 1, 16)
        request = json.loads(_exactly(channel, size))
        if (pid := _fork_sibling()) == 0:
            channel.close()
            _become(request, rights)
        for each in rights:
            os.close(each)
        channel.sendall(pid.to_bytes(4))


def _fork_sibling() -> int:
    """Fork like `os.fork`; the parent of the new process is the parent of this one."""
    python, system = ctypes.pythonapi, ctypes.PyDLL(None, use_errno=True)
    python.PyOS_BeforeFork()
    pid: int = system.syscall(ctypes.c_long(CLONE or 0), CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        python.PyOS_AfterFork_Child()
        return 0
    python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone")
    return pid


def _become(request: dict[str, Any], rights: list[int]) -> None:
    """Run the program in this forked process, and end the process."""
    arguments: list[str] = request["arguments"]
    is_gateway = tuple(arguments[: len(GATEWAY)]) == GATEWAY
    if is_gateway:
        _fork_from_gateway(rights)
    high = {
        number: os.dup2(given, 200 + n)
        for n, (number, given) in enumerate(zip(request["numbers"], rights, strict=True))
    }
    for given in rights:
        os.close(given)
    for number, given in high.items():
        os.dup2(given, number, inheritable=True)
        os.close(given)
    if request["new_session"]:
        os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.dont_write_bytecode = bool(os.environ.get(NO_BYTECODE))
    sys.stdin = open(0, encoding=sys.stdin.encoding)  # noqa: SIM115 - open until the end
    sys.stdout, sys.stderr = _output(1, sys.stdout), _output(2, sys.stderr)
    if not is_gateway:
        for name in [each for each in sys.modules if each.partition(".")[0] == OWN]:
            del sys.modules[name]
    status = 0
    try:
        _run(arguments)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - the process prints it and ends, like Python
        sys.excepthook(*sys.exc_info())
        status = 1
    finally:
        _end(status)


def _output(descriptor: int, like: TextIO) -> TextIO:
    """Open a standard stream as Python does."""
    plain = bool(os.environ.get("PYTHONUNBUFFERED"))
    return io.TextIOWrapper(
        open(descriptor, "wb", buffering=0 if plain else -1),
        encoding=like.encoding,
        errors=like.errors,
        line_buffering=descriptor == 2 or os.isatty(descriptor),
        write_through=plain,
    )


def _fork_from_gateway(rights: list[int]) -> None:
    """Let the gateway's own processes be forked too."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        for each in (ours.fileno(), *rights):
            os.close(each)
        _serve(theirs)
        os._exit(0)
    theirs.close()
    server = _Server(ours)
    globals()["_server"] = lambda: server
    subprocess.Popen = Popen  # type: ignore[misc]


def _run(arguments: list[str]) -> None:
    sys.orig_argv = [sys.executable, *arguments]
    is_safe = arguments[0] == "-P"
    option, *others = arguments[is_safe:]
    if option == "-m":
        sys.argv = others
        sys.path[:0] = [] if is_safe else [str(Path.cwd())]
        runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.argv = [option, *others[1:]]
        sys.path[:0] = [] if is_safe else [""]
        exec(others[0], {"__name__": "__main__"})
    else:
        sys.argv = [option, *others]
        sys.path[:0] = [] if is_safe else [str(Path(option).parent)]
        runpy.run_path(option, run_name="__main__")


def _end(status: int) -> None:
    threading._shutdown()  # type: ignore[attr-defined]  # as at an interpreter's end
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    for package in PACKAGES:
        import_module(package)
    import_module("decanter.local.dynamodb.application").application("us-east-1")  # loads moto
    del sys.path[0]
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
