"""Where a scenario plays: a running gateway, its table, its faults, a swarm of clients."""

import json
import random
import time
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

import boto3

from tests.chaos.swarm import WAVE, Client, Swarm, Tally, total
from tests.end_to_end.conftest import Table
from tests.support.clients import call
from tests.support.gateways import Running, wait_until

DEAD = "AAAAAAAAAA{:05}="
"""The id of a connection that never was."""

JSON = {"Content-Type": "application/json"}
Line = dict[str, Any]


class Counts(NamedTuple):
    """What a broadcast's report counts."""

    sent: int = 0
    gone: int = 0
    pending: int = 0
    failed: int = 0
    left_over: int = 0


class Stage:
    """One scenario's stage; the gateway outlives it, what it leaves behind does not."""

    def __init__(self, running: Running, swarm: Swarm, seed: int, size: int) -> None:
        self.running = running
        self.table = Table(running)
        self.swarm = swarm
        self.size = size
        self.chance = random.Random(seed)
        self.tally = Tally()
        self._read = len(running.lines)
        self._log: list[Line] = []
        self._messages = 0
        self._touched: set[str] = set()

    # -- clients ---------------------------------------------------------------------------

    def join(self, count: int | None = None, *, at_once: bool = False) -> list[Client]:
        """Have so many connected, or as many as this form of the suite has; each has its row."""
        wanted = count or self.size
        self.leave(wanted)
        missing = wanted - len(self.swarm.clients)
        self.swarm.join(missing) if at_once else self.swarm.gather(missing)
        self.table.wait_for(wanted)
        return [*self.swarm.clients]

    def leave(self, but: int = 0, *, at_once: bool = False) -> None:
        """Disconnect everyone, but for so many."""
        while surplus := self.swarm.clients[but:]:
            self.swarm.leave(surplus if at_once else surplus[-WAVE:])
            self.table.wait_for(len(self.swarm.clients))

    def end(self) -> None:
        """Leave it as it was: no faults, a row for each that is connected, empty ledgers."""
        self.mend()
        wait_until(lambda: len(self._open()) == len(self.swarm.clients), "nobody is leaving")
        self.swarm.settle()
        connected, recorded = self._open(), self.table.ids()
        for connection_id in recorded - connected:
            self.forget(connection_id)
        for connection_id in connected - recorded | self._touched & connected:
            self.row(connection_id, seconds_old=0)
        for client in self.swarm.clients:
            client.clear()

    def identify(self, client: Client) -> str:
        """The client's connection id, as an error frame tells it."""
        if not client.id:
            before = len(client.errors)
            self.swarm.send(client, '{"message":"who am I"}')
            wait_until(lambda: len(client.errors) > before, "an error frame names the connection")
            client.id = json.loads(client.errors.pop())["connectionId"]
            wait_until(lambda: self.lines("message", client.id) != [], "its message is logged")
        return client.id

    # -- messages --------------------------------------------------------------------------

    def say(self, sender: Client, message: str) -> Line:
        """Send a message; the log line of its event, once it is handled."""
        connection_id = self.identify(sender)
        seen = len(self.lines("message", connection_id))
        self.swarm.send(sender, message)
        wait_until(
            lambda: len(self.lines("message", connection_id)) > seen, f"{message[:60]} is handled"
        )
        return self.lines("message", connection_id)[seen]

    def broadcast(self, sender: Client, data: str | None = None) -> Counts:
        """Broadcast a text that everyone connected then expects; what the report counts."""
        report = self.say(sender, self.expect(data))["broadcasts"][0]
        return Counts(*(report[name] for name in Counts._fields))

    def expect(self, data: str | None = None) -> str:
        """Enter a text into every ledger; the message that broadcasts it."""
        self._messages += 1
        text = json.dumps(f"message {self._messages}" if data is None else data)
        for client in self.swarm.clients:
            client.expected.append(text)
        return f'{{"message":"sendmessage","data":{text}}}'

    def wait_for_reports(self, count: int) -> None:
        """Wait until so many messages have been handled in this scenario."""
        wait_until(lambda: len(self.lines("message")) >= count, f"{count} messages are handled")

    def reconcile(self, lost: int = 0, unanswered: int = 0, repeated: int = 0) -> None:
        """Hold every ledger to it, once all has arrived: so many lost, none twice, none strange.

        Args:
            lost: how many did not arrive.
            unanswered: how many more may not have: posts whose answer nobody waited for.
            repeated: how many may have arrived twice: posts sent again as no answer came.
        """
        self.swarm.settle()
        self.tally = total(self.swarm.clients)
        assert lost <= self.tally.lost <= lost + unanswered, self.tally
        assert self.tally.twice <= repeated, self.tally
        assert self.tally.unexpected == 0, self.tally

    def reports(self) -> list[Line]:
        """Those of this scenario's broadcasts."""
        return [each for line in self.lines("message") for each in line.get("broadcasts", [])]

    def lines(self, event: str, connection_id: str | None = None) -> list[Line]:
        """The log lines of this scenario."""
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

    def sweep(self) -> Line:
        """Have the sweep run once; what it has found."""
        answer = call(self.running, "POST", "/_gateway/schedules/sweep", headers=JSON)
        told: Line = json.loads(answer[2])
        assert (answer[0], told["outcome"]) == (200, "returned"), told
        found: Line = told["result"]
        return found

    # -- faults ----------------------------------------------------------------------------

    def fault(
        self, target: str, action: str, client: Client | None = None, **limits: str | float
    ) -> None:
        """Let something go wrong, for everybody or for one client."""
        fields = {"target": target, "action": action, **limits}
        if client is not None:
            fields["connection"] = self.identify(client)
        body = json.dumps(fields).encode()
        status, _, answer = call(self.running, "POST", "/_gateway/faults", body, headers=JSON)
        assert status == 201, answer

    def hits(self) -> list[int]:
        """How often each fault has struck."""
        answer = json.loads(call(self.running, "GET", "/_gateway/faults")[2])
        return [each["hits"] for each in answer["faults"]]

    def mend(self) -> None:
        assert call(self.running, "DELETE", "/_gateway/faults", headers=JSON)[0] == 204

    # -- rows ------------------------------------------------------------------------------

    def row(self, connection_id: str, seconds_old: float) -> str:
        """Write a row of this age, in place of the one there may be."""
        self._touched.add(connection_id)
        self.table.put(connection_id, int((time.time() - seconds_old) * 1000))
        return connection_id

    def dead(self, count: int, seconds_old: float) -> list[str]:
        """Write rows of connections that never were."""
        numbers = self.chance.sample(range(100_000), count)
        return [self.row(DEAD.format(number), seconds_old) for number in numbers]

    def pad(self, connection_ids: Iterable[str], size: int) -> None:
        """Make rows large, as an application's own attributes may."""
        for connection_id in connection_ids:
            self._update(connection_id, "padding", {"S": "x" * size})

    def expire(self, connection_id: str) -> None:
        """Let the identity that the row has be of the past, as once a token's time is over."""
        self.row(connection_id, seconds_old=60)
        self._update(connection_id, "identity_expires_at", {"N": str(int(time.time()) - 1)})

    def forget(self, connection_id: str) -> None:
        key = {"connectionID": {"S": connection_id}}
        self._dynamodb.delete_item(TableName=self.table_name, Key=key)

    def _update(self, connection_id: str, name: str, value: dict[str, str]) -> None:
        self._touched.add(connection_id)
        self._dynamodb.update_item(
            TableName=self.table_name,
            Key={"connectionID": {"S": connection_id}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )

    @property
    def table_name(self) -> str:
        return self.running.banner("DynamoDB").split()[1]

    @cached_property
    def _dynamodb(self) -> Any:
        return boto3.client(
            "dynamodb",
            endpoint_url=self.running.banner("DynamoDB").split()[0],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _open(self) -> set[str]:
        """The ids of the open connections, as the gateway has them."""
        answer = json.loads(call(self.running, "GET", "/_gateway/connections")[2])
        return {each["connectionId"] for each in answer["connections"]}
