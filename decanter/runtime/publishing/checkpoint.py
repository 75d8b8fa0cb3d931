"""Checkpoints: the progress of a part of a job, in the job table.

A row contains the cursor after the last connection whose post has started. It also lists the
connections before the cursor whose posts have not ended, and the connections that need another
attempt. At most `MOST_UNSURE` posts start before the row is written again. If a run is killed, no
post is lost, and the next run repeats at most `MOST_UNSURE` posts.

A run owns its row at most until the time in `until`, when the run's Lambda function times out. If
SQS delivers a message again while a run owns the row, the second delivery waits until this time.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count
from typing import Any, Protocol
from uuid import uuid4

from decanter.runtime.clock import Clock
from decanter.runtime.errors import QueueError, StoreBusyError
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.store.jobs import Row

MOST_UNSURE = 512
"""The maximum number of posts whose end is not yet recorded in the table."""

FRESH = 128
"""The number of new posts after which the row is written again, while other posts continue."""

ATTEMPTS = 4
"""The number of attempts to write a row that must be written."""


class Jobs(Protocol):
    """The job table, as the queue's function uses it. `JobModel` implements this protocol."""

    def read(self, job_id: str) -> Row | None:
        """Return a row; None if it does not exist."""
        ...

    def write(
        self, job_id: str, owner: str, state: Mapping[str, Any], now_ms: int, before: Sequence[str]
    ) -> bool:
        """Write a row if its owner is in `before`, or if `before` is empty and there is no row."""
        ...


@dataclass
class State:
    """The state of a part of a job.

    Attributes:
        cursor: the place where the posts continue; None if no connection is left.
        unended: the connections before the cursor whose posts have not ended.
        again: the connections that need another attempt.
        flushes: the number of items with connections to retry that were sent to the queue or to the
            dead-letter queue.
        until: the time when the last run must have ended, in epoch milliseconds; 0 if there was no
            run, or if the last run has released the row.
        done: True if nothing is left.
        posted: the number of posts that API Gateway accepted.
        gone: the number of connections that do not exist, according to API Gateway.
        failed: the number of posts for which a retry does not help.
        repeated: the maximum number of duplicate frames that clients get.
        unsure: how many posts of the next run may be duplicates, in addition to the posts to
            `unended`. During a run, it is 0, because `repeated` then includes these posts.
        dead: the number of connections that no retry has reached.
    """

    cursor: str | None
    unended: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    flushes: int = 0
    until: int = 0
    done: bool = False
    posted: int = 0
    gone: int = 0
    failed: int = 0
    repeated: int = 0
    dead: int = 0
    unsure: int = 0

    def counts(self) -> dict[str, int]:
        """Return the counts named in `COUNTS`."""
        return {name: getattr(self, name) for name in COUNTS}


COUNTS = ("posted", "gone", "failed", "repeated", "dead")


class SupersededError(QueueError):
    """Another run has taken over the row."""

    def __str__(self) -> str:
        return "another run has taken over this part of the job"


class Checkpoint:
    """The row of a part of a job, owned by one run.

    The run changes `state` in place. `pause` waits before the next attempt to write the row; it
    takes the number of past attempts.
    """

    def __init__(
        self,
        jobs: Jobs,
        row: str,
        state: State,
        clock: Clock,
        workers: Workers,
        pause: Callable[[int], None],
    ) -> None:
        self.state = state
        self._jobs = jobs
        self._row = row
        self._clock = clock
        self._workers = workers
        self._pause = pause
        self._run = uuid4().hex
        self._owners: list[str] = []
        self._numbers = count()
        self._writing: tuple[_Draft, Future[bool]] | None = None
        self._begun = self._ended = 0
        self._written = _Draft(unended=len(state.unended))

    @classmethod
    def read(cls, jobs: Jobs, row: str, cursor: str) -> tuple[State, str | None]:
        """Return the state and the owner of a row.

        Without a row, return a new state at the cursor, and None.
        """
        found = jobs.read(row)
        return (State(**found.state), found.owner) if found else (State(cursor), None)

    def take(self, until_ms: int, owner: str | None, unsure: int) -> bool:
        """Take the row from its last owner. Return False if another run was faster.

        `until_ms` is the time when this run must end, in epoch milliseconds. `unsure` is the number
        of posts that this run may repeat. The row counts these posts before the run repeats them.
        """
        self.state.until = until_ms
        self.state.repeated += unsure
        self.state.unsure = 0
        self._owners = [owner] if owner else []
        draft = self._draft(self.state)
        owns = self._write(draft)
        if owns:
            self._note(draft)
        return owns

    def begin(self) -> None:
        """Count a post that starts."""
        self._begun += 1

    def end(self) -> None:
        """Count a post that has ended."""
        self._ended += 1

    @property
    def room(self) -> int:
        """The number of posts that may start before the row is written again."""
        return MOST_UNSURE - self._written.unended - (self._begun - self._written.begun)

    def keep_up(self, snapshot: Callable[[], State]) -> None:
        """Start to write the row if necessary. Do not wait until it is written.

        Raises:
            SupersededError: another run owns the row.
            StoreError, ConfigurationError: the row cannot be written.
        """
        if self._writing is not None:
            if not self._writing[1].done():
                return
            self._take_in()
        begun = self._begun - self._written.begun
        has_changed = begun or self._ended != self._written.ended
        if begun >= FRESH or (has_changed and self.room <= 0):
            draft = self._draft(snapshot())
            self._writing = draft, self._workers.start(partial(self._write, draft))

    def write(self, state: State) -> None:
        """Write the row, and wait until it is written. If the table is busy, try again.

        Raises:
            SupersededError: another run owns the row.
            StoreError, ConfigurationError: the row cannot be written.
        """
        if self._writing is not None:
            self._take_in()
        draft = self._draft(state)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                owns = self._write(draft)
            except StoreBusyError:
                if attempt == ATTEMPTS:
                    raise
                self._pause(attempt)
            else:
                break
        if not owns:
            raise SupersededError
        self._note(draft)

    def _take_in(self) -> None:
        assert self._writing is not None
        (draft, writing), self._writing = self._writing, None
        try:
            owns = writing.result()
        except StoreBusyError:  # the next write has a newer state
            return
        if not owns:
            raise SupersededError
        self._note(draft)

    def _note(self, draft: "_Draft") -> None:
        self._written, self._owners = draft, [draft.owner]

    def _draft(self, state: State) -> "_Draft":
        """Return a version of the row to write.

        Each version has a new owner, so DynamoDB refuses an older version that arrives late.
        """
        owner, before = f"{self._run}:{next(self._numbers)}", tuple(self._owners)
        self._owners.append(owner)
        return _Draft(*(owner, before, asdict(state), self._begun, self._ended), len(state.unended))

    def _write(self, draft: "_Draft") -> bool:
        now_ms = self._clock.time_ms()
        return self._jobs.write(self._row, draft.owner, draft.content, now_ms, draft.before)


@dataclass(frozen=True)
class _Draft:
    """A version of the row to write, with the state as `content`.

    `before` contains the owners whose versions this version may replace. `begun` and `ended` are
    the numbers of posts of this run that have started and ended. `unended` is the number of posts
    that this version lists as not ended.
    """

    owner: str = ""
    before: tuple[str, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict)
    begun: int = 0
    ended: int = 0
    unended: int = 0
