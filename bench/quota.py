"""Part `quota`: posts a second from a process that is held to a share of a processor."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .harness import Measured, Section, Setup, check, check_load, median, shuffled_rounds, work

SHARE = 0.30
PERIOD_US = 100_000
CGROUPS = Path("/sys/fs/cgroup")
JOIN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
POSTS = {"fast": 30_000, "unsigned": 30_000, "boto3": 300}
CONNECTIONS = {"fast": 128, "unsigned": 128, "boto3": 32}


def measure(setup: Setup) -> list[Section]:
    """TLS, 10 ms, warm; as a Lambda function of 512 MB has its share of a processor."""
    section = Section(f"Held to {SHARE:.0%} of a processor", ("way", "posts/s", "CPU µs a post"))
    with limited() as limit:
        if limit is None:
            section.notes.append("Not measured: it needs a writable cgroup or `cpulimit`.")
            return [section]
        how, prefix = limit
        problems: list[str] = []

        def run(way: str) -> Measured:
            spec = {
                "way": way,
                "connections": CONNECTIONS[way],
                "posts": POSTS[way],
                "latency_us": 10_000,
                "warm": True,
                "cpu": setup.client_cpu,
            }
            setup.secure.control(latency_us=10_000)
            result = work("posts", setup.secure, spec, prefix)
            problems.extend(check_load(setup.secure, result["wall_s"], way))
            problems.extend(check(setup.secure, POSTS[way], way, signed=way != "unsigned"))
            rate = POSTS[way] / result["wall_s"]
            return result | {"rate": rate, "us": result["cpu_s"] / POSTS[way] * 1e6}

        runs = {way: lambda way=way: run(way) for way in POSTS}
        results = shuffled_rounds(runs, setup.rounds)
    for way, samples in results.items():
        section.rows.append([way, median(samples, "rate"), median(samples, "us")])
    section.notes += [f"Held by {how}.", *problems]
    rate = median(results["fast"], "rate")
    section.claim("posts a second at 10 ms", rate, "10,000 or more", held=rate >= 10_000)
    return [section]


@contextmanager
def limited() -> Iterator[tuple[str, list[str]] | None]:
    """How a process is held to its share, and the command that starts it so."""
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
    """A new control group with the quota, by version 2 or version 1 of the kernel's interface."""
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
