"""One worker process from the gateway's side: start it, give it events, read what it says."""

import asyncio
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from decanter.declaration import Declaration
from decanter.errors import ProjectError

LENGTH = struct.Struct("!I")
WORKER = Path(__file__).with_name("worker.py")

LAST_WORDS_SECONDS = 0.5
"""How long what a process has written may take to arrive once it is gone."""

LogLine = Callable[[str, str], None]
"""Takes a line that the process printed and the request id that it belongs to, or ""."""


class WorkerGoneError(Exception):
    """The process ended; the text says how."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How the processes of a function are started.

    Attributes:
        project: the folder of the app.
        environment: the processes' whole environment.
        log: what they print goes there.
        init_seconds: how long importing the app may take.
        is_current: whether the project's files are what they were for this version of it.
    """

    project: Path
    environment: Mapping[str, str]
    log: LogLine
    init_seconds: float = 60
    is_current: Callable[[], bool] = lambda: True


class Worker:
    """A process that takes one event at a time, once it has loaded the app."""

    def __init__(self, process: asyncio.subprocess.Process, log: LogLine) -> None:
        self._process = process
        self._log = log
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._request_id = ""
        self._writer: asyncio.StreamWriter
        self._output: asyncio.ReadTransport
        self.declared: Declaration
        self.calls = 0
        self.busy = False

    @classmethod
    async def start(cls, launch: Launch) -> "Worker":
        """Start a process and wait until it has loaded the app.

        Raises:
            ProjectError: it cannot be loaded; the message is one line.
        """
        worker = await cls.spawn(launch)
        await worker.load(launch)
        return worker

    @classmethod
    async def spawn(cls, launch: Launch, *, ahead: bool = False) -> "Worker":
        """Start a process that can be told to load the app.

        Args:
            launch: how.
            ahead: have it import what apps share, and wait until it has.

        Raises:
            WorkerGoneError: the process ended before it had.
        """
        ours, theirs = socket.socketpair()
        output, printed = os.pipe()
        with theirs, os.fdopen(printed, "wb") as out:
            try:
                process = await _spawn(launch, theirs.fileno(), out, *["--ahead"] * ahead)
            except BaseException:
                ours.close()
                os.close(output)
                raise
        worker = cls(process, launch.log)
        await worker._listen(ours, output)
        if ahead:
            await worker._ready()
        return worker

    async def _ready(self) -> None:
        try:
            await self._answered()
        except BaseException:
            self.kill()
            await self.wait()
            raise

    async def load(self, launch: Launch) -> None:
        """Have the app loaded; `launch` may be newer than the one it was spawned with.

        Raises:
            ProjectError: it cannot be loaded; the message is one line.
        """
        self._log = launch.log
        try:
            await self._load(launch.init_seconds)
        except BaseException:
            self.kill()
            await self.wait()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process can still take an event."""
        return self._process.returncode is None and not self._tasks[0].done()

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Have one event handled; its `result` or `error`.

        Raises:
            WorkerGoneError: the process ended before it answered.
        """
        self.calls += 1
        self._request_id = message["api_request_id"]
        return await self._ask(message)

    def kill(self) -> None:
        """End the process and whatever it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> None:
        """Wait until the process is gone and what it said is read.

        What it has started may have left its process group, and hold its output open for ever.
        """
        await self._process.wait()
        await asyncio.wait(self._tasks, timeout=LAST_WORDS_SECONDS)
        self._output.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, connection: socket.socket, output: int) -> None:
        channel, self._writer = await asyncio.open_connection(sock=connection)
        printed = asyncio.StreamReader()
        # Not the process's own pipe: asyncio takes no process to have ended while that is open.
        self._output, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(printed), os.fdopen(output, "rb", 0)
        )
        work = (self._read_channel(channel), self._read_output(printed), self._see_the_end())
        self._tasks = [asyncio.create_task(each) for each in work]

    async def _load(self, seconds: float) -> None:
        try:
            message = await asyncio.wait_for(self._ask({"type": "load"}), seconds)
        except TimeoutError:
            raise ProjectError(f"importing app.py did not end within {seconds:g} s") from None
        except WorkerGoneError as gone:
            raise ProjectError(f"the process that imports app.py ended ({gone})") from None
        if message["type"] == "failed":
            raise ProjectError(
                message["declaration"]["message"], detail=message["declaration"]["detail"]
            )
        self.declared = Declaration.from_json(message["declaration"])

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(message).encode()
        self._writer.write(LENGTH.pack(len(body)) + body)
        return await self._answered()

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
        await asyncio.wait(self._tasks[:1], timeout=LAST_WORDS_SECONDS)
        self._writer.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerGoneError(how_it_ended(code)))

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "log":
            self._log(message["line"], self._request_id)
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(message)
            self._request_id = ""

    async def _read_output(self, output: asyncio.StreamReader) -> None:
        """Pass on what does not go through Python's streams: a subprocess, a crash's last words."""
        pending = b""
        while chunk := await output.read(65536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._log(line.decode(errors="replace"), self._request_id)
        if pending:
            self._log(pending.decode(errors="replace"), self._request_id)


async def _spawn(
    launch: Launch, descriptor: int, out: IO[bytes], *options: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(WORKER), str(launch.project), "--fd", str(descriptor)),
        *options,
        pass_fds=[descriptor],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        stderr=asyncio.subprocess.STDOUT,
        env=launch.environment,
        start_new_session=True,  # Ctrl-C in the terminal is the gateway's to handle
    )


def how_it_ended(code: int) -> str:
    """A process's end in words."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
