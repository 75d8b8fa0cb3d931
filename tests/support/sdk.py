"""Clients of Centrifugo's SDKs for a test, unmodified: npm's `centrifuge` and `centrifuge-python`.

Both follow the same orders and report the same events, so one test shows both.
"""

import contextlib
import itertools
import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.support.gateways import NODE, SECONDS
from tests.support.sdk_python import Emit, PythonClients

IS_INSTALLED = (NODE / "node_modules" / "centrifuge").exists()
"""False if npm's packages are not installed: `make node`."""

_numbers = itertools.count(1)


class Refused(AssertionError):
    """An order failed: the server's error, or the SDK's own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Sdk(Protocol):
    """Runs clients of one SDK."""

    def send(self, order: dict[str, Any]) -> None:
        """Follow an order."""

    def stop(self) -> None:
        """End it."""


class NodeClients:
    """Clients of npm's SDK, in a process of Node."""

    def __init__(self, emit: Emit) -> None:
        self._process = subprocess.Popen(
            ["node", "driver.mjs"],
            cwd=NODE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, args=(emit,))
        self._reader.start()

    def _read(self, emit: Emit) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            emit(json.loads(line))

    def send(self, order: dict[str, Any]) -> None:
        """Follow an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(SECONDS)
        self._reader.join()
        self._process.stdout.close()


@dataclass
class Event:
    """An event of an SDK.

    Attributes:
        name: `connected`, `publication`, …; `token` if it asked for a token.
        channel: the channel; None for one of the connection.
        context: the event's own facts, in the form of npm's SDK.
    """

    name: str
    channel: str | None
    context: dict[str, Any]


@dataclass
class Orders:
    """Sends orders to an SDK, and sorts what it reports."""

    sdk: Sdk | None = None
    _answers: dict[int, "queue.Queue[dict[str, Any]]"] = field(default_factory=dict)
    _events: dict[str, "queue.Queue[Event]"] = field(default_factory=dict)

    def emit(self, value: dict[str, Any]) -> None:
        """Sort a result or an event. Called in the SDK's thread."""
        if "number" in value:
            self._answers[value["number"]].put(value)
        else:
            event = Event(value["event"], value.get("channel"), value["context"])
            self._events[value["client"]].put(event)

    def client(self, url: str, **options: Any) -> "SdkClient":
        """Return a new client, which does not connect yet."""
        name = f"client{next(_numbers)}"
        self._events[name] = queue.Queue()
        client = SdkClient(name, self, self._events[name])
        client.order("create", url=url, **options)
        return client

    def begin(self, **order: Any) -> int:
        """Send an order without waiting for its result."""
        number = next(_numbers)
        self._answers[number] = queue.Queue()
        assert self.sdk is not None
        self.sdk.send({"number": number, **order})
        return number

    def result(self, number: int) -> Any:
        """Wait for an order's result.

        Raises:
            Refused: it failed.
        """
        try:
            answer = self._answers[number].get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"order {number} has no result") from None
        if (error := answer.get("error")) is not None:
            raise Refused(error["code"], error["message"])
        return answer["result"]


@dataclass
class SdkClient:
    """One client of an SDK."""

    name: str
    orders: Orders
    arriving: "queue.Queue[Event]"
    seen: list[Event] = field(default_factory=list)

    def begin(self, order: str, **fields: Any) -> int:
        """Send an order without waiting for its result."""
        return self.orders.begin(client=self.name, order=order, **fields)

    def order(self, order: str, **fields: Any) -> Any:
        """Send an order, and return its result."""
        return self.orders.result(self.begin(order, **fields))

    def connect(self) -> dict[str, Any]:
        """Connect, and return the event's context."""
        self.order("connect")
        return self.wait("connected").context

    def subscribe(self, channel: str, **options: Any) -> dict[str, Any]:
        """Subscribe to a new channel, and return the event's context."""
        self.start(channel, **options)
        return self.wait("subscribed", channel).context

    def start(self, channel: str, **options: Any) -> None:
        """Begin to subscribe to a new channel."""
        self.order("subscription", channel=channel, **options)
        self.order("subscribe", channel=channel)

    def wait(self, name: str, channel: str | None = None) -> Event:
        """Return the next event of a name, which an earlier call has not returned.

        Raises:
            AssertionError: it does not come within the tests' time limit.
        """
        deadline = time.monotonic() + SECONDS
        for event in self.seen:
            if (event.name, event.channel) == (name, channel):
                self.seen.remove(event)
                return event
        while True:
            try:
                event = self.arriving.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    f"no {name} of {channel or 'the connection'}; there are {self.seen}"
                ) from None
            if (event.name, event.channel) == (name, channel):
                return event
            self.seen.append(event)

    def have(self, name: str, channel: str | None = None) -> list[Event]:
        """Return the events of a name that have arrived and no call has returned."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.seen.append(self.arriving.get_nowait())
        return [each for each in self.seen if (each.name, each.channel) == (name, channel)]


@contextlib.contextmanager
def running(kind: str) -> Iterator[Orders]:
    """Run an SDK until the block ends: `javascript` or `python`."""
    orders = Orders()
    sdk: Sdk = NodeClients(orders.emit) if kind == "javascript" else PythonClients(orders.emit)
    orders.sdk = sdk
    try:
        yield orders
    finally:
        sdk.stop()


@contextlib.contextmanager
def everyone(url: str) -> Iterator[list[SdkClient]]:
    """Yield a client of each SDK, which is not connected."""
    with contextlib.ExitStack() as stack:
        kinds = (["javascript"] if IS_INSTALLED else []) + ["python"]
        yield [
            stack.enter_context(running(kind)).client(url, data={"name": "ann"}) for kind in kinds
        ]
