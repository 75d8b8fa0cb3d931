"""How fast posts may begin: a token bucket that slows down when many are throttled."""

WINDOW_SECONDS = 0.02
LEAST_ANSWERS = 16
MANY = 0.2
SAVED_SECONDS = 0.1
SLOWEST = 0.01
RECOVERY = 1.25


class TokenBucket:
    """A token for each post, so many a second; what is not used is saved for a tenth of a second.

    The saving is there because a small Lambda function runs in slices: what it could not send
    while another had its processor, it may send when its turn comes.

    A few throttled posts among many are slow readers, whose posts are tried again by themselves.
    When a fifth of the answers of a moment are 429, the account's quota is used up: the pace falls
    to what was accepted in that moment, nothing is saved any more, and the pace recovers by a
    quarter each moment that goes well. Answers to posts from before the fall are not counted
    again.

    Args:
        rate: posts a second, at most.
        now: monotonic seconds.

    Attributes:
        rate: posts a second, now.
        tokens: how many posts may begin; whoever begins one takes it.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._most = rate
        self.rate = rate
        self.tokens = rate * SAVED_SECONDS
        self._filled = now
        self._fell = now
        self._moment = now
        self._judged_at = now
        self._accepted = 0
        self._throttled = 0

    def fill(self, now: float) -> None:
        """Add what has come since the last time."""
        slowed = self.rate < self._most
        room = max(1.0, 0.0 if slowed else self.rate * SAVED_SECONDS)
        self.tokens = min(room, self.tokens + (now - self._filled) * self.rate)
        self._filled = now

    def ready_at(self, now: float) -> float:
        """When there is a token again."""
        return now + (1 - self.tokens) / self.rate

    def learn(self, sent_at: float, now: float, *, throttled: bool = False) -> None:
        """Take in how a post was answered.

        Args:
            sent_at: when it began, monotonic seconds.
            now: monotonic seconds.
            throttled: whether by 429.
        """
        if sent_at < self._fell:
            return
        if throttled:
            self._throttled += 1
        else:
            self._accepted += 1
        if now >= self._judged_at:
            self._judge(now)

    def _judge(self, now: float) -> None:
        """A moment begins with its first answer, and ends when there are enough of them."""
        answers = self._accepted + self._throttled
        if answers == 1:
            self._moment = now
            self._judged_at = now + WINDOW_SECONDS
        elif answers > LEAST_ANSWERS:
            self._adjust(now)
            self._judged_at = now

    def _adjust(self, now: float) -> None:
        if self._throttled >= MANY * (self._throttled + self._accepted):
            accepted = self._accepted / (now - self._moment)
            self.rate = max(SLOWEST * self._most, min(self.rate, accepted))
            self.tokens = 0.0
            self._fell = now
        else:
            self.rate = min(self._most, self.rate * RECOVERY)
        self._accepted = self._throttled = 0
