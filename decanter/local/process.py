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
from typing import Any

from decanter.declaration import Declaration
from decanter.errors import ProjectError

LENGTH = struct.Struct("!I")
WORKER = Path(__file__).with_name("worker.py")

LogLine = Callable[[str, str], None]
"""Takes a line that the process printed and the request id that it belongs to, or ""."""


class WorkerGoneError(Exception):
    """The process ended; the text says how."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How the processes of a function are started."""

    project: Path
    environment: Mapping[str, str]
    log: LogLine
    init_seconds: float = 60
    """How long importing the app may take."""


class Worker:
    """A process that has loaded the app and takes one event at a time."""

    def __init__(self, process: asyncio.subprocess.Process, log: LogLine) -> None:
        self._process = process
        self._log = log
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._request_id = ""
        self.declared: Declaration
        self.calls = 0
        self.busy = False

    @classmethod
    async def start(cls, launch: Launch) -> "Worker":
        """Start a process and wait until it has loaded the app.

        Raises:
            ProjectError: it cannot be loaded; the message is one line.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await _spawn(launch, theirs.fileno())
            except BaseException:
                ours.close()
                raise
        worker = cls(process, launch.log)
        try:
            await worker._load(ours, launch.init_seconds)
        except BaseException:
            worker.kill()
            raise
        return worker

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
        """Wait until the process is gone and all that it said is read."""
        await self._process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _load(self, connection: socket.socket, seconds: float) -> None:
        reader, self._writer = await asyncio.open_connection(sock=connection)
        loaded = self._expect()
        self._tasks = [
            asyncio.create_task(self._read_channel(reader)),
            asyncio.create_task(self._read_output()),
        ]
        try:
            message = await asyncio.wait_for(loaded, seconds)
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
        answer = self._expect()
        body = json.dumps(message).encode()
        self._writer.write(LENGTH.pack(len(body)) + body)
        return await answer

    def _expect(self) -> asyncio.Future[dict[str, Any]]:
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    async def _read_channel(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = LENGTH.unpack(await reader.readexactly(LENGTH.size))[0]
                self._take(json.loads(await reader.readexactly(size)))
        self._writer.close()
        code = await self._process.wait()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerGoneError(how_it_ended(code)))

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "log":
            self._log(message["line"], self._request_id)
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(message)
            self._request_id = ""

    async def _read_output(self) -> None:
        """Pass on what does not go through Python's streams: a subprocess, a crash's last words."""
        output = self._process.stdout
        assert output is not None
        pending = b""
        while chunk := await output.read(65536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._log(line.decode(errors="replace"), self._request_id)
        if pending:
            self._log(pending.decode(errors="replace"), self._request_id)


async def _spawn(launch: Launch, descriptor: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(WORKER), str(launch.project), "--fd", str(descriptor)),
        pass_fds=[descriptor],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
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
