"""The limit of open files."""

import asyncio
import errno
import resource
import subprocess
import sys

from decanter.local.files import MOST_FILES, watch_exhaustion

RAISE = """
import resource
from decanter.local.files import allow_many
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
allow_many()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_the_limit_is_raised_to_the_hard_limit() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", RAISE], capture_output=True, text=True, check=True
    )
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits = [MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)]
    assert int(shown.stdout) in [*limits, 64]  # 64 if the system refuses its own hard limit


def test_the_reached_limit_is_reported_once_for_several_errors() -> None:
    said: list[str] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        watch_exhaustion(said.append, loop)
        for _ in range(3):
            error = OSError(errno.EMFILE, "Too many open files")
            loop.call_exception_handler({"message": "accept failed", "exception": error})

    asyncio.run(run())
    (line,) = said
    assert line.startswith("no more connections: all ")
    assert line.endswith(" open files are in use; raise `ulimit -n`")
