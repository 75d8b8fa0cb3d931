"""Send one message to given connections, such as a room's members, or close connections."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from decanter.runtime.clock import Clock
from decanter.runtime.errors import PostingRefusedError
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.report import Report
from decanter.runtime.fanout.sample import Failures
from decanter.runtime.logs import log
from decanter.runtime.recipients import Connections, Recipient
from decanter.runtime.transports.base import Delivery, Method, Result, Transport


@dataclass
class _Tally:
    sent: int = 0
    repeated: int = 0
    unproven: int = 0
    gone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    failures: Failures = field(default_factory=Failures)

    def add(self, delivery: Delivery) -> None:
        (connection_id, *_), outcome = delivery
        self.repeated += outcome.repeated
        self.unproven += outcome.unproven
        if outcome.result is Result.OK:
            self.sent += 1
        elif outcome.gone:
            self.gone.append(connection_id)
        elif outcome.result is Result.REFUSED:
            raise PostingRefusedError(outcome.reason)
        else:
            self.failed.append(connection_id)
            self.failures.add(delivery)


def call_each(
    method: Method,
    transport: Transport,
    connections: Connections,
    connection_ids: Iterable[str],
    data: bytes,
    deadline: Deadline,
    clock: Clock,
) -> Report:
    """Make a call for each connection until the deadline; log problems.

    Raises:
        PostingRefusedError: the Lambda function is not allowed to make the calls.
    """
    began = clock.monotonic()
    tally = _Tally()
    untried = iter([Recipient(each, 0) for each in connection_ids])
    for delivery in transport.call_all(method, untried, data, deadline.posts):
        tally.add(delivery)
    left_over = tuple(recipient.connection_id for recipient in untried)
    doubt = transport.reach.doubt(len(tally.gone) + tally.unproven, connections)
    if doubt:
        log("nobody_reached", logging.ERROR, **doubt.as_fields())
    gone, pending = ((), tuple(tally.gone)) if doubt else (tuple(tally.gone), ())
    failed = (*tally.failed, *pending)
    tally.failures.log()
    if failed or left_over:
        log("multicast_incomplete", logging.WARNING, failed=len(failed), left_over=len(left_over))
    return Report(
        sent=tally.sent,
        gone=len(gone),
        pending=len(pending),
        failed=len(tally.failed),
        left_over=len(left_over),
        milliseconds=round((clock.monotonic() - began) * 1000),
        repeated=tally.repeated,
        gone_ids=gone,
        failed_ids=failed,
        left_over_ids=left_over,
    )
