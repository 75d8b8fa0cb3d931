"""Measure the queue's latency on this machine: `python bench/queue_latency.py`.

An SQS client sends one message to the queue of an app in `decanter local`. The time ends when the
last of 100 WebSocket clients gets the frame. These runs alternate with broadcasts of a WebSocket
client, which need no queue.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import boto3
from websockets.asyncio.client import ClientConnection, connect

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.clients import call
from tests.support.gateways import gateway
from tests.support.projects import CONFIG, write_project
from tests.support.queued import APP

CLIENTS = 100
RUNS = 100
WARM_UP = 5
MOST_MS = 250
"""If the queue's 95th percentile is above this, the script fails."""

ROUTE = """

@router.route("everyone")
def everyone(request):
    request.broadcast(request.json["data"])
"""

Send = Callable[[int], Coroutine[Any, Any, object]]


def main() -> int:
    """Print both latencies. Return the exit status, 1 if the queue takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        project = write_project(Path(folder) / "pour", APP + ROUTE, CONFIG)
        with gateway(project, "--no-reload") as running:
            about = json.loads(call(running, "GET", "/_gateway/info")[2])
            direct, queued = asyncio.run(measure(running.url, about))
    tell("a client's broadcast", direct)
    return int(tell("the queue", queued) > MOST_MS)


async def measure(url: str, about: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each run, directly and through the queue."""
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    sqs = boto3.client("sqs", "us-east-1", endpoint_url=about["sqs_url"], **keys)
    clients = [await connect(url, compression=None, open_timeout=60) for _ in range(CLIENTS)]

    async def direct(number: int) -> object:
        await clients[0].send(json.dumps({"action": "everyone", "data": number}))
        return None

    async def queued(number: int) -> object:
        body = json.dumps({"method": "everyone", "payload": {"data": number}})
        arguments = {"QueueUrl": about["queue_url"], "MessageBody": body}
        return await asyncio.to_thread(lambda: sqs.send_message(**arguments))

    times: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM_UP + RUNS):
        for send, found in zip((direct, queued), times, strict=True):
            found.append(await run(clients, send, number))
    await asyncio.gather(*(client.close() for client in clients))
    return times[0][WARM_UP:], times[1][WARM_UP:]


async def run(clients: list[ClientConnection], send: Send, number: int) -> float:
    """Send one number; return the milliseconds until all clients have it."""
    began = time.perf_counter()
    _, *frames = await asyncio.gather(send(number), *(client.recv() for client in clients))
    assert set(frames) == {str(number)}
    return 1000 * (time.perf_counter() - began)


def tell(name: str, times: list[float]) -> float:
    """Print the median and the 95th percentile, and return the latter."""
    p95 = statistics.quantiles(times, n=20)[-1]
    median = statistics.median(times)
    print(f"{name} to {CLIENTS} clients: median {median:.0f} ms, p95 {p95:.0f} ms")
    return p95


if __name__ == "__main__":
    raise SystemExit(main())
