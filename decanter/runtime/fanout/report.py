"""The result of a broadcast or a send."""

from typing import Any, NamedTuple


class Report(NamedTuple):
    """The result of a broadcast or a send. The sum of the counts is the number of connections.

    Attributes:
        sent: connections for which API Gateway accepted the message.
        gone: connections that do not exist, as API Gateway itself answers. API Gateway gives the
            same answer while a `$connect` handler still runs. A broadcast deletes these rows.
        pending: connections that are reported gone, but may exist: the connection may be about to
            open, the answer may not come from API Gateway, or the endpoint may be wrong because
            this process has reached no connection yet. These rows are kept.
        failed: connections that were tried without success. The log has the reasons. These
            connections may still be open.
        left_over: connections that were not tried, because the time was over or a post was refused.
        left_over_exact: False if there was no time to count all untried connections, so there may
            be more.
        cursor: the place where another broadcast can continue; None if no recipient is left.
        milliseconds: the time from the first read to the last count.
        repeated: posts that were retried because no answer arrived; the clients get at most this
            number of duplicate frames.
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
