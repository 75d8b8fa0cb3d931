"""A broadcast posts a message to an audience, and reports the result.

A broadcast deletes the rows of gone connections. One 410 does not prove that the connection of a
young row is gone, because `$connect` writes the row before API Gateway opens the connection, and
API Gateway answers a post in between with 410. If a row is younger than `GRACE_MS`, its connection
is therefore tried again after all others. If the answer is still 410, the row is kept for a later
broadcast or sweep. The module `cleanup` describes the other reasons to keep a row.
"""

import logging
from collections.abc import Collection, Iterator
from typing import NamedTuple

from decanter.runtime.clock import Clock
from decanter.runtime.errors import PostingRefusedError
from decanter.runtime.fanout.audience import Everyone
from decanter.runtime.fanout.cleanup import Cleanup
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.disconnect_hooks import DisconnectHooks
from decanter.runtime.fanout.report import Report
from decanter.runtime.fanout.sample import Damage, Failures
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.logs import log
from decanter.runtime.recipients import Connections, Recipient
from decanter.runtime.transports.base import Delivery, Outcome, Result, Transport

GRACE_MS = 30_000
RETRY_YOUNG_AFTER_SECONDS = 1.5


class _Tally:
    def __init__(self, clock: Clock, cleanup: Cleanup) -> None:
        self.clock = clock
        self.cleanup = cleanup
        self.sent = 0
        self.repeated = 0
        self.young: list[Recipient] = []
        self.failures = Failures()
        self.young_since = 0.0
        self.refusal: Outcome | None = None

    def add(self, delivery: Delivery) -> None:
        recipient, outcome = delivery
        self.repeated += outcome.repeated
        if outcome.result is Result.OK:
            self.sent += 1
        elif outcome.result is Result.MALFORMED:
            self.cleanup.add(recipient)
        elif outcome.result is Result.GONE:
            self._add_gone(recipient)
        else:
            kind = self.failures.add(delivery)
            if outcome.result is Result.REFUSED:
                self.refusal = kind

    def _add_gone(self, recipient: Recipient) -> None:
        if self.clock.time_ms() - recipient.connected_at < GRACE_MS:
            self.young.append(recipient)
            self.young_since = self.clock.monotonic()
        else:
            self.cleanup.add(recipient)


class Broadcast(NamedTuple):
    """Posts a message to an audience."""

    transport: Transport
    connections: Connections
    clock: Clock
    workers: Workers
    hooks: DisconnectHooks | None = None

    def run(
        self, audience: Everyone, data: bytes, deadline: Deadline, exclude: Collection[str] = ()
    ) -> Report:
        """Post to the audience until the deadline, but skip the ids in `exclude`.

        The report's `left_over` also counts excluded connections.

        Raises:
            PostingRefusedError: the Lambda function is not allowed to post.
            StoreError, ConfigurationError: the audience cannot be read.
        """
        began = self.clock.monotonic()
        cleanup = Cleanup(self.connections, self.workers, self.transport.reach, self.hooks)
        tally = _Tally(self.clock, cleanup)
        recipients = _wanted(audience, exclude, tally)
        for delivery in self.transport.call_all("POST", recipients, data, deadline.posts):
            tally.add(delivery)
        young = self._retry_young(tally, data, deadline)
        cleanup.unproven = young + tally.failures.count(unproven=True)
        cleanup.finish(deadline)
        left_over, exact = audience.left_over()
        report = Report(
            sent=tally.sent,
            gone=cleanup.count,
            pending=cleanup.kept + cleanup.unproven,
            failed=tally.failures.count(unproven=False),
            left_over=left_over,
            left_over_exact=exact,
            cursor=audience.cursor,
            milliseconds=round((self.clock.monotonic() - began) * 1000),
            repeated=tally.repeated,
        )
        _log_problems(tally, report, audience.damage)
        if tally.refusal is not None:
            raise PostingRefusedError(tally.refusal.reason)
        return report

    def _retry_young(self, tally: _Tally, data: bytes, deadline: Deadline) -> int:
        """Retry the connections with young rows after a 410.

        Return the number of connections that are still reported gone, or were not tried again.
        """
        young, tally.young = tally.young, []
        due = tally.young_since + RETRY_YOUNG_AFTER_SECONDS
        if not young or tally.refusal is not None or due >= deadline.posts:
            return len(young)
        self.clock.sleep(max(0.0, due - self.clock.monotonic()))
        untried = iter(young)
        still_gone = 0
        for delivery in self.transport.call_all("POST", untried, data, deadline.posts):
            if delivery.outcome.result is Result.GONE:
                still_gone += 1
                tally.repeated += delivery.outcome.repeated
                if self.hooks:
                    self.hooks.gone.add(delivery.recipient.connection_id)
            else:
                tally.add(delivery)
        return still_gone + sum(1 for _ in untried)


def _wanted(
    audience: Everyone, exclude: Collection[str], tally: _Tally
) -> Iterator[Recipient | None]:
    """Yield the recipients that are not excluded, until a post is refused."""
    while tally.refusal is None:
        try:
            recipient = next(audience)
        except StopIteration:
            return
        if recipient is None or recipient.connection_id not in exclude:
            yield recipient


def _log_problems(tally: _Tally, report: Report, damage: Damage) -> None:
    damage.log()
    if tally.cleanup.doubt:
        log("nobody_reached", logging.ERROR, **tally.cleanup.doubt.as_fields())
    tally.failures.log()
    if report.left_over or not report.left_over_exact:
        log("left_over", logging.WARNING, **report.as_fields())
