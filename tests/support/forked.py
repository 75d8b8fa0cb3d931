"""Python processes that are forked from one process, in which large packages are imported.

A test of what a process does need not wait for the import of Chalice in each of hundreds of
processes. Tests of the imports themselves, and of commands as a user runs them, start real
processes.
"""

import atexit
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PACKAGES = (
    *("botocore.regions", "botocore.session", "chalice.app", "chalice.cli.factory"),
    *("chalice.package", "pynamodb.models", "pytest"),
)
"""The framework is not among them, because its modules read variables and may be replaced."""

AT_START = ("PYTHON", "COVERAGE", "LC_", "LANG")
"""Variables with these prefixes are read when an interpreter starts."""

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
    timeout: float | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run a Python command like `subprocess.run`, in a forked process if it is equal.

    The options of a forked process are `input`, `stdout`, `stderr`, `capture_output` and `text`.

    Raises:
        TimeoutExpired: the process took longer than `timeout` seconds, and was killed.
    """
    if not _can_fork(command, env):
        options |= {"cwd": cwd, "env": env, "pass_fds": pass_fds, "timeout": timeout}
        return subprocess.run(command, **options)  # noqa: PLW1510 - in the options
    with ExitStack() as opened:
        files = [opened.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(options.get("input") or b"")
        files[0].seek(0)
        files[1:] = [options.get("stdout") or files[1], options.get("stderr") or files[2]]
        descriptors = {number: file.fileno() for number, file in enumerate(files)}
        descriptors |= {number: number for number in pass_fds}
        arguments = [each for each in command[1:] if each != "-P"]
        status = _run(arguments, cwd or Path.cwd(), env, descriptors, timeout)
        if not options.get("capture_output"):
            return subprocess.CompletedProcess(command, status)
        output: list[Any] = [(file.seek(0), file.read())[1] for file in files[1:]]
        if options.get("text"):
            output = [each.decode() for each in output]
        return subprocess.CompletedProcess(command, status, *output)


def fork_from_decanter() -> None:
    """Let Decanter import apps, and run `chalice package`, in forked processes."""
    # The server does not import the framework.
    from decanter.aws import package
    from decanter.project import describe

    names = {name: getattr(subprocess, name) for name in ("DEVNULL", "TimeoutExpired")}
    for module in (describe, package):
        vars(module)["subprocess"] = SimpleNamespace(run=run, **names)


def _can_fork(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    return command[0] == sys.executable and all(
        environment.get(name) == os.environ.get(name)
        for name in {*environment, *os.environ}
        if name.startswith(AT_START) and name != NO_BYTECODE
    )


def _run(
    arguments: list[str],
    cwd: Path,
    env: Mapping[str, str],
    descriptors: Mapping[int, int],
    timeout: float | None,
) -> int:
    channel = _server()
    request = json.dumps([arguments, str(cwd), {**env}, [*descriptors]]).encode()
    channel.sendall(len(request).to_bytes(4))
    socket.send_fds(channel, [b"d"], [*descriptors.values()])
    channel.sendall(request)
    pid = int.from_bytes(_exactly(channel, 4))
    channel.settimeout(timeout)
    try:
        status = _exactly(channel, 4)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        channel.settimeout(None)
        _exactly(channel, 4)
        raise subprocess.TimeoutExpired(arguments, timeout or 0) from None
    finally:
        channel.settimeout(None)
    return os.waitstatus_to_exitcode(int.from_bytes(status))


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", __file__, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(_stop, ours, process)
    return ours


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
        except EOFError:
            return
        _, rights, *_ = socket.recv_fds(channel, 1, 16)
        arguments, cwd, environment, numbers = json.loads(_exactly(channel, size))
        if (pid := os.fork()) == 0:
            channel.close()
            _become(arguments, cwd, environment, dict(zip(numbers, rights, strict=True)))
        for each in rights:
            os.close(each)
        channel.sendall(pid.to_bytes(4))
        channel.sendall(os.waitpid(pid, 0)[1].to_bytes(4))


def _become(
    arguments: list[str], cwd: str, environment: dict[str, str], descriptors: dict[int, int]
) -> None:
    """Run the program in this forked process, and end the process."""
    high = {
        number: os.dup2(given, 200 + n) for n, (number, given) in enumerate(descriptors.items())
    }
    for number, given in high.items():
        os.dup2(given, number, inheritable=True)
        os.close(given)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = bool(environment.get(NO_BYTECODE))
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - open until the process ends
    status = 0
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            sys.path.insert(0, cwd)
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - the process prints it and ends, like Python
        sys.excepthook(*sys.exc_info())
        status = 1
    finally:
        _end(status)


def _end(status: int) -> None:
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    for package in PACKAGES:
        import_module(package)
    del sys.path[0]
    _serve(socket.socket(fileno=int(sys.argv[1])))
