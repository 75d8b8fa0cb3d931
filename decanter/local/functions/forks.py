"""Start workers. Fork them from a prepared process if this is safe, otherwise spawn them.

A forked worker skips most of the imports and shares most of its memory with other workers. The
prepared process, called the fork server, runs `forkserver.py`. This module runs in the gateway.
"""

import asyncio
import json
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self

from decanter.local.functions.process import (
    UNSEEN,
    Launch,
    Process,
    Worker,
    how_it_ended,
    spawn,
)
from decanter.project.reads import INTERPRETERS, differing, was_read

READY_SECONDS = 20.0
STOP_SECONDS = 2.0

PLACES = ("HOME", "PATH", "TMPDIR", "TZ", "VIRTUAL_ENV")
"""The fork server gets only these variables and the variables with prefixes in `INTERPRETERS`."""

REPLY_BYTES = 64 * 1024


class RefusedError(Exception):
    """The fork server cannot fork this process. The text is the reason."""


class ReplacedError(Exception):
    """This fork server has ended or is outdated. A new fork server forks later processes."""


class Forks:
    """Starts the workers of all functions.

    `note` gets a line for the user if workers are spawned, or if a fork server has died. With
    `enabled=False`, or after the death of `most_deaths` fork servers, all new workers are spawned.
    """

    def __init__(
        self, note: Callable[[str], None], *, enabled: bool = True, most_deaths: int = 5
    ) -> None:
        self._note = note
        self._enabled = enabled and sys.platform == "linux" and hasattr(os, "pidfd_open")
        self._starting: asyncio.Task[ForkServer | None] | None = None
        self._servers: list[ForkServer] = []
        self._deaths_left = most_deaths
        self._noted: set[str] = set()

    @property
    def pids(self) -> list[int]:
        """The process ids of the fork server and of older fork servers that still have children."""
        return [server.pid for server in self._servers if not server.has_ended]

    async def start(self, launch: Launch) -> Worker:
        """Start a worker and wait until it has loaded the app.

        Raises:
            ProjectError: the app cannot be loaded. The message is one line.
            ServiceError: the system cannot start another process.
        """
        return await Worker.start(launch, self._begin)

    async def stop(self) -> None:
        """End the fork servers and all their children."""
        self._enabled = False
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await asyncio.gather(*(server.stop() for server in self._servers))

    async def _begin(self, launch: Launch, channel: int, output: int) -> Process:
        server = await self._current(launch) if self._enabled else None
        if server is not None:
            try:
                return await server.fork(launch, channel, output)
            except RefusedError as refused:
                self._note_spawning(refused)
            except ReplacedError:
                pass  # spawn this one worker
        return await spawn(launch, channel, output)

    async def _current(self, launch: Launch) -> "ForkServer | None":
        """Return the current fork server. Start a fork server if none runs."""
        for server in self._servers:
            if server.is_open:
                return server
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start_server(launch))
        return await asyncio.shield(self._starting)

    async def _start_server(self, launch: Launch) -> "ForkServer | None":
        self._servers = [server for server in self._servers if not server.has_ended]
        server = await ForkServer.start(launch, self._died)
        self._servers.append(server)
        try:
            await server.prepare()
        except RefusedError as refused:
            self._enabled = False
            self._note_spawning(refused)
            await server.stop()
            return None
        return server

    def _died(self, how: str) -> None:
        self._deaths_left -= 1
        self._enabled = self._enabled and self._deaths_left > 0
        self._note(
            f"the fork server has ended ({how}): "
            + ("starting another one" if self._enabled else "processes are spawned from now on")
        )

    def _note_spawning(self, refused: RefusedError) -> None:
        text = f"processes are spawned instead of forked: {refused}"
        if text not in self._noted:
            self._noted.add(text)
            self._note(text)


class ForkServer:
    """The gateway's side of a fork server process, which answers messages in order.

    `on_death` is called with the cause if the process ends unexpectedly after `prepare`.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        connection: socket.socket,
        environment: Mapping[str, str],
        on_death: Callable[[str], None],
    ) -> None:
        self._process = process
        self._connection = connection
        self._environment = environment
        self._on_death = on_death
        self._reads: set[str] = set()
        self._children: dict[int, Forked] = {}
        self._answers: deque[asyncio.Future[dict[str, Any]]] = deque()
        self._may_end = True
        self._how = ""
        self.is_open = False
        connection.setblocking(False)  # noqa: FBT003 - Python's own signature
        asyncio.get_running_loop().add_reader(connection, self._read)
        self._end = asyncio.create_task(self._see_the_end())

    @classmethod
    async def start(cls, launch: Launch, on_death: Callable[[str], None]) -> Self:
        """Start the process without waiting until it can fork. `prepare` waits."""
        environment = {
            name: value
            for name, value in launch.environment.items()
            if name.startswith(INTERPRETERS) or name in PLACES
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *launch.script(theirs.fileno()),
                    "--forks",
                    pass_fds=[theirs.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    env=environment,
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        return cls(process, ours, environment, on_death)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """True after the process has ended."""
        return self._end.done()

    async def prepare(self) -> None:
        """Wait until the process has imported the shared modules.

        Raises:
            RefusedError: a fork of the process is not safe, or the process does not start.
        """
        try:
            async with asyncio.timeout(READY_SECONDS):
                answer = await self._answer()
        except TimeoutError:
            raise RefusedError(f"the fork server is not ready after {READY_SECONDS:g} s") from None
        except ReplacedError:
            await asyncio.wait({self._end}, timeout=STOP_SECONDS)
            raise RefusedError(f"the fork server does not start ({self._how})") from None
        if answer["type"] != "ready":
            raise RefusedError(answer["why"])
        self._reads = set(answer["reads"])
        self.is_open, self._may_end = True, False

    async def fork(self, launch: Launch, channel: int, output: int) -> "Forked":
        """Fork a process that continues like a spawned worker with this channel and this output.

        Raises:
            RefusedError: the forked process would differ from a spawned process, or the fork fails.
            ReplacedError: the fork server has ended, or a file of the shared modules has changed.
        """
        self._check(launch.environment)
        request = {"project": str(launch.project), "environment": dict(launch.environment)}
        try:
            socket.send_fds(self._connection, [json.dumps(request).encode()], [channel, output])
        except OSError as error:  # too large for a message, or the server has just ended
            raise RefusedError(
                f"the fork server does not accept a request: {error.strerror}"
            ) from error
        answer = await self._answer()
        if answer["type"] == "forked":
            process: Forked = answer["process"]
            return process
        if answer["stale"]:
            raise ReplacedError(answer["why"])
        raise RefusedError(answer["why"])

    async def stop(self) -> None:
        """End the fork server and all its children. A second call does nothing."""
        self._may_end = True
        self._close()
        done, _ = await asyncio.wait({self._end}, timeout=STOP_SECONDS)
        if not done:
            self._process.kill()
            await self._end

    def _check(self, environment: Mapping[str, str]) -> None:
        for name in differing(environment, self._environment):
            if was_read(name, self._reads):
                raise RefusedError(f"{name} is read when the shared modules are imported")

    async def _answer(self) -> dict[str, Any]:
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        return await answer

    def _read(self) -> None:
        try:
            body = self._connection.recv(REPLY_BYTES)
        except BlockingIOError:
            return
        except OSError:
            body = b""
        if not body:
            self._close()
            return
        message = json.loads(body)
        if message["type"] == "ended":
            self._children.pop(message["pid"]).end(message["code"])
            return
        if message["type"] == "forked":
            process = message["process"] = Forked(message["pid"])
            self._children[process.pid] = process
        elif message["type"] == "refused" and message["stale"]:
            self.is_open, self._may_end = False, True
        answer = self._answers.popleft()
        if not answer.done():  # otherwise nobody waits for the answer
            answer.set_result(message)

    def _close(self) -> None:
        self.is_open = False
        if self._connection.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._connection)
        self._connection.close()
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(ReplacedError("the fork server has ended"))
        self._answers.clear()
        for child in self._children.values():
            child.watch()
        self._children.clear()

    async def _see_the_end(self) -> None:
        _, said = await self._process.communicate()
        assert self._process.returncode is not None
        self._close()
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        how = how_it_ended(self._process.returncode)
        self._how = f"{how}: {last}" if last else how
        if not self._may_end:
            self._on_death(self._how)


class Forked:
    """A process that a fork server has forked. The fork server reports the process's end."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        """Wait for the end of the process. Return the exit status."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def end(self, code: int) -> None:
        """Record the end of the process."""
        self.returncode = code
        self._ended.set()

    def watch(self) -> None:
        """Watch for the end of the process without the fork server, which has ended."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            self.end(UNSEEN)
            return
        asyncio.get_running_loop().add_reader(descriptor, self._seen, descriptor)

    def _seen(self, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
        self.end(UNSEEN)
