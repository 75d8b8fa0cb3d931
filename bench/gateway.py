"""What the local gateway costs, beside a plain echo server of the same library in the same run.

    python bench/gateway.py [--idle 5000] [--echo 1000] [--rounds 3] [--soak 10]

Idle connections: the server's memory for each. Echoes: so many connections send one message at
once and wait for it; the times are the client's, which shares the machine. Soak: connect, message,
leave, again and again; what the gateway's processes hold at the end and after warming up.
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
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

ROOT = Path(__file__).resolve().parent.parent
HANDSHAKES_AT_ONCE = 50
WARM_UP_SHARE = 0.25


@dataclass(frozen=True)
class Served:
    """A server under test: its process and its URL."""

    process: subprocess.Popen[str]
    url: str

    def processes(self) -> list[int]:
        """Its process and all below it."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
        return found


@contextlib.contextmanager
def served(*command: str) -> Iterator[Served]:
    """Run a server that prints a line with its URL; what it prints later is thrown away."""
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
    """The yardstick: nothing but the library."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", flush=True)
        await server.serve_forever()


async def open_connections(url: str, number: int) -> list[ClientConnection]:
    """So many connections, a few handshakes at once."""
    at_once = asyncio.Semaphore(HANDSHAKES_AT_ONCE)

    async def one() -> ClientConnection:
        async with at_once:
            return await connect(
                url, compression=None, ping_interval=None, open_timeout=60, close_timeout=1
            )

    return await asyncio.gather(*(one() for _ in range(number)))


async def echo_times(connections: list[ClientConnection], text: str) -> list[float]:
    """All send at once; milliseconds until each has its message back."""

    async def one(connection: ClientConnection) -> float:
        began = time.perf_counter()
        await connection.send(text)
        assert await connection.recv() == text
        return (time.perf_counter() - began) * 1000

    return await asyncio.gather(*(one(connection) for connection in connections))


def resident_kb(pid: int) -> int:
    """A process's resident memory in KB."""
    fields = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS"))


async def measure(
    name: str, server: Served, texts: dict[str, str], options: argparse.Namespace
) -> None:
    """Idle connections first, then some of them echo."""
    before = resident_kb(server.process.pid)
    began = time.perf_counter()
    connections = await open_connections(server.url, options.idle)
    seconds = time.perf_counter() - began
    each = (resident_kb(server.process.pid) - before) / options.idle
    print(f"{name}: {options.idle} connections in {seconds:.1f} s, {each:.1f} KB each", flush=True)
    for label, text in texts.items():
        times = []
        for _ in range(options.rounds):
            times += await echo_times(connections[: options.echo], text)
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
        print(
            f"{name}: {options.echo} {label} at once: p50 {p50:.0f} ms, p99 {p99:.0f} ms",
            flush=True,
        )
        one = statistics.median([(await echo_times(connections[:1], text))[0] for _ in range(50)])
        print(f"{name}: {label} alone: {one:.1f} ms", flush=True)
    await asyncio.gather(*(connection.close() for connection in connections))


def held(server: Served) -> dict[str, int]:
    """What the gateway and its processes hold."""
    pids = server.processes()
    return {
        "processes": len(pids),
        "descriptors": sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids),
        "gateway_kb": resident_kb(server.process.pid),
        "all_kb": sum(resident_kb(pid) for pid in pids),
    }


async def soak(server: Served, seconds: float) -> None:
    """Connect, message, leave, on twenty connections at once."""
    ends = time.monotonic() + seconds
    turns = 0

    async def one() -> None:
        nonlocal turns
        while time.monotonic() < ends:
            async with connect(server.url, compression=None, open_timeout=60) as connection:
                await echo_times([connection], "soak")
            turns += 1

    working = asyncio.gather(*(one() for _ in range(20)))
    await asyncio.sleep(seconds * WARM_UP_SHARE)
    warm = held(server)
    await working
    await asyncio.sleep(1)
    print(f"soak: {turns} connections in {seconds:g} s\n  warm {warm}\n  end  {held(server)}")


async def run(options: argparse.Namespace) -> None:
    """The yardstick, then the gateway, then the soak."""
    if options.idle:
        with served(__file__, "--plain-server") as plain:
            await measure("plain", plain, {"echoes": "hello"}, options)
    project = str(ROOT / "bench" / "echo")
    with served("-m", "decanter", "local", "--project-dir", project, "--port", "0") as gateway:
        texts = {"echoes by a two-way route": json.dumps({"action": "two-way"}), "echoes": "hello"}
        if options.idle:
            await measure("gateway", gateway, texts, options)
        if options.soak:
            await soak(gateway, options.soak)


def main() -> None:
    """Read the options, raise the limit of open files, run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--echo", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--soak", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--plain-server", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(plain_server() if options.plain_server else run(options))


if __name__ == "__main__":
    main()
