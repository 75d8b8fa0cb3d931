"""The costs of the functions' processes: from a fork server, or each started separately.

    python bench/processes.py [--rounds 3] [--clients 45 --seconds 3] [--idle 5]

Each round does this in both ways: start `decanter local` with this repository's app, and read its
start time and memory. Change a file, and read how long the reload took. Then use an app with a slow
handler, and let many clients send a message at the same time. Read the time until the last answer,
the memory at that point, and the memory after the idle processes have ended. Memory is the PSS of
the whole process tree: shared memory counts once. The exit status is 1 if forking does not take
less memory, or if the memory is not released.
"""

import argparse
import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("app.py", "chalicelib", ".chalice")
SLOW = ROOT / "bench" / "slow"
SETTLE_SECONDS = 2.0
MORE_MEMORY = 1.1
"""The allowed ratio to the memory before the load: the gateway's own heap may grow."""


@dataclass
class Figures:
    """The figures of one round."""

    start_s: float
    start_mb: float
    reload_ms: float
    burst_s: float
    burst_mb: float
    before_mb: float
    idle_mb: float


class Gateway:
    """A running `decanter local`, and its output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def line(self, part: str) -> str:
        """Return the next line that contains this text."""
        assert self._process.stdout is not None
        return next(line for line in self._process.stdout if part in line)

    def drain(self) -> None:
        """Read the remaining output, so that the gateway never blocks on it."""
        assert self._process.stdout is not None
        threading.Thread(target=self._process.stdout.read, daemon=True).start()

    def megabytes(self) -> float:
        """Return the PSS of the gateway's process and all its descendants, in MB."""
        pids = [self._process.pid]
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += [int(child) for child in task.read_text().split()]
        return sum(map(pss_kb, pids)) / 1024


def pss_kb(pid: int) -> int:
    """Return a process's PSS in KB, which includes a proportional part of shared memory."""
    fields = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("Pss:"))


@contextmanager
def gateway(project: Path, *options: str) -> Iterator[Gateway]:
    """Run the gateway on a free port until the block ends."""
    command = ("-m", "decanter", "local", "--project-dir", str(project), "--port", "0", *options)
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield Gateway(process)
        finally:
            process.terminate()


async def slow_messages(url: str, clients: int, seconds: float) -> float:
    """Return the seconds until every client has the answer of a slow handler."""

    async def one(connection: ClientConnection) -> None:
        await connection.send(str(seconds))
        answer = await connection.recv()
        assert answer == str(seconds), answer

    connections = [await connect(url, compression=None) for _ in range(clients)]
    began = time.perf_counter()
    await asyncio.gather(*map(one, connections))
    took = time.perf_counter() - began
    await asyncio.gather(*(connection.close() for connection in connections))
    return took


def measure(how: str, options: argparse.Namespace, folder: Path) -> Figures:
    """Return the figures of one round with one way to start processes."""
    began = time.perf_counter()
    with gateway(folder, *how.split()) as served:
        served.line("Connect ")
        start = time.perf_counter() - began
        time.sleep(SETTLE_SECONDS)
        memory = served.megabytes()
        with (folder / "app.py").open("a") as file:
            file.write("\n")
        reload = float(served.line("in service after").split()[-2])
    idle = ("--process-idle-timeout", str(options.idle))
    none = ("--dynamodb-endpoint", "http://127.0.0.1:9")
    with gateway(SLOW, *how.split(), *idle, *none) as served:
        url = served.line("WebSocket").split()[1]
        served.line("Connect ")
        served.drain()
        asyncio.run(slow_messages(url, 1, 0))  # warm-up: botocore's client stays in memory
        before = served.megabytes()
        burst = asyncio.run(slow_messages(url, options.clients, options.seconds))
        most = served.megabytes()
        time.sleep(options.idle + SETTLE_SECONDS)
        return Figures(start, memory, reload, burst, most, before, served.megabytes())


def main() -> int:
    """Measure both ways alternately, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=45)
    parser.add_argument("--seconds", type=float, default=3, help="the handler's duration")
    parser.add_argument("--idle", type=float, default=5, help="--process-idle-timeout")
    options = parser.parse_args()
    rounds: dict[str, list[Figures]] = {"": [], "--no-fork": []}
    with tempfile.TemporaryDirectory() as folder:
        for name in SHIPPED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        for _ in range(options.rounds):
            for how, figures in rounds.items():
                figures.append(measure(how, options, Path(folder)))
    medians = {how: median(figures) for how, figures in rounds.items()}
    print(f"medians of {options.rounds}; {options.clients} clients of {options.seconds:g} s each")
    for how, each in medians.items():
        print(
            f"{'spawned' if how else 'forked'}:\n"
            f"  this app: start {each.start_s:.2f} s, {each.start_mb:.0f} MB,"
            f" reload {each.reload_ms:.0f} ms\n"
            f"  clients: {each.burst_s:.2f} s; {each.before_mb:.0f} MB before,"
            f" {each.burst_mb:.0f} MB with them, {each.idle_mb:.0f} MB when idle again"
        )
    forked, spawned = medians.values()
    is_better = forked.start_mb < spawned.start_mb and forked.burst_mb < spawned.burst_mb
    return 0 if is_better and forked.idle_mb < MORE_MEMORY * forked.before_mb else 1


def median(figures: list[Figures]) -> Figures:
    """Return the median of each figure."""
    columns = zip(*(asdict(each).values() for each in figures), strict=True)
    return Figures(*map(statistics.median, columns))


if __name__ == "__main__":
    sys.exit(main())
