"""The stage of a scenario: a running gateway, its table, its faults, a swarm of clients."""

import json
import random
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.chaos.swarm import WAVE, Client, Swarm, Tally, total
from tests.support.clients import JSON, call, sweep
from tests.support.connection_table import Table
from tests.support.gateways import Running, wait_until

DEAD = "AAAAAAAAAA{:05}="
"""The id of a connection that never existed."""

Line = dict[str, Any]


class Counts(NamedTuple):
    """The counts of a broadcast's report."""

    sent: int = 0
    gone: int = 0
    pending: int = 0
    failed: int = 0
    left_over: int = 0


class Scene:
    """A running gateway in one scenario: its log lines from now on, and its faults."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.table = Table(running)
        self._read = len(running.lines)
        self._log: list[Line] = []

    def reports(self) -> list[Line]:
        """Return the reports of this scenario's broadcasts."""
        return [each for line in self.lines("message") for each in line.get("broadcasts", [])]

    def lines(self, event: str, connection_id: str | None = None) -> list[Line]:
        """Return the log lines of this scenario."""
        until = len(self.running.lines)
        for line in self.running.lines[self._read : until]:
            if ' | {"level": ' in line:
                self._log.append(json.loads(line.partition(" | ")[2]))
        self._read = until
        return [
            line
            for line in self._log
            if line["event"] == event and connection_id in (None, line.get("connection_id"))
        ]

    def inject(self, target: str, action: str, **limits: str | float) -> None:
        """Inject a fault."""
        body = json.dumps({"target": target, "action": action, **limits}).encode()
        status, _, answer = call(self.running, "POST", "/_gateway/faults", body, headers=JSON)
        assert status == 201, answer

    def mend(self) -> None:
        """Remove all faults."""
        assert call(self.running, "DELETE", "/_gateway/faults", headers=JSON)[0] == 204


class Stage(Scene):
    """One scenario's stage. The gateway outlives it; its changes are undone."""

    def __init__(self, running: Running, swarm: Swarm, seed: int, size: int) -> None:
        super().__init__(running)
        self.swarm = swarm
        self.size = size
        self.chance = random.Random(seed)
        self.tally = Tally()
        self._messages = 0
        self._touched: set[str] = set()

    # -- clients ---------------------------------------------------------------------------

    def join(self, count: int | None = None, *, at_once: bool = False) -> list[Client]:
        """Connect this many clients, or the suite's number; each has its row."""
        wanted = count or self.size
        self.leave(wanted)
        missing = wanted - len(self.swarm.clients)
        self.swarm.join(missing) if at_once else self.swarm.gather(missing)
        self.table.wait_for(wanted)
        return [*self.swarm.clients]

    def leave(self, but: int = 0, *, at_once: bool = False) -> None:
        """Disconnect all clients except this many."""
        while surplus := self.swarm.clients[but:]:
            self.swarm.leave(surplus if at_once else surplus[-WAVE:])
            self.table.wait_for(len(self.swarm.clients))

    def end(self) -> None:
        """Reset the stage: no faults, one row for each open connection, empty ledgers."""
        self.mend()
        wait_until(lambda: len(self._open()) == len(self.swarm.clients), "nobody is leaving")
        self.swarm.settle()
        connected, recorded = self._open(), self.table.ids()
        for connection_id in recorded - connected:
            self.table.delete(connection_id)
        for connection_id in connected - recorded | self._touched & connected:
            self.row(connection_id, seconds_old=0)
        for client in self.swarm.clients:
            client.clear()

    def identify(self, client: Client) -> str:
        """Return the client's connection id, from an error frame."""
        if not client.id:
            before = len(client.errors)
            self.swarm.send(client, '{"message":"who am I"}')
            wait_until(lambda: len(client.errors) > before, "an error frame names the connection")
            client.id = json.loads(client.errors.pop())["connectionId"]
            wait_until(lambda: self.lines("message", client.id) != [], "its message is logged")
        return client.id

    # -- messages --------------------------------------------------------------------------

    def say(self, sender: Client, message: str) -> Line:
        """Send a message; return the log line of its event after it was handled."""
        connection_id = self.identify(sender)
        seen = len(self.lines("message", connection_id))
        self.swarm.send(sender, message)
        wait_until(
            lambda: len(self.lines("message", connection_id)) > seen, f"{message[:60]} is handled"
        )
        return self.lines("message", connection_id)[seen]

    def broadcast(self, sender: Client, data: str | None = None) -> Counts:
        """Broadcast a text that all clients then expect; return the report's counts."""
        report = self.say(sender, self.expect(data))["broadcasts"][0]
        return Counts(*(report[name] for name in Counts._fields))

    def expect(self, data: str | None = None) -> str:
        """Add a text to every ledger; return the message that broadcasts it."""
        self._messages += 1
        text = json.dumps(f"message {self._messages}" if data is None else data)
        for client in self.swarm.clients:
            client.expected.append(text)
        return f'{{"message":"sendmessage","data":{text}}}'

    def wait_for_reports(self, count: int) -> None:
        """Wait until this many messages have been handled in this scenario."""
        wait_until(lambda: len(self.lines("message")) >= count, f"{count} messages are handled")

    def reconcile(self, lost: int = 0, unanswered: int = 0, repeated: int = 0) -> None:
        """Compare every ledger after all messages arrived: count lost messages and duplicates.

        Args:
            lost: how many did not arrive.
            unanswered: how many more may be missing: posts whose answer was not awaited.
            repeated: how many may be duplicates: posts that were retried without an answer.
        """
        self.swarm.settle()
        self.tally = total(self.swarm.clients)
        assert lost <= self.tally.lost <= lost + unanswered, self.tally
        assert self.tally.twice <= repeated, self.tally
        assert self.tally.unexpected == 0, self.tally

    def sweep(self) -> Line:
        """Run the sweep once, and return its log line."""
        return sweep(self.running)

    # -- faults ----------------------------------------------------------------------------

    def fault(
        self, target: str, action: str, client: Client | None = None, **limits: str | float
    ) -> None:
        """Inject a fault, for all clients or for one."""
        if client is not None:
            limits["connection"] = self.identify(client)
        self.inject(target, action, **limits)

    def hits(self) -> list[int]:
        """Return how often each fault was applied."""
        answer = json.loads(call(self.running, "GET", "/_gateway/faults")[2])
        return [each["hits"] for each in answer["faults"]]

    # -- rows ------------------------------------------------------------------------------

    def row(self, connection_id: str, seconds_old: float) -> str:
        """Write a row of this age; replace an existing one."""
        self._touched.add(connection_id)
        self.table.put(connection_id, int((time.time() - seconds_old) * 1000))
        return connection_id

    def dead(self, count: int, seconds_old: float) -> list[str]:
        """Write rows of connections that never existed."""
        numbers = self.chance.sample(range(100_000), count)
        return [self.row(DEAD.format(number), seconds_old) for number in numbers]

    def pad(self, connection_ids: Iterable[str], size: int) -> None:
        """Make rows large, as an application's own attributes may."""
        for connection_id in connection_ids:
            self._change(connection_id, "padding", {"S": "x" * size})

    def expire(self, connection_id: str) -> None:
        """Set the identity's expiry in a row to the past, as after a token's expiry."""
        self.row(connection_id, seconds_old=60)
        self._change(connection_id, "identity_expires_at", {"N": str(int(time.time()) - 1)})

    def _change(self, connection_id: str, name: str, value: dict[str, str]) -> None:
        self._touched.add(connection_id)
        self.table.change(connection_id, name, value)

    def _open(self) -> set[str]:
        """Return the ids of the gateway's open connections."""
        answer = json.loads(call(self.running, "GET", "/_gateway/connections")[2])
        return {each["connectionId"] for each in answer["connections"]}
