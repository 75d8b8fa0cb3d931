"""The gateway's side of a worker process: start the process, send events and read its output."""

import asyncio
import json
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, Self

from decanter.errors import ProjectError, ServiceError
from decanter.local.functions.debugger import Terminal
from decanter.local.functions.forkserver import kill_group
from decanter.local.functions.interpreter import Interpreter
from decanter.project.declaration import Declaration
from decanter.project.import_failure import import_failure

LENGTH = struct.Struct("!I")
WORKER = Path(__file__).with_name("worker.py")

INIT_SECONDS = 60
"""The time limit of the app's import, in seconds."""

LAST_WORDS_SECONDS = 0.5
"""The time in seconds to read the rest of a process's output after the process has ended."""

UNSEEN = 256
"""The exit status if the real exit status is not known."""

LogLine = Callable[[str, str], None]
"""Takes a line that the process printed, and the request id of the line, or ""."""


class WorkerGoneError(Exception):
    """The process has ended. The text describes how it ended."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How the processes of a function are started.

    Attributes:
        environment: the complete environment of the processes.
        init_seconds: the time limit of the app's import.
        has_keys: True if the processes may call AWS, because the user's own environment has a
            profile or keys for AWS.
        is_current: returns True if the project's files have not changed since this object was
            created.
        terminal: the terminal that pdb borrows when a handler stops; None without `--debug`.
        debugpy_port: the port of debugpy; None without debugpy.
        module: the module in the function's handler string. Lambda imports only this module.
        stage: the stage whose variables are in the environment. Error texts name it.
        names: returns the variables with the names of the declared tables and the URLs of queues.
            An `environment` that is created before the app is imported does not have them.
        is_declared: True if the app's declarations are known, so the processes need not send them.
    """

    project: Path
    environment: Mapping[str, str]
    log: LogLine
    init_seconds: float = INIT_SECONDS
    has_keys: bool = False
    python: Interpreter = field(default_factory=Interpreter.own)
    is_current: Callable[[], bool] = lambda: True
    terminal: Terminal | None = None
    debugpy_port: int | None = None
    module: str = "app"
    stage: str = "dev"
    names: Callable[[Declaration], Mapping[str, str]] = lambda _: {}
    is_declared: bool = False

    def script(self, descriptor: int) -> list[str]:
        """Return the command that runs `worker.py`. The descriptor is the socket to the gateway."""
        return self.python.script(WORKER, str(self.project), "--fd", str(descriptor))

    @property
    def options(self) -> list[str]:
        """The options of `worker.py` that choose a debugger."""
        if self.terminal is not None:
            return ["--terminal"]
        return [] if self.debugpy_port is None else ["--debugpy", str(self.debugpy_port)]


class Process(Protocol):
    """A spawned or forked process, whose id is also the id of its process group."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def returncode(self) -> int | None:
        """The exit status, or the negative signal number; None while the process runs."""

    async def wait(self) -> int:
        """Wait for the end of the process. Return the exit status."""


Begin = Callable[[Launch, int, int], Awaitable[Process]]
"""Starts a process with the descriptors of the channel and the output."""


async def spawn(launch: Launch, channel: int, output: int) -> Process:
    """Start a worker's process with a new interpreter."""
    return await asyncio.create_subprocess_exec(
        *launch.script(channel),
        *launch.options,
        pass_fds=[channel],
        stdin=launch.terminal.descriptor if launch.terminal else asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        env=launch.environment,
        start_new_session=True,  # only the gateway handles Ctrl-C in the terminal
    )


class Worker:
    """A process that has loaded the app and takes one event at a time."""

    def __init__(self, process: Process, launch: Launch) -> None:
        self._process = process
        self._log = launch.log
        self._terminal = launch.terminal
        self._borrowing: asyncio.Task[None] | None = None
        self._returned = asyncio.Event()
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._request_id = ""
        self._writer: asyncio.StreamWriter
        self._output: asyncio.ReadTransport
        self.declared: Declaration
        self.calls = 0
        self.busy = False
        self.idle_since = 0.0

    @classmethod
    async def start(cls, launch: Launch, begin: Begin = spawn) -> Self:
        """Start a process and wait until it has loaded the app.

        Raises:
            ProjectError: the app cannot be loaded. The message is one line.
            ServiceError: the system cannot start another process.
        """
        try:
            worker = await cls._begin(launch, begin)
        except OSError as error:
            raise ServiceError(f"the system cannot start a process: {error.strerror}") from error
        try:
            await worker._load(launch)
        except BaseException:
            await worker._end()
            raise
        return worker

    @classmethod
    async def _begin(cls, launch: Launch, begin: Begin) -> Self:
        ours, theirs = socket.socketpair()
        reading, printed = os.pipe()
        output = os.fdopen(reading, "rb", 0)
        with theirs, os.fdopen(printed, "wb"):
            try:
                process = await begin(launch, theirs.fileno(), printed)
            except BaseException:
                ours.close()
                output.close()
                raise
        worker = cls(process, launch)
        listening = asyncio.create_task(worker._listen(ours, output))
        try:
            await asyncio.shield(listening)
        except asyncio.CancelledError:
            await listening  # half a connection could not be closed
            await worker._end()
            raise
        return worker

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """True if the process can still take an event."""
        return self._process.returncode is None and not self._tasks[0].done()

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send an event to the process. Return the answer, whose type is `result` or `error`.

        Raises:
            WorkerGoneError: the process ended before it answered.
        """
        self.calls += 1
        self._request_id = message["api_request_id"]
        return await self._ask(message)

    def kill(self) -> None:
        """Kill the process and all processes that it has started."""
        if self._process.returncode is None:
            kill_group(self._process.pid)

    async def wait(self) -> None:
        """Wait until the process has ended, then at most `LAST_WORDS_SECONDS` for its output.

        A child in another process group can keep the output open.
        """
        await self._process.wait()
        await asyncio.wait(self._tasks, timeout=LAST_WORDS_SECONDS)
        self._output.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end(self) -> None:
        self.kill()
        await self.wait()

    async def _listen(self, connection: socket.socket, output: IO[bytes]) -> None:
        channel, self._writer = await asyncio.open_connection(sock=connection)
        printed = asyncio.StreamReader()
        # Not a pipe of asyncio's process, because its `wait` waits until the pipe is closed.
        self._output, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(printed), output
        )
        work = (self._read_channel(channel), self._read_output(printed), self._see_the_end())
        self._tasks = [asyncio.create_task(each) for each in work]

    async def _load(self, launch: Launch) -> None:
        seconds = launch.init_seconds
        try:
            async with asyncio.timeout(seconds):  # Python 3.11's wait_for may swallow Ctrl-C
                wanted = {"module": launch.module, "declare": not launch.is_declared}
                message = await self._ask({"type": "load", "has_keys": launch.has_keys, **wanted})
        except TimeoutError:
            raise ProjectError(f"importing app.py did not end within {seconds:g} s") from None
        except WorkerGoneError as gone:
            raise ProjectError(f"the process that imports app.py ended ({gone})") from None
        if message["type"] == "failed":
            raise import_failure(message["declaration"], launch.stage)
        if message["declaration"]:
            self.declared = Declaration.from_json(message["declaration"])
            names = {**launch.names(self.declared)}
            if not names.items() <= launch.environment.items():
                self._send({"type": "environment", "variables": names})

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        self._send(message)
        return await self._answered()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        self._writer.write(LENGTH.pack(len(body)) + body)

    async def _answered(self) -> dict[str, Any]:
        if self._tasks[0].done():
            raise WorkerGoneError("it had ended before")
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answer = answer
        return await answer

    async def _read_channel(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = LENGTH.unpack(await reader.readexactly(LENGTH.size))[0]
                self._take(json.loads(await reader.readexactly(size)))
        self._writer.close()

    async def _see_the_end(self) -> None:
        code = await self._process.wait()
        kill_group(self._process.pid)  # also end the processes that it has started
        await asyncio.wait(self._tasks[:1], timeout=LAST_WORDS_SECONDS)
        self._writer.close()
        if self._borrowing is not None:
            self._borrowing.cancel()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerGoneError(how_it_ended(code)))

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "log":
            self._log(message["line"], self._request_id)
        elif message["type"] == "borrow":
            self._returned.clear()
            self._borrowing = asyncio.create_task(self._lend())
        elif message["type"] == "returned":
            self._returned.set()
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(message)
            self._request_id = ""

    async def _lend(self) -> None:
        """Lend the terminal to the process until the process returns it or ends."""
        if self._terminal is None:
            return
        async with self._terminal.lent():
            self._send({"type": "lent"})
            await self._returned.wait()

    async def _read_output(self, output: asyncio.StreamReader) -> None:
        """Log the output that bypasses Python's streams, such as the output of a subprocess."""
        pending = b""
        while chunk := await output.read(65536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._log(line.decode(errors="replace"), self._request_id)
        if pending:
            self._log(pending.decode(errors="replace"), self._request_id)


def how_it_ended(code: int) -> str:
    """Describe the end of a process in words."""
    if code == UNSEEN:
        return "unknown exit status"
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
