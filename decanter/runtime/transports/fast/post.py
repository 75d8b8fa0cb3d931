"""One recipient's post, from attempt to attempt."""

from decanter.runtime.recipients import Recipient
from decanter.runtime.transports.base import RETRIES, UNANSWERED, Delivery, Outcome, Result

_OK = Result.OK  # a global is found faster than an enumeration's member


class Post:
    """A request on its way to one connection.

    Args:
        recipient: whose connection.

    Attributes:
        outcome: of the last attempt.
        attempts: those that have ended.
        throttled: whether any was answered 429.
        repeated: how often another followed one without an answer.
        sent_at: when the last one began, monotonic seconds.
        replayed: whether it was sent again because a kept connection was found dead.
        signed_again: whether it was sent again because its signature was refused.
    """

    outcome = UNANSWERED
    attempts = 0
    throttled = False
    repeated = 0
    sent_at = 0.0
    replayed = False
    signed_again = False

    def __init__(self, recipient: Recipient) -> None:
        self.recipient = recipient

    def end_attempt(self, outcome: Outcome) -> bool:
        """Take in how an attempt ended; say whether another one is due."""
        self.outcome = outcome
        self.attempts += 1
        if outcome.result is _OK:
            return False
        self.throttled |= outcome.throttled
        if not outcome.retryable or self.attempts > RETRIES:
            return False
        self.repeated += outcome.status is None
        return True

    def delivery(self) -> Delivery:
        """What has become of it so far."""
        outcome = self.outcome
        if self.attempts > 1:
            outcome = outcome._replace(
                attempts=self.attempts,
                throttled=self.throttled,
                repeated=self.repeated,
            )
        return Delivery(self.recipient, outcome)
