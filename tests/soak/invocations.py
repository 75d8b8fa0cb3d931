"""A process of the service that is frozen between invocations, and forked.

    python -m tests.soak.invocations TRANSPORT SEED STEPS

prints a JSON line for each broadcast: its message, its time and the recipients that it must reach.
"""

import json
import logging
import os
import random
import sys
from typing import Any

from decanter.runtime.clock import Clock
from decanter.runtime.fanout.outbox import Outboxes
from decanter.runtime.hooks.tokens import WebTokens
from decanter.runtime.recipients import MAX_AGE_MS
from decanter.runtime.routing.connection_event import Refused
from decanter.runtime.transports import open_transport
from tests.support.events import message_event
from tests.support.fakes import FakeConnections
from tests.support.tokens import JWKS, KEY, OTHER_JWK, OTHER_KEY, RS256, hello, rs256

HOURS_10 = 10 * 3600
KEYS = [(KEY, "one", JWKS), (OTHER_KEY, "two", {"keys": [{**OTHER_JWK, "kid": "two"}]})]


class Moved(Clock):
    """The machine's clocks; the wall clock is ahead, and perhaps the monotonic one too."""

    wall_seconds = 0
    monotonic_seconds = 0

    def time_ms(self) -> int:
        return super().time_ms() + self.wall_seconds * 1000

    def monotonic(self) -> float:
        return Clock.monotonic() + self.monotonic_seconds


class Process:
    """One warm process of the function."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.clock = Moved()
        self.rows = FakeConnections(page_size=4)
        self.outboxes = Outboxes(
            lambda endpoint, settings: open_transport(endpoint, settings, self.clock),
            self.rows,
            self.clock,
            lambda _: 0.0,
        )
        self.key = 0
        self.tokens = WebTokens(RS256, fetch=lambda url: KEYS[self.key][2], clock=self.clock)
        self.said = 0

    def say(self) -> None:
        """Broadcast to connections of every age; print what must arrive."""
        now_ms = self.clock.time_ms()
        for number in range(self.chance.randrange(3)):
            self.rows.rows[f"c{self.said}.{number}"] = now_ms - 60_000
        self.said += 1
        alive = {name for name, at in self.rows.rows.items() if now_ms - at < MAX_AGE_MS}
        message = f"{os.getpid()}.{self.said}"
        report = self.outboxes.of(message_event(""), None).broadcast(message)
        line = {"message": message, "at_ms": now_ms, "to": sorted(alive), "sent": report.sent}
        written = json.dumps(line | {"repeated": report.repeated}) + "\n"
        os.write(sys.stdout.fileno(), written.encode())  # in one call: another process writes too
        self._check_keys(now_ms // 1000)

    def _check_keys(self, now: int) -> None:
        """Only a token of the issuer's present key is accepted, until it expires."""
        (key, kid, _), (former, its_id, _) = KEYS[self.key], KEYS[not self.key]
        assert self._accepts(rs256(key, kid, exp=now + 60))
        assert not self._accepts(rs256(former, its_id, exp=now + 60))
        assert not self._accepts(rs256(key, kid, exp=now - HOURS_10 + 60))

    def _accepts(self, token: str) -> bool:
        try:
            self.tokens(hello(token))
        except Refused:
            return False
        return True

    def freeze(self) -> None:
        """Let ten hours pass; the issuer changes its key, and the sockets are closed."""
        self.clock.wall_seconds += HOURS_10
        self.clock.monotonic_seconds += self.chance.choice([0, HOURS_10])
        self.key = 1 - self.key

    def fork(self) -> None:
        """Broadcast in this process and in a copy of it at the same time."""
        child = os.fork()
        for _ in range(3):
            self.say()
        if not child:
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert status == 0, "the child has failed"


def main(seed: str, steps: str) -> None:
    logging.getLogger("decanter.events").addFilter(lambda _: False)
    process = Process(random.Random(seed))
    acts: list[Any] = [process.say, process.freeze, process.say, process.fork]
    for act in acts + process.chance.choices(acts, k=int(steps)):
        act()


if __name__ == "__main__":
    main(*sys.argv[1:])
