"""One recipient's post, from attempt to attempt."""

from dataclasses import dataclass, replace

from ..recipients import Recipient
from .protocol import RETRIES, UNANSWERED, Delivery, Outcome, Result

_OK = Result.OK  # a global is found faster than an enumeration's member


@dataclass(slots=True)
class Post:
    """A request on its way to one connection.

    Attributes:
        recipient: whose connection.
        outcome: of the last attempt.
        attempts: those that have ended.
        throttled: whether any was answered 429.
        sent_at: when the last one began, monotonic seconds.
        replayed: whether it was sent again because a kept connection was found dead.
        signed_again: whether it was sent again because its signature was refused.
    """

    recipient: Recipient
    outcome: Outcome = UNANSWERED
    attempts: int = 0
    throttled: bool = False
    sent_at: float = 0.0
    replayed: bool = False
    signed_again: bool = False

    def end_attempt(self, outcome: Outcome) -> bool:
        """Take in how an attempt ended; say whether another one is due."""
        self.outcome = outcome
        self.attempts += 1
        if outcome.result is _OK:
            return False
        self.throttled |= outcome.throttled
        return outcome.retryable and self.attempts <= RETRIES

    def delivery(self) -> Delivery:
        """What has become of it so far."""
        outcome = self.outcome
        if self.attempts > 1:
            outcome = replace(outcome, attempts=self.attempts, throttled=self.throttled)
        return Delivery(self.recipient, outcome)
