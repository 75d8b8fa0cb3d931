"""Serve the app in `decanter local`, with short limits."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from decanter.errors import ServiceError
from decanter.project.config import Project
from decanter.verify.facts.probe import Limits

LIMITS = Limits(integration=2, idle=5)
STOP_SECONDS = 10


@contextmanager
def served(project: Project) -> Iterator[str]:
    """Serve the project until the block ends. Yield the WebSocket URL.

    Raises:
        ServiceError: the gateway does not start.
    """
    limits = ("--integration-timeout", str(LIMITS.integration), "--idle-timeout", str(LIMITS.idle))
    command = (sys.executable, "-m", "decanter", "local", "--port", "0", "--no-reload", *limits)
    with subprocess.Popen(
        [*command, "--project-dir", str(project.directory)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C ends this command first, and then the gateway
    ) as process:
        try:
            yield _url(process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _url(process: subprocess.Popen[str]) -> str:
    """Return the URL from the output, and discard all later output."""
    assert process.stdout is not None
    lines, url = [], ""
    for line in process.stdout:
        lines.append(line)
        label, _, value = line.partition(" ")
        url = value.strip() if label == "WebSocket" else url
        if label == "Connect":
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return url
    raise ServiceError("`decanter local` does not start", detail="".join(lines))
