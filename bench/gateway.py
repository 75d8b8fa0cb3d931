"""The costs of the local gateway, compared to a plain echo server with the same library.

    python bench/gateway.py [--idle 5000] [--echo 1000] [--rounds 5] [--soak 10] [--at-once 20]

Idle connections: the server's memory for each connection. Echoes: each connection sends one message
at the same time as the others and waits for the echo, alternately at the plain server and at the
gateway. The client measures the times and shares the machine, so the ratio within a round is more
reliable than the times. Soak: clients connect, send and leave, again and again. The exit status is
1 if the gateway has more processes or descriptors, or clearly more memory, at the end than after
the warm-up.
"""

import argparse
import asyncio
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

ROOT = Path(__file__).resolve().parent.parent
HANDSHAKES_AT_ONCE = 50
LONE_ECHOES = 50
OTHER_FILES = 200
WARM_UP_SHARE = 0.25
WARM_UP_SECONDS = 5.0
"""The minimum duration of the warm-up, in which processes start and caches fill."""
QUIET_SECONDS = 2.0
MORE_MEMORY = 1.05
"""A smaller increase may be chance: Python's heap has no fixed size."""


@dataclass(frozen=True)
class Served:
    """A server under test: its process and its URL."""

    process: subprocess.Popen[str]
    url: str

    def processes(self) -> list[int]:
        """Return the ids of the server's process and of all its descendants."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
        return found


@contextlib.contextmanager
def served(*command: str) -> Iterator[Served]:
    """Run a server that prints a line with its URL; discard its later output."""
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        url = next(word for line in process.stdout for word in line.split() if "ws://" in word)
        asyncio.get_running_loop().run_in_executor(None, process.stdout.read)
        try:
            yield Served(process, url.strip('",'))
        finally:
            process.terminate()


async def plain_server() -> None:
    """Run the baseline: an echo server that uses only the library."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", flush=True)
        await server.serve_forever()


async def open_connections(url: str, number: int) -> list[ClientConnection]:
    """Open connections, with at most `HANDSHAKES_AT_ONCE` handshakes at a time."""
    at_once = asyncio.Semaphore(HANDSHAKES_AT_ONCE)

    async def one() -> ClientConnection:
        async with at_once:
            return await connect(
                url, compression=None, ping_interval=None, open_timeout=60, close_timeout=1
            )

    return await asyncio.gather(*(one() for _ in range(number)))


async def echo_times(connections: list[ClientConnection], text: str) -> list[float]:
    """Send on all connections at the same time; return the milliseconds until each echo."""

    async def one(connection: ClientConnection) -> float:
        began = time.perf_counter()
        await connection.send(text)
        assert await connection.recv() == text
        return (time.perf_counter() - began) * 1000

    return await asyncio.gather(*(one(connection) for connection in connections))


async def lone_echo(connection: ClientConnection, text: str) -> float:
    """Return the median of one connection's successive echoes, in milliseconds."""
    times = [(await echo_times([connection], text))[0] for _ in range(LONE_ECHOES)]
    return statistics.median(times)


def resident_kb(pid: int) -> int:
    """Return a process's resident memory in KB."""
    fields = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS"))


@dataclass(frozen=True)
class Row:
    """One way to echo, and the milliseconds of each round: p50, p99 and an echo alone."""

    name: str
    connections: list[ClientConnection]
    text: str
    rounds: list[tuple[float, float, float]] = field(default_factory=list)

    async def play(self) -> None:
        """Run one round."""
        times = await echo_times(self.connections, self.text)
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
        self.rounds.append((p50, p99, await lone_echo(self.connections[0], self.text)))

    def tell(self, plain: "Row") -> None:
        """Print the medians of the times, and of their ratios to the plain server's times."""
        figures = [statistics.median(column) for column in zip(*self.rounds, strict=True)]
        pairs = zip(self.rounds, plain.rounds, strict=True)
        ratios = [[a / b for a, b in zip(mine, theirs, strict=True)] for mine, theirs in pairs]
        times = [statistics.median(column) for column in zip(*ratios, strict=True)]
        cells = [
            f"{name} {ms:.1f} ms (x {ratio:.1f})"
            for name, ms, ratio in zip(("p50", "p99", "alone"), figures, times, strict=True)
        ]
        print(f"{self.name}: {', '.join(cells)}", flush=True)


async def idle(name: str, server: Served, number: int) -> list[ClientConnection]:
    """Open connections, and print the server's memory for each."""
    before = resident_kb(server.process.pid)
    began = time.perf_counter()
    connections = await open_connections(server.url, number)
    seconds = time.perf_counter() - began
    each = (resident_kb(server.process.pid) - before) / number
    print(f"{name}: {number} connections in {seconds:.1f} s, {each:.1f} KB each", flush=True)
    return connections


async def compare(plain: Served, gateway: Served, options: argparse.Namespace) -> None:
    """Compare idle connections at both servers, then let some of them echo, alternately."""
    at_plain = await idle("plain", plain, options.idle)
    at_gateway = await idle("gateway", gateway, options.idle)
    two_way = json.dumps({"action": "two-way"})
    rows = [
        Row("plain server", at_plain[: options.echo], "hello"),
        Row("gateway, two-way route", at_gateway[: options.echo], two_way),
        Row("gateway, a post", at_gateway[: options.echo], "hello"),
    ]
    for row in rows:  # one warm-up round each: processes start, caches fill
        await row.play()
        row.rounds.clear()
    for _ in range(options.rounds):
        for row in rows:
            await row.play()
    print(f"{options.echo} echoes in parallel, and one alone; medians of {options.rounds} rounds")
    for row in rows:
        row.tell(rows[0])
    await asyncio.gather(*(connection.close() for connection in at_plain + at_gateway))


def held(server: Served) -> dict[str, int]:
    """Return the resources that the gateway and its processes hold."""
    pids = server.processes()
    return {
        "processes": len(pids),
        "descriptors": sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids),
        "gateway_kb": resident_kb(server.process.pid),
        "all_kb": sum(resident_kb(pid) for pid in pids),
    }


def is_more(end: dict[str, int], warm: dict[str, int]) -> bool:
    """Return True if a resource has grown since the warm-up."""
    counts = any(end[name] > warm[name] for name in ("processes", "descriptors"))
    return counts or any(end[name] > MORE_MEMORY * warm[name] for name in ("gateway_kb", "all_kb"))


async def work(server: Served, seconds: float, at_once: int) -> int:
    """Connect, echo, leave, on several connections at the same time. Return the total."""
    ends = time.monotonic() + seconds
    turns = 0

    async def one() -> None:
        nonlocal turns
        while time.monotonic() < ends:
            async with connect(server.url, compression=None, open_timeout=60) as connection:
                await echo_times([connection], "soak")
            turns += 1

    await asyncio.gather(*(one() for _ in range(at_once)))
    await asyncio.sleep(QUIET_SECONDS)  # compare resources when idle, not under load
    return turns


async def soak(server: Served, seconds: float, at_once: int) -> bool:
    """Work, measure, work on, and measure again. Return True if nothing has grown in between."""
    first = max(seconds * WARM_UP_SHARE, WARM_UP_SECONDS)
    turns = await work(server, first, at_once)
    warm = held(server)
    turns += await work(server, max(seconds - first, first), at_once)
    end = held(server)
    print(f"soak: {turns} connections in {seconds:g} s\n  warm {warm}\n  end  {end}")
    return not is_more(end, warm)


async def run(options: argparse.Namespace) -> bool:
    """Run the comparison, then the soak; return False if the soak finds a leak."""
    project = str(ROOT / "bench" / "echo")
    with served("-m", "decanter", "local", "--project-dir", project, "--port", "0") as gateway:
        if options.idle:
            with served(__file__, "--plain-server") as plain:
                await compare(plain, gateway, options)
        return not options.soak or await soak(gateway, options.soak, options.at_once)


def allow_files(wanted: int) -> None:
    """Raise the limit of open files, for the servers too.

    Raises:
        SystemExit: the hard limit is too low.
    """
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < wanted:
        sys.exit(
            f"{wanted} open files are needed, {most} allowed: raise `ulimit -Hn`, or lower --idle"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))


def main() -> int:
    """Read the options, raise the limit of open files, and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--idle", type=int, default=5000, help="connections to each server; 0: only soak"
    )
    parser.add_argument(
        "--echo", type=int, default=1000, help="connections that echo at the same time"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--soak", type=float, default=10, metavar="SECONDS")
    parser.add_argument(
        "--at-once", type=int, default=20, help="connections at the same time in the soak"
    )
    parser.add_argument("--plain-server", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain_server:
        asyncio.run(plain_server())
        return 0
    allow_files(2 * options.idle + OTHER_FILES)  # this process is the client of both servers
    return 0 if asyncio.run(run(options)) else 1


if __name__ == "__main__":
    sys.exit(main())
