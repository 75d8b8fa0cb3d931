"""Raise the limit of open files. Each connection is an open file, and usual limits are low."""

import asyncio
import errno
import resource
import time
from collections.abc import Callable
from typing import Any

MOST_FILES = 65_536
SAY_AGAIN_SECONDS = 10.0

Say = Callable[[str], None]


def allow_many() -> None:
    """Raise the soft limit of this process to the hard limit, but not above `MOST_FILES`."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if now != resource.RLIM_INFINITY and now < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        except (OSError, ValueError):  # macOS refuses some limits below its hard limit
            return


def watch_exhaustion(say: Say, loop: asyncio.AbstractEventLoop) -> None:
    """Report, at most every 10 s, that the gateway cannot open more files for new connections."""
    said = -SAY_AGAIN_SECONDS

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal said
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
            loop.default_exception_handler(context)
        elif time.monotonic() >= said + SAY_AGAIN_SECONDS:
            said = time.monotonic()
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            say(f"no more connections: all {limit} open files are in use; raise `ulimit -n`")

    loop.set_exception_handler(handle)
