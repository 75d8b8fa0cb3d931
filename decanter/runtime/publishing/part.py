"""The posts of one part of a job, such as a segment of the table or a list of connections."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from decanter.runtime.clock import Clock
from decanter.runtime.fanout.broadcast import GRACE_MS
from decanter.runtime.fanout.cleanup import Cleanup, Remove
from decanter.runtime.fanout.sample import Failures
from decanter.runtime.publishing.checkpoint import Checkpoint, State
from decanter.runtime.recipients import Connections, Recipient, Removed
from decanter.runtime.transports.base import Delivery, Outcome, Result, Transport

MOST_AGAIN = 500
"""If a row has this many connections to retry, or more, they are moved to a new item."""


class Source(Protocol):
    """The connections of a part. `__next__` returns None until the next connection is known.

    Attributes:
        cursor: the place where another source continues; None if no connection is left.
    """

    @property
    def cursor(self) -> str | None: ...  # noqa: D102

    def __next__(self) -> Recipient | None: ...


class Listed:
    """A source with given connections.

    `cursor` is the index of the next connection; empty for the first connection.
    """

    def __init__(self, ids: Sequence[str], cursor: str) -> None:
        self._ids = ids
        self._next = int(cursor or 0)

    @property
    def cursor(self) -> str | None:
        """The index of the next connection; None if no connection is left."""
        return str(self._next) if self._next < len(self._ids) else None

    def __next__(self) -> Recipient:
        """Return the next connection."""
        if self._next >= len(self._ids):
            raise StopIteration
        self._next += 1
        return Recipient(self._ids[self._next - 1], 0)


@dataclass
class Part:
    """Posts to the connections of a source, and updates the checkpoint.

    The next `unsure` posts may be duplicates. The state's `repeated` includes these posts.
    """

    source: Source
    checkpoint: Checkpoint
    cleanup: Cleanup
    clock: Clock
    exclude: Collection[str] = ()
    unsure: int = 0

    def __post_init__(self) -> None:
        self.failures = Failures()
        self.refusal: Outcome | None = None
        self.begun = 0
        self._first = list(self.state.unended)
        self._unended = dict.fromkeys(self._first)
        self.is_full = len(self.state.again) >= MOST_AGAIN

    @property
    def state(self) -> State:
        """The state with the counts so far. `snapshot` adds the cursor and `unended`."""
        return self.checkpoint.state

    def post(self, transport: Transport, data: bytes, stop_at: float, until: float) -> None:
        """Post until no connection is left or until `stop_at`, and then wait for the answers.

        No post starts after a refusal, or while the row has `MOST_AGAIN` connections to retry. The
        wait ends at `until`. Both times are in monotonic seconds.
        """
        for delivery in transport.call_all("POST", self._recipients(stop_at), data, until):
            self._end(delivery)

    def snapshot(self) -> State:
        """Return the state with the cursor and the connections whose posts have not ended."""
        self.state.cursor = self.source.cursor
        self.state.unended = [*self._unended]
        return self.state

    def _recipients(self, stop_at: float) -> Iterator[Recipient | None]:
        while self.refusal is None and not self.is_full and self.clock.monotonic() < stop_at:
            if self._first:
                yield self._begin(Recipient(self._first.pop(0), 0))
                continue
            self.checkpoint.keep_up(self.snapshot)
            if self.checkpoint.room <= 0:
                yield None
                continue
            try:
                recipient = next(self.source)
            except StopIteration:
                return
            if recipient is None:
                yield None
            elif recipient.connection_id not in self.exclude:
                self.checkpoint.begin()
                self._unended[recipient.connection_id] = None
                yield self._begin(recipient)

    def _begin(self, recipient: Recipient) -> Recipient:
        self.begun += 1
        self.unsure = max(0, self.unsure - 1)
        return recipient

    def _end(self, delivery: Delivery) -> None:
        recipient, outcome = delivery
        self.state.repeated += outcome.repeated
        if outcome.result is Result.REFUSED:  # the id stays in `unended` for a later run
            self.refusal = outcome
            return
        self._unended.pop(recipient.connection_id, None)
        self.checkpoint.end()
        if outcome.result is Result.OK:
            self.state.posted += 1
        elif outcome.gone and not self._is_young(recipient, outcome):
            self.state.gone += 1
            self.cleanup.add(recipient)
        elif outcome.gone or outcome.retryable:
            self._keep(recipient.connection_id, outcome)
        else:
            self.state.failed += 1
            self.failures.add(delivery)

    def _keep(self, connection_id: str, outcome: Outcome) -> None:
        """Keep a connection in the row for another attempt.

        If a post had no answer, its frame may have arrived, so the retry may be a duplicate.
        """
        self.state.again.append(connection_id)
        self.state.repeated += outcome.result is Result.FAILED and outcome.status is None
        self.is_full = len(self.state.again) >= MOST_AGAIN

    def _is_young(self, recipient: Recipient, outcome: Outcome) -> bool:
        """Return True after a 410 if the row is so young that the connection may still open."""
        age = self.clock.time_ms() - recipient.connected_at
        return outcome.result is Result.GONE and age < GRACE_MS


def remover(connections: Connections, clock: Clock) -> Remove:
    """Return a function that deletes the row of a gone connection.

    The row's `connected_at` must be unchanged. If only the connection's id is known, the row must
    be older than the grace period instead.
    """

    def remove(row: Recipient) -> Removed | None:
        if row.connected_at or row.stored:
            return connections.remove_if_unchanged(row)
        return connections.remove_if_older(row.connection_id, clock.time_ms() - GRACE_MS)

    return remove
