"""The result of a broadcast or a send."""

from typing import Any, NamedTuple


class Report(NamedTuple):
    """The result of a broadcast, a send or a close.

    Each connection counts at most once: as sent, gone, pending, failed or left over. Connections
    that the queue gets are not counted.

    Attributes:
        sent: connections for which API Gateway accepted the call.
        gone: connections that do not exist, according to an answer from API Gateway itself. A
            broadcast deletes their rows. API Gateway gives the same answer while a `$connect`
            handler still runs, so a send or a close may count a connection that is about to open.
        pending: connections that got nothing, and whose rows are kept. A broadcast counts a
            connection that is reported gone as pending in these cases: it may be about to open, the
            answer comes from another server, too many rows wait for deletion, no time is left for
            the disconnect hooks, or a disconnect hook sends the broadcast. If ten or more
            connections are reported gone and the process has reached none yet, the endpoint may be
            wrong. Any report then counts as pending the connections that would otherwise count as
            gone. In an app with channels, a send also skips clients that must not get messages now,
            and counts them as pending.
        failed: connections that were tried without success. These connections may still be open.
            The log has the reasons.
        left_over: connections that were not tried, because no time was left or a post was refused.
        left_over_exact: False if not all untried connections could be counted, so there may be
            more.
        cursor: the place where another broadcast can continue; None if no recipient is left, or if
            the queue gets the rest.
        milliseconds: the duration. A broadcast's duration includes the deletion of rows.
        repeated: the number of requests that were sent again although an earlier request may have
            arrived; the clients get at most this number of duplicate frames.
        gone_ids: the ids of gone connections. This field and the next two are only for `send` and
            `close`. A broadcast may have a hundred thousand ids, so it only counts them.
        failed_ids: the ids of failed and of pending connections.
        left_over_ids: the ids of connections that were not tried.
        queued: the id of the queue's item for all other connections; None if nothing was queued.
    """

    sent: int = 0
    gone: int = 0
    pending: int = 0
    failed: int = 0
    left_over: int = 0
    left_over_exact: bool = True
    cursor: str | None = None
    milliseconds: int = 0
    repeated: int = 0
    gone_ids: tuple[str, ...] = ()
    failed_ids: tuple[str, ...] = ()
    left_over_ids: tuple[str, ...] = ()
    queued: str | None = None

    def as_fields(self) -> dict[str, Any]:
        """Return the fields of the log line, without connection ids."""
        fields = {name: it for name, it in self._asdict().items() if not name.endswith("_ids")}
        if self.queued is None:
            del fields["queued"]
        return fields
