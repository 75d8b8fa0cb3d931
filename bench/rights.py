"""The cost of enforced roles in the local gateway: `--iam off` against `--iam enforce`.

    python bench/rights.py [--rounds 9] [--posts 2000] [--rows 400] [--broadcasts 20]

Two gateways serve this repository's app. They get the same calls alternately, in an order that
changes with each round, from one client: posts of a function to @connections, reads of a row by a
function, and broadcasts to 50 connections. The processor time is the sum over all processes of a
gateway. The exit status is 1 if a median ratio is above the limit.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.gateways import ROOT, Running, gateway

LIMIT = 1.05
CLIENTS = 50
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20000101/us-east-1/dynamodb/aws4_request"}
GET_ITEM = {"X-Amz-Target": "DynamoDB_20120810.GetItem", **SIGNED}
CALLER = "/_roles/websocket_message"


class Served:
    """A gateway with connected clients, and keep-alive connections to its two services."""

    def __init__(self, running: Running) -> None:
        self._process = running.process.pid
        self.clients = [running.connect().__enter__() for _ in range(CLIENTS)]
        self._api = HTTPConnection(urlsplit(running.origin).netloc)
        address, table, *_ = running.banner("DynamoDB").split()
        self._dynamodb = HTTPConnection(urlsplit(address).netloc)
        self._row = json.dumps({"TableName": table, "Key": {"connectionID": {"S": "a"}}})
        self._api.request("GET", "/_gateway/connections")
        first = json.load(self._api.getresponse())["connections"][0]["connectionId"]
        stage = urlsplit(running.management_url).path
        self._path = f"{CALLER}{stage}/@connections/{quote(first)}"

    def post(self) -> None:
        """Send a message to a client, with the role of a function."""
        self._call(self._api, self._path, "x", SIGNED)
        self.clients[0].recv(timeout=20)

    def read(self) -> None:
        """Read a row, with the role of a function."""
        self._call(self._dynamodb, f"{CALLER}/", self._row, GET_ITEM)

    def broadcast(self) -> None:
        """Send a message to every client."""
        self.clients[0].send(json.dumps({"message": "sendmessage", "data": "hello"}))
        for client in self.clients:
            client.recv(timeout=20)

    def ticks(self) -> int:
        """Return the processor time of all processes of the gateway, in clock ticks."""
        found = [self._process]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, task.read_text().split())
        stats = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in found)
        return sum(int(each[11]) + int(each[12]) for each in stats)

    @staticmethod
    def _call(http: HTTPConnection, path: str, body: str, headers: dict[str, str]) -> None:
        http.request("POST", path, body, headers)
        response = http.getresponse()
        response.read()
        assert response.status == 200, response.status


def measure(served: Served, call: Callable[[], None], times: int) -> tuple[float, float]:
    """Return the median milliseconds of a call, and the mean milliseconds of processor time."""
    seconds = []
    before = served.ticks()
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    used = (served.ticks() - before) / os.sysconf("SC_CLK_TCK")
    return statistics.median(seconds) * 1000, used / times * 1000


def compare(off: Served, enforce: Served, name: str, times: int, rounds: int) -> bool:
    """Print the medians of a call's times and ratios. Return True if the limit is not exceeded."""
    figures: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for each in (off, enforce):
        measure(each, getattr(each, name), times)  # warm up
    for number in range(rounds):
        order = [off, enforce] if number % 2 else [enforce, off]
        found = {each: measure(each, getattr(each, name), times) for each in order}
        figures.append((found[off], found[enforce]))
    held = True
    for column, unit in enumerate(("ms", "ms of CPU")):
        without, with_roles = ([pair[side][column] for pair in figures] for side in (0, 1))
        ratio = statistics.median(b / a for a, b in zip(without, with_roles, strict=True) if a)
        held = held and ratio <= LIMIT
        medians = f"{statistics.median(without):.3f} -> {statistics.median(with_roles):.3f} {unit}"
        print(f"{name}: {medians}, x {ratio:.3f}", flush=True)
    return held


def main() -> int:
    """Measure. Return the exit status, 0 if every ratio is within the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--posts", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--broadcasts", type=int, default=20)
    options = parser.parse_args()
    with gateway(ROOT, "--iam", "off") as first, gateway(ROOT, "--iam", "enforce") as second:
        off, enforce = Served(first), Served(second)
        held = [
            compare(off, enforce, name, times, options.rounds)
            for name, times in (
                ("post", options.posts),
                ("read", options.rows),
                ("broadcast", options.broadcasts),
            )
        ]
        for client in off.clients + enforce.clients:
            client.close()
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
