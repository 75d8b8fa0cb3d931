"""Part `quota`: posts a second from a process with a limited share of a processor."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness import Section, Setup, median, shuffled_rounds
from bench.posts import Posting

SHARE = 0.30
PERIOD_US = 100_000
LATENCY_MS = 10
CGROUPS = Path("/sys/fs/cgroup")
JOIN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
POSTS = {"fast": 30_000, "unsigned": 30_000, "boto3": 300}
CONNECTIONS = {"fast": 128, "unsigned": 128, "boto3": 32}


def measure(setup: Setup) -> list[Section]:
    """Measure with TLS, 10 ms of latency, and a 512 MB function's share of a processor."""
    section = Section(f"Limited to {SHARE:.0%} of a processor", ("way", "posts/s", "CPU µs a post"))
    with limited() as limit:
        if limit is None:
            section.notes.append("Not measured: this part needs a writable cgroup or `cpulimit`.")
            return [section]
        how, prefix = limit
        posting = Posting(setup.secure, setup.client_cpu, prefix)
        rows = {
            way: posting.add(way, CONNECTIONS[way], posts, LATENCY_MS)
            for way, posts in POSTS.items()
        }
        results = shuffled_rounds(posting.runs(), setup.rounds)
    for way, row in rows.items():
        samples = results[row]
        section.rows.append([way, median(samples, "rate"), median(samples, "us")])
    section.notes += [f"Limited by {how}.", *posting.notes]
    rate = median(results[rows["fast"]], "rate")
    section.claim("posts a second at 10 ms", rate, "10,000 or more", held=rate >= 10_000)
    return [section]


@contextmanager
def limited() -> Iterator[tuple[str, list[str]] | None]:
    """Yield the method that limits a process, and the prefix of a command with this limit.

    Yield None if no method is available.
    """
    folder = _group()
    if folder is not None:
        try:
            yield (
                f"the quota of a cgroup ({folder.parent}), periods of 100 ms",
                ["sh", "-c", JOIN, str(folder)],
            )
        finally:
            folder.rmdir()
    elif shutil.which("cpulimit"):
        yield "cpulimit", ["cpulimit", "-f", "-q", "-l", f"{SHARE * 100:.0f}", "--"]
    else:
        yield None


def _group() -> Path | None:
    """Make a control group with the quota, with version 2 or 1 of the kernel's interface.

    Return None if neither version allows this.
    """
    quota = round(SHARE * PERIOD_US)
    for parent, settings in (
        (CGROUPS, {"cpu.max": f"{quota} {PERIOD_US}"}),
        (CGROUPS / "cpu", {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(quota)}),
    ):
        folder = parent / f"decanter-bench-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        if all((folder / name).exists() for name in settings):
            for name, value in settings.items():
                (folder / name).write_text(value)
            return folder
        folder.rmdir()
    return None
