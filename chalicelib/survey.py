"""What a sweep asks about a row, and what it makes of the answer.

A row is deleted under the terms of a broadcast: API Gateway itself says that its connection is gone
(410) or can be none (400), it is older than the grace, and it is still the row that was read; and
the endpoint is not in doubt (`cleanup`). No other answer deletes one: it ends the run, as what has
failed may be needed for broadcasts.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from typing import Any

from .broadcast import GRACE_MS
from .cleanup import Cleanup
from .clock import Clock
from .deadline import Deadline
from .errors import ConfigurationError, DecanterError, StoreBusyError
from .recipients import Recipient
from .transports.protocol import Delivery, Outcome, Result, Transport


class UnansweredError(DecanterError):
    """@connections did not say whether there is a connection; it may the next time."""


@dataclass
class Sweep:
    """What became of a run; the log has the sum of the first three as `swept`.

    Attributes:
        gone: their clients have left; the rows are deleted.
        closed: their clients' identity had expired.
        kept: open, or too young to tell, or not answered for, or said to be gone without proof.
        complete: whether it went all round the table; if not, the next run goes on.
        problem: what ended it early; None when nothing did but time.
        milliseconds: from the first read to the last row deleted.
    """

    gone: int = 0
    closed: int = 0
    kept: int = 0
    complete: bool = False
    problem: DecanterError | None = None
    milliseconds: int = 0

    @property
    def level(self) -> int:
        """Of the log's line: an error is what no later run mends by itself."""
        if self.problem is None:
            return logging.INFO
        passing = isinstance(self.problem, StoreBusyError | UnansweredError)
        return logging.WARNING if passing else logging.ERROR

    def as_fields(self) -> dict[str, Any]:
        """The report as the log has it."""
        swept = self.gone + self.closed + self.kept
        problem = str(self.problem) if self.problem else None
        return {"swept": swept} | asdict(self) | {"problem": problem}


@dataclass
class Survey:
    """Finds out about rows, and does what is to be done about each.

    Attributes:
        seen: the connections so far; where one is met again, the round is complete.
    """

    transport: Transport
    clock: Clock
    cleanup: Cleanup
    deadline: Deadline
    sweep: Sweep
    seen: set[str] = field(default_factory=set)

    @property
    def stopped(self) -> bool:
        """Whether nothing more is to be asked."""
        return self.sweep.problem is not None or self.clock.monotonic() >= self.deadline.posts

    def unseen(self, rows: Iterable[Recipient]) -> list[Recipient]:
        """The rows before the first that was seen."""
        return [*takewhile(lambda row: row.connection_id not in self.seen, rows)]

    def look_at(self, rows: Sequence[Recipient]) -> None:
        """Find out about these rows; a young one's connection need not be open yet."""
        self.seen.update(row.connection_id for row in rows)
        now_ms = self.clock.time_ms()
        expired, unknown = [], []
        for row in rows:
            if now_ms - row.connected_at < GRACE_MS:
                self._keep()
            elif 0 < row.identity_expires_at * 1000 <= now_ms:
                expired.append(row)
            else:
                unknown.append(row)
        until = self.deadline.posts
        self._take_in(self.transport.close_all(self._while_well(expired), until), self._close)
        self._take_in(self.transport.info_all(self._while_well(unknown), until), self._keep)

    def _while_well(self, rows: Iterable[Recipient]) -> Iterator[Recipient]:
        return takewhile(lambda _: self.sweep.problem is None, rows)

    def _take_in(self, deliveries: Iterable[Delivery], succeed: Callable[[], None]) -> None:
        for row, outcome in deliveries:
            if outcome.result is Result.OK:
                succeed()
            elif outcome.result in (Result.GONE, Result.MALFORMED):
                self.cleanup.add(row)
            else:
                self._keep()
                if not self.stopped:  # what was under way when time was over has done no wrong
                    self.sweep.problem = problem_of(outcome)

    def _close(self) -> None:
        self.sweep.closed += 1

    def _keep(self) -> None:
        self.sweep.kept += 1


def problem_of(outcome: Outcome) -> DecanterError:
    """What an answer that is neither yes nor no means for the run."""
    if outcome.result is Result.REFUSED:
        return ConfigurationError(
            f"asking about connections is refused ({outcome.reason}): grant "
            "execute-api:ManageConnections for GET and DELETE on this API and stage to the "
            "function's role"
        )
    answer = f"{outcome.result.value} ({outcome.reason})"
    return UnansweredError(f"asking about a connection ended as {answer}")
