"""The rate limit of posts: a token bucket that slows down when many are throttled."""

from decanter.runtime.settings import Settings

WINDOW_SECONDS = 0.02
LEAST_ANSWERS = 16
MANY = 0.2
SAVED_SECONDS = 0.1
SLOWEST = 0.01
RECOVERY = 1.25


class TokenBucket:
    """One token for each post, at a fixed rate; unused tokens are saved for a tenth of a second.

    They are saved because a small Lambda function runs in time slices: it may send later what it
    could not send while another function had the processor.

    A few throttled posts among many are slow readers; these posts are retried. If a fifth of the
    answers in a window are 429, the account's quota is used up. Then the rate falls to what was
    accepted in that window, and no tokens are saved. The rate rises by a quarter after each window
    without this. Answers to posts that were sent before the fall are ignored.

    Args:
        rate: maximum posts a second.
        now: monotonic seconds.

    Attributes:
        rate: current posts a second.
        tokens: how many posts may start; the caller takes one for each.
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

    @classmethod
    def of(cls, settings: Settings, now: float) -> "TokenBucket":
        """Return a bucket with the settings' rate."""
        bucket = cls(settings.posts_per_second, now)
        if settings.starts_empty:
            bucket.tokens = 0.0
        return bucket

    def fill(self, now: float) -> None:
        """Add the tokens since the last call."""
        slowed = self.rate < self._most
        room = max(1.0, 0.0 if slowed else self.rate * SAVED_SECONDS)
        self.tokens = min(room, self.tokens + (now - self._filled) * self.rate)
        self._filled = now

    def ready_at(self, now: float) -> float:
        """Return when the next token is available."""
        return now + (1 - self.tokens) / self.rate

    def learn(self, sent_at: float, now: float, *, throttled: bool = False) -> None:
        """Adapt to the answer of a post.

        Args:
            sent_at: when it was sent, monotonic seconds.
            now: monotonic seconds.
            throttled: True if it was answered 429.
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
        """A window starts with its first answer, and ends after enough time and answers."""
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


def share_of(pace: float, workers: int) -> float:
    """Return the rate of each of several buckets that start empty and together keep a pace.

    In one second, a bucket gives its rate and what it has saved, which is at least one token. So
    all of them together never give more than `pace` tokens in any second.
    """
    share = pace / workers
    return min(share / (1 + SAVED_SECONDS), share - 1)
