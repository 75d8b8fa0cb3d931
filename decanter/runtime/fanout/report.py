"""The result of a message to several connections."""

from typing import Any, NamedTuple


class Report(NamedTuple):
    """The result of a broadcast or a send. The counts add up to the number of connections.

    Attributes:
        sent: API Gateway accepted the message.
        gone: API Gateway answers that the connection does not exist. It also answers so while a
            `$connect` handler still runs. A broadcast deletes these rows.
        pending: reported gone, but the connection may be about to open, or the answer is not API
            Gateway's own, or no connection was reached. These rows are kept.
        failed: tried without success, and logged by reason; the connections may still be open.
        left_over: not tried, because the time was over or posting is refused.
        left_over_exact: False if the rest could not be counted in time, so there are more.
        cursor: where another broadcast can continue; None if no recipient is left.
        milliseconds: from the first read to the last count.
        repeated: posts that were retried because no answer came; at most this many frames are
            duplicates.
        gone_ids: the connection ids, passed to `send`, that are gone. A broadcast may have a
            hundred thousand, so it only counts. The same applies to the next two.
        failed_ids: the failed and the pending ids.
        left_over_ids: the ids that were not tried.
        queued: the id of the item that the queue has for all others; None if nothing was queued.
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
        """Return the fields of the log line; it has no connection ids."""
        fields = {name: it for name, it in self._asdict().items() if not name.endswith("_ids")}
        if self.queued is None:
            del fields["queued"]
        return fields
