"""A message to connections that the caller names: a room's, say."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from decanter.runtime.errors import PostingRefusedError
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.logs import log
from decanter.runtime.recipients import Connections, Recipient
from decanter.runtime.transports.base import Result, Transport


@dataclass
class Multicast:
    """What became of a multicast, by connection id.

    Attributes:
        sent: API Gateway took the message for them.
        gone: API Gateway says that there is no such connection; forget them where you keep them.
            It says so of one whose `$connect` handler is still running, too.
        failed: tried in vain; they may be there.
        left_over: not tried, for want of time.
    """

    sent: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)

    @classmethod
    def run(
        cls,
        transport: Transport,
        connections: Connections,
        connection_ids: Iterable[str],
        data: bytes,
        deadline: Deadline,
    ) -> "Multicast":
        """Post to each connection whom there is time for; a problem is a line in the log.

        Raises:
            PostingRefusedError: this function may not post.
        """
        report = cls()
        by_result = {
            Result.OK: report.sent,
            Result.GONE: report.gone,
            Result.MALFORMED: report.gone,
        }
        unproven = 0
        untried = iter([Recipient(each, 0) for each in connection_ids])
        for recipient, outcome in transport.post_all(untried, data, deadline.posts):
            by_result.get(outcome.result, report.failed).append(recipient.connection_id)
            unproven += outcome.unproven
            if outcome.result is Result.REFUSED:
                raise PostingRefusedError(outcome.reason)
        report.left_over += [recipient.connection_id for recipient in untried]
        if doubt := transport.reach.doubt(len(report.gone) + unproven, connections):
            log("nobody_reached", logging.ERROR, **doubt.as_fields())
            report.failed += report.gone
            report.gone = []
        if any(chain(report.failed, report.left_over)):
            log(
                "multicast_incomplete",
                logging.WARNING,
                failed=len(report.failed),
                left_over=len(report.left_over),
            )
        return report
