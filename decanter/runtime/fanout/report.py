"""What became of a message to several connections."""

from typing import Any, NamedTuple


class Report(NamedTuple):
    """What became of a broadcast or a send; the counts add up to the connections that there were.

    Attributes:
        sent: API Gateway took the message for them.
        gone: API Gateway says that there is no such connection. It says so of one whose `$connect`
            handler is still running, too. A broadcast deletes their rows.
        pending: they are said to be gone, but may be about to open, or API Gateway does not say so
            itself, or nobody was reached; their rows are kept.
        failed: tried, and reported in the log by reason; they may be there.
        left_over: not tried, for lack of time or because posting is refused.
        left_over_exact: False if the rest could not be counted in time: there are more.
        cursor: the audience after which another broadcast can go on; None if nobody is left.
        milliseconds: from the first read to the last count.
        repeated: posts that were sent again because no answer came: at most so many frames can
            arrive twice.
        gone_ids: the connection ids that `send` named and that are gone. A broadcast, which may
            have a hundred thousand, only counts; so for the next two.
        failed_ids: those that failed or are pending.
        left_over_ids: those that were not tried.
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

    def as_fields(self) -> dict[str, Any]:
        """The report as the log has it, without the ids."""
        fields = self._asdict()
        return {name: fields[name] for name in self._fields if not name.endswith("_ids")}
