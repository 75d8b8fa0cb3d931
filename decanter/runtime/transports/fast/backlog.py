"""The posts of a fan-out that wait for a retry, or for their first attempt."""

import heapq
from collections.abc import Iterator
from itertools import chain, count
from math import inf

from decanter.runtime.recipients import Recipient
from decanter.runtime.transports.base import (
    RETRIES,
    UNANSWERED,
    WAIT_SECONDS,
    Delivery,
    Outcome,
    Result,
)

_OK = Result.OK  # Python reads a global faster than an enum's member


class Post:
    """A request to one recipient.

    Attributes:
        outcome: the last attempt's outcome.
        attempts: the number of attempts that have ended.
        throttled: True if the answer to any attempt was 429.
        repeated: the number of requests that were sent again although an earlier request may have
            arrived.
        arrived: True if the last request was sent completely and got no answer.
        sent_at: the time when the last request started, in monotonic seconds.
        replayed: True if the request is sent again because a kept connection was dead.
        signed_again: True after the first refusal, which makes the loop sign the request again.
    """

    outcome = UNANSWERED
    attempts = 0
    throttled = False
    repeated = 0
    arrived = False
    sent_at = 0.0
    replayed = False
    signed_again = False

    def __init__(self, recipient: Recipient) -> None:
        self.recipient = recipient

    def end_attempt(self, outcome: Outcome) -> bool:
        """Store an attempt's outcome. Return True if another attempt is necessary."""
        self.outcome = outcome
        self.attempts += 1
        if outcome.result is _OK:
            return False
        self.throttled |= outcome.throttled
        return outcome.retryable and self.attempts <= RETRIES

    def delivery(self) -> Delivery:
        """Return the delivery with the outcome so far."""
        outcome = self.outcome
        if self.attempts > 1 or self.repeated:
            outcome = outcome._replace(
                attempts=self.attempts,
                throttled=self.throttled,
                repeated=self.repeated,
            )
        return Delivery(self.recipient, outcome)

    def delivery_after(self, outcome: Outcome) -> Delivery:
        """Return the delivery after another transport has also made the call."""
        return Delivery(
            self.recipient,
            outcome._replace(
                attempts=self.attempts + outcome.attempts,
                throttled=self.throttled or outcome.throttled,
                repeated=self.repeated + self.arrived + outcome.repeated,
            ),
        )


class Backlog:
    """Posts to retry now or later, and recipients whose posts have not been tried.

    A recipient is taken from the iterator only when its post can start.
    """

    def __init__(self, recipients: Iterator[Recipient | None]) -> None:
        self._recipients = recipients
        self._taken_all = False
        self._waits = False
        self._at_once: list[Post] = []
        self._later: list[tuple[float, int, Post]] = []
        self._tickets = count()

    @property
    def empty(self) -> bool:
        """True if nothing is left. It stays False until `first` finds that no recipient is left."""
        return self._taken_all and not (self._at_once or self._later)

    @property
    def due(self) -> float:
        """The time of the next retry in monotonic seconds; infinity if there is no retry."""
        return self._later[0][0] if self._later else inf

    def ready_at(self, now: float) -> float:
        """Return when to call `first` and `again` next, after both have returned None."""
        return min(self.due, now + WAIT_SECONDS) if self._waits else self.due

    def take_no_more(self) -> None:
        """Take no further recipient."""
        self._recipients = iter(())

    def first(self, now: float) -> Post | None:
        """Return the next recipient's post; None if none is ready or a retry comes first."""
        if self._at_once or (self._later and self._later[0][0] <= now):
            return None
        for recipient in self._recipients:
            self._waits = recipient is None
            return Post(recipient) if recipient is not None else None
        self._taken_all, self._waits = True, False
        return None

    def again(self, now: float) -> Post | None:
        """Return a post that must be retried now; None if there is none."""
        if self._at_once:
            post = self._at_once.pop()
        elif self.due <= now:
            post = heapq.heappop(self._later)[2]
        else:
            return None
        post.repeated += post.arrived
        post.arrived = False
        return post

    def at_once(self, post: Post) -> None:
        """Retry a post as soon as possible."""
        self._at_once.append(post)

    def later(self, post: Post, due: float) -> None:
        """Retry a post at a given time, in monotonic seconds."""
        heapq.heappush(self._later, (due, next(self._tickets), post))

    def unsent(self) -> Iterator[Post]:
        """Return an iterator over the posts that still wait for a retry."""
        return chain(self._at_once, (post for _, _, post in self._later))
