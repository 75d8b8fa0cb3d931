"""A running local gateway, started as a user starts it, for tests that connect to it."""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from websockets.sync.client import ClientConnection, connect

from tests.support import forked

ROOT = Path(__file__).parents[2]
PROJECTS = ROOT / "tests" / "projects"
NODE = ROOT / "tests" / "support" / "node"
SECONDS = float(os.environ.get("TEST_SECONDS", "30"))
"""The time limit of a test's waits. A slow machine may set a longer one."""


@dataclass
class Running:
    """A running gateway, and its output."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _new: "queue.Queue[str | None]" = field(default_factory=queue.Queue)
    _started: int = 0

    @property
    def url(self) -> str:
        return self.banner("WebSocket")

    @property
    def management_url(self) -> str:
        return self.banner("@connections").removesuffix("/@connections/{connectionId}")

    @property
    def origin(self) -> str:
        return self.banner("Console").rstrip("/")

    def connect(
        self, query: str = "", **options: Any
    ) -> contextlib.AbstractContextManager[ClientConnection]:
        """Open a client's connection without compression, so frames are exactly as sent."""
        target = f"{self.url}?{query}" if query else self.url
        connecting: contextlib.AbstractContextManager[ClientConnection] = connect(
            target, compression=None, open_timeout=SECONDS, **options
        )
        return connecting

    @contextlib.contextmanager
    def connect_all(self, number: int) -> Iterator[list[ClientConnection]]:
        """Open several clients' connections, and close them at the block's end."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(self.connect()) for _ in range(number)]

    def management(self, **options: Any) -> Any:
        """Return boto3's client for this gateway."""
        return boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=self.management_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            **options,
        )

    def wait_for_line(self, pattern: str) -> str:
        """Return the first line, already printed or later, that matches the pattern."""
        deadline = time.monotonic() + SECONDS
        seen = 0
        while True:
            for line in self.lines[seen:]:
                seen += 1
                if re.search(pattern, line):
                    return line
            try:
                more = self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                more = None
            if more is None and seen == len(self.lines):
                raise AssertionError(f"no line with {pattern!r} in:\n" + "\n".join(self.lines))

    def wait_for_changes(self, number: int) -> None:
        """Wait until this many changes are in service since the start or `forget_lines`."""

        def count() -> int:
            return sum("changed: in service after" in line for line in self.lines)

        wait_until(lambda: count() == number, f"change {number} is in service")

    def forget_lines(self) -> None:
        """Keep only the lines of the start, so that a test does not see those of the one before."""
        del self.lines[self._started :]

    def has_started(self) -> None:
        """Keep the lines so far whatever is forgotten."""
        self._started = len(self.lines)

    def read_output(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._new.put(line)
        self._new.put(None)

    def banner(self, label: str) -> str:
        """Return the text after a label in the banner."""
        line = next(line for line in self.lines if line.startswith(label))
        return line.split(maxsplit=1)[1]


@contextlib.contextmanager
def gateway(
    project: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
    cwd: Path = ROOT,
    ready: str = "^Connect +",
    spawned: bool = False,
) -> Iterator[Running]:
    """Run `decanter local` on a free port until the block ends; wait for the output `ready`.

    If `spawned` is true, the gateway and its processes are new interpreters with their own command
    lines. In the folder of another copy of Decanter, they always are.
    """
    start = subprocess.Popen if spawned or cwd != ROOT else forked.Popen
    process = start(
        [
            *(python, "-m", "decanter", "local", "--project-dir", str(project), "--port", "0"),
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=cwd,
    )
    running = Running(process)
    reader = threading.Thread(target=running.read_output)
    reader.start()
    try:
        running.wait_for_line(ready)
        running.has_started()
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


def read_json_when_there(path: Path) -> Any:
    """Return the JSON of a file that another process is about to write completely."""
    wait_until(path.is_file, f"{path.name} is written")
    return json.loads(path.read_text())


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition that no event announces.

    A check may be expensive, so the pause between two checks grows with the time that has passed.

    Raises:
        AssertionError: it is not true within the tests' time limit.
    """
    began = time.monotonic()
    pause = threading.Event()
    while not condition():
        passed = time.monotonic() - began
        assert passed < SECONDS, f"still not true: {what}"
        pause.wait(min(0.01 + passed / 5, 0.1))
