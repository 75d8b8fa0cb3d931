"""A sweep: rows whose connection is gone are removed, without a broadcast that finds them.

    if minutes := sweep_minutes(os.environ):

        @app.schedule(Rate(minutes, unit=Rate.MINUTES))
        def sweep(event):
            return router.sweep(event.context)

The function's name is what it has its rights by. Chalice loads app.py with the stage's variables
when it deploys and when it packages, so DECANTER_SWEEP_MINUTES of a stage decides for the stage.

It goes round the table and asks @connections about each row, so many a second. A connection whose
client is known no longer (`identity_expires_at`) is closed: its `$disconnect` removes the row, or
else the next sweep does, which finds it gone.

Nothing has to be kept between runs. Each goes on where the process's last one stopped; a process's
first one begins anywhere, so that every row has its turn even where no run gets round. DynamoDB
goes through a table in the order of the keys' hashes, and goes on after any key, that of no row
too (DynamoDB Developer Guide, "Scanning tables": `ExclusiveStartKey`).
"""

import base64
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

from .cleanup import Cleanup
from .clock import Clock
from .deadline import Deadline, deadline_of
from .errors import DecanterError, OutOfTimeError, SettingError, StoreBusyError
from .logs import log
from .metrics import directive
from .outboxes import Outboxes
from .recipients import BEGINNING, Connections, Page
from .settings import Settings
from .survey import Survey, Sweep
from .transports.protocol import Transport
from .workers import Workers

CONCURRENCY = 16
"""Calls in flight at once: a second's worth begins together, and is not to be a burst."""

METRICS = {
    "swept": "Count",
    "gone": "Count",
    "closed": "Count",
    "kept": "Count",
    "milliseconds": "Milliseconds",
}
"""The members of a sweep's line that become metrics, with CloudWatch's units."""


class Sweeper:
    """Sweeps the table, a part at a time; one for a process's life.

    Args:
        outboxes: the settings and the transports.
        connections: the table.
        clock: the time.
        workers: read and delete.
        anywhere: gives the key after which the process's first run begins.
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
        """Sweep for as long as the function may run; one line in the log says how that went.

        Args:
            context: Lambda's, which tells how long that is.

        Returns:
            What the line says: the members of `Sweep`.
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
        deadline = deadline_of(context, self._clock, settings.deadline_seconds, most_seconds=inf)
        transport = self._transport(settings)
        cleanup = Cleanup(self._connections, self._workers, transport.reach)
        this = Survey(transport, self._clock, cleanup, deadline, sweep)
        try:
            self._go_round(this, settings.sweep_per_second)
        finally:
            cleanup.finish(deadline.work)
            sweep.gone = cleanup.count
            sweep.kept += cleanup.kept
            sweep.problem = cleanup.doubt or sweep.problem

    def _transport(self, settings: Settings) -> Transport:
        if settings.management_endpoint is None:
            remedy = "set it to the URL of @connections, which a schedule's event does not tell"
            raise SettingError("DECANTER_MANAGEMENT_ENDPOINT", None, remedy)
        few = replace(settings, concurrency=CONCURRENCY)
        return self._outboxes.transport(settings.management_endpoint, few)

    def _go_round(self, this: Survey, rows_per_second: int) -> None:
        """Look at a page after the other, until the round is complete or nothing more is to be."""
        if not self._begun:
            self._begun, self._cursor = True, self._anywhere()
        from_the_top = self._cursor == BEGINNING
        while not this.stopped:
            began = self._clock.monotonic()
            page = self._page(rows_per_second, this.deadline)
            rows = this.unseen(page.recipients) if from_the_top else page.recipients
            this.look_at(rows)
            # Past these rows, whatever became of them: one that always fails must not be the end.
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
            raise StoreBusyError("no page of the table could be read in time") from None

    def _pause(self, until: float, deadline: Deadline) -> None:
        left = min(until, deadline.posts) - self._clock.monotonic()
        if left > 0:
            self._clock.sleep(left)


def _any_key() -> str:
    """What might be a connection's id."""
    return base64.urlsafe_b64encode(os.urandom(11)).decode()
