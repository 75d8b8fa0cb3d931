"""A sweep removes the rows of gone connections without a broadcast.

    sweep = scheduled_sweep(app, router)

A sweep reads the table and asks @connections about each connection, at a limited rate. It deletes a
row only if API Gateway itself answers that the connection is gone (410) or that the id is invalid
(400). The row must also be older than the grace period, its `connected_at` must be unchanged, and
the endpoint must not be in doubt (`cleanup`). Any other error ends the run, because broadcasts may
need the same capacity. Rows of connections that were already found gone are still deleted. A
connection whose identity has expired (`identity_expires_at`) is closed. The `$disconnect` handler
then deletes the row. If the handler does not run, a later sweep deletes the row.

No state is stored outside the process. Each run continues at the key at which the last run of the
process stopped. The first run of a process starts at a random key, so every row is eventually
checked, even if no run reaches all rows. A scan reads the rows in the order of the hashes of their
keys. With `ExclusiveStartKey`, a scan can start after any key, even if no row has this key.
"""

import base64
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import takewhile
from math import inf
from typing import Any

from decanter.runtime.clock import Clock
from decanter.runtime.errors import (
    ConfigurationError,
    DecanterError,
    OutOfTimeError,
    StoreBusyError,
)
from decanter.runtime.fanout.broadcast import GRACE_MS
from decanter.runtime.fanout.cleanup import Cleanup
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.endpoint import management_endpoint
from decanter.runtime.fanout.outbox import Outboxes
from decanter.runtime.fanout.sample import Damage
from decanter.runtime.fanout.wire import Wire
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.logs import directive, log
from decanter.runtime.recipients import BEGINNING, Connections, Page, Recipient
from decanter.runtime.settings import Settings
from decanter.runtime.transports.base import Method, Outcome, Result, Transport


class UnansweredError(DecanterError):
    """@connections does not say whether a connection exists. A later call may succeed."""


@dataclass
class Sweep:
    """The result of a run. In the log, the sum of `gone`, `closed` and `kept` is `swept`.

    Attributes:
        gone: the number of gone connections, whose rows are deleted.
        closed: the number of connections that were closed because the client's identity had
            expired, or because the client had sent no connect command in an app with channels.
        kept: the number of kept rows. A row is kept if the connection is open, the row is too
            young, @connections gave another answer or none, the endpoint is in doubt, too many rows
            wait for deletion, or no time is left for the disconnect hooks.
        complete: True if the run covered the whole table.
        problem: the error that ended the run early, or the reason why no row was deleted; otherwise
            None, even if the run ended because no time was left.
        milliseconds: the duration of the run, including the deletion of rows.
    """

    gone: int = 0
    closed: int = 0
    kept: int = 0
    complete: bool = False
    problem: DecanterError | None = None
    milliseconds: int = 0

    @property
    def level(self) -> int:
        """The log level, which is ERROR if a later run cannot fix the problem."""
        if self.problem is None:
            return logging.INFO
        passing = isinstance(self.problem, StoreBusyError | UnansweredError)
        return logging.WARNING if passing else logging.ERROR

    def as_fields(self) -> dict[str, Any]:
        """Return the fields of the log line."""
        swept = self.gone + self.closed + self.kept
        problem = str(self.problem) if self.problem else None
        return {"swept": swept} | asdict(self) | {"problem": problem}


@dataclass
class Survey:
    """Checks rows, and acts on each result.

    `seen` contains the ids of the connections that were checked. If one of them appears again, the
    round is complete.
    """

    transport: Transport
    clock: Clock
    cleanup: Cleanup
    deadline: Deadline
    sweep: Sweep
    wire: Wire
    seen: set[str] = field(default_factory=set)
    damage: Damage = field(default_factory=Damage)

    @property
    def stopped(self) -> bool:
        """True if the run must check no further rows."""
        return self.sweep.problem is not None or self.clock.monotonic() >= self.deadline.posts

    def unseen(self, rows: Iterable[Recipient]) -> list[Recipient]:
        """Return the rows before the first row that was already checked."""
        return [*takewhile(lambda row: row.connection_id not in self.seen, rows)]

    def look_at(self, rows: Sequence[Recipient]) -> None:
        """Check these rows. Keep young rows, because their connections may be about to open."""
        self.seen.update(row.connection_id for row in rows)
        self.damage.note(rows)
        now_ms = self.clock.time_ms()
        expired, unknown = [], []
        for row in rows:
            if now_ms - row.connected_at < GRACE_MS:
                self._keep()
            elif 0 < row.identity_expires_at * 1000 <= now_ms:
                expired.append(row)
            else:
                unknown.append(row)
        self._say_farewell(expired)
        self._call("DELETE", expired, self._close)
        self._call("GET", unknown, self._keep)

    def _say_farewell(self, rows: Sequence[Recipient]) -> None:
        """Tell clients why their connections are closed, if the wire has a message for this."""
        groups: dict[bytes, list[Recipient]] = {}
        for row in rows:
            if message := self.wire.farewell(row):
                groups.setdefault(message, []).append(row)
        for message, group in groups.items():
            for _ in self.transport.call_all("POST", group, message, self.deadline.posts):
                pass

    def _call(self, method: Method, rows: Iterable[Recipient], succeed: Callable[[], None]) -> None:
        untried = takewhile(lambda _: self.sweep.problem is None, rows)
        for row, outcome in self.transport.call_all(method, untried, b"", self.deadline.posts):
            if outcome.result is Result.OK:
                succeed()
            elif outcome.gone:
                self.cleanup.add(row)
            else:
                self._keep()
                if not self.stopped:  # a timeout at the deadline is not a problem
                    self.sweep.problem = problem_of(outcome)

    def _close(self) -> None:
        self.sweep.closed += 1

    def _keep(self) -> None:
        self.sweep.kept += 1


def problem_of(outcome: Outcome) -> DecanterError:
    """Return the problem for an answer that does not show whether the connection exists."""
    if outcome.result is Result.REFUSED:
        return ConfigurationError(
            f"asking about or closing connections is refused ({outcome.reason}): grant "
            "execute-api:ManageConnections for GET and DELETE on this API and stage to the "
            "function's role"
        )
    answer = f"{outcome.result.value} ({outcome.reason})"
    return UnansweredError(f"asking about a connection ended as {answer}")


CONCURRENCY = 16
"""The maximum number of calls in flight. Otherwise all calls of one second would start together."""

METRICS = {
    "swept": "Count",
    "gone": "Count",
    "closed": "Count",
    "kept": "Count",
    "milliseconds": "Milliseconds",
}
"""The members of a sweep's line that become metrics, with CloudWatch's units."""


class Sweeper:
    """Sweeps the table in parts, one part in each run. Each process has one sweeper.

    `anywhere` returns the key after which the first run of the process starts.
    """

    def __init__(
        self,
        outboxes: Outboxes,
        connections: Connections,
        clock: Clock,
        workers: Workers | None = None,
        anywhere: Callable[[], str] | None = None,
    ) -> None:
        self._outboxes = outboxes
        self._connections = connections
        self._clock = clock
        self._workers = workers or Workers(clock)
        self._anywhere = anywhere or _any_key
        self._cursor = BEGINNING
        self._begun = False

    def run(self, context: object) -> dict[str, Any]:
        """Sweep until the table is covered, a problem occurs or no time is left. Log the result.

        Return the fields of the log line: the members of `Sweep`, and `swept`.
        """
        began = self._clock.monotonic()
        sweep, namespace = Sweep(), None
        try:
            settings = self._outboxes.settings
            namespace = settings.metrics_namespace
            self._sweep(sweep, settings, context)
        except DecanterError as error:
            sweep.problem = sweep.problem or error
        sweep.milliseconds = round((self._clock.monotonic() - began) * 1000)
        fields = sweep.as_fields()
        now_ms = self._clock.time_ms()
        metrics = directive(METRICS, ["event"], namespace, now_ms) if namespace else None
        log("sweep", sweep.level, _aws=metrics, **fields)
        return fields

    def _sweep(self, sweep: Sweep, settings: Settings, context: object) -> None:
        outbox = self._outboxes.of({"requestContext": {}}, context, most_seconds=inf)
        few = replace(settings, concurrency=CONCURRENCY)
        transport = self._outboxes.transport(management_endpoint({}, settings), few)
        deadline = outbox.deadline
        cleanup = Cleanup(self._connections, self._workers, transport.reach, outbox.hooks)
        this = Survey(transport, self._clock, cleanup, deadline, sweep, self._outboxes.wire)
        try:
            self._go_round(this, settings.sweep_per_second)
        finally:
            cleanup.finish(deadline)
            this.damage.log()
            sweep.gone = cleanup.count
            sweep.kept += cleanup.kept
            sweep.problem = cleanup.doubt or sweep.problem

    def _go_round(self, this: Survey, rows_per_second: int) -> None:
        """Check one page after another until the round is complete or the run has to stop."""
        if not self._begun:
            self._begun, self._cursor = True, self._anywhere()
        from_the_top = self._cursor == BEGINNING
        while not this.stopped:
            began = self._clock.monotonic()
            page = self._page(rows_per_second, this.deadline)
            rows = this.unseen(page.recipients) if from_the_top else page.recipients
            this.look_at(rows)
            this.cleanup.delete_and_tell(this.deadline)
            # Continue after these rows in any case: a row that always fails must not block the
            # others.
            self._cursor = page.last or BEGINNING
            seen_again = len(rows) < len(page.recipients)
            if seen_again or (page.last is None and from_the_top):
                this.sweep.complete = not this.stopped
                return
            from_the_top = from_the_top or page.last is None
            read = len(rows) if page.last is None else rows_per_second
            self._pause(began + read / rows_per_second, this.deadline)

    def _page(self, rows: int, deadline: Deadline) -> Page:
        read = partial(self._connections.page, self._cursor, self._clock.time_ms(), rows)
        try:
            return self._workers.result(self._workers.start(read), deadline.work)
        except OutOfTimeError:
            raise StoreBusyError("a page of the table could not be read in time") from None

    def _pause(self, until: float, deadline: Deadline) -> None:
        left = min(until, deadline.posts) - self._clock.monotonic()
        if left > 0:
            self._clock.sleep(left)


def _any_key() -> str:
    """Return a random string in the form of a connection id."""
    return base64.urlsafe_b64encode(os.urandom(11)).decode()
