"""The rate limit of posts: a token bucket whose rate falls when many posts are throttled."""

from collections import deque

from decanter.runtime.settings import Settings

WINDOW_SECONDS = 0.02
LEAST_ANSWERS = 16
MANY = 0.2
SAVED_SECONDS = 0.1
SLOWEST = 0.01
RECOVERY = 1.25


class TokenBucket:
    """Gives one token for each post, at a limited rate. Tokens are saved for a tenth of a second.

    A small Lambda function runs in time slices. The saved tokens are for the posts that the
    function could not send between its time slices.

    If only a few posts are throttled, their clients read slowly, and the posts are retried. If a
    fifth or more of the answers in a window are 429, the account has used its quota. The rate then
    falls to the rate of accepted posts in the window, but not below a hundredth of the initial
    rate, and no tokens are saved. After each window with fewer 429s, the rate rises by a quarter,
    up to the initial rate. Answers to posts that were sent before the rate fell are ignored.

    The instances of a queue's function share a rate limit that they must never exceed together.
    Their buckets are strict: in any second, they give no more tokens than the initial rate allows.
    To ensure this, they also count the posts of the last second, because posts with saved tokens,
    or with tokens that are used late, could exceed the rate in a single second. They start with a
    negative number of tokens, because another process may have used saved tokens just before.

    Attributes:
        rate: the current limit, in posts per second.
        tokens: the number of posts that may start; the caller takes one token for each post.
    """

    def __init__(self, rate: float, now: float, *, is_strict: bool = False) -> None:
        self._most = rate
        self.rate = rate
        self.tokens = -max(1.0, rate * SAVED_SECONDS) if is_strict else rate * SAVED_SECONDS
        self._left = self.tokens
        self._recent: deque[tuple[float, int]] | None = deque() if is_strict else None
        self._recently = 0
        self._withheld = 0.0
        self._filled = now
        self._fell = now
        self._moment = now
        self._judged_at = now
        self._accepted = 0
        self._throttled = 0

    @classmethod
    def of(cls, settings: Settings, now: float) -> "TokenBucket":
        """Return a bucket with the settings' rate."""
        return cls(settings.posts_per_second, now, is_strict=settings.shares_pace)

    def fill(self, now: float) -> None:
        """Add the tokens that have become available since the last call."""
        self._count(now)
        slowed = self.rate < self._most
        room = max(1.0, 0.0 if slowed else self.rate * SAVED_SECONDS)
        self.tokens = min(room, self.tokens + self._withheld + (now - self._filled) * self.rate)
        self._filled = now
        if self._recent is not None:
            self._withheld = max(0.0, self.tokens - self._most + self._recently)
            self._left = self.tokens = self.tokens - self._withheld

    def _count(self, now: float) -> None:
        """Count the tokens taken in the last second, including those since the last call."""
        recent = self._recent
        if recent is None:
            return
        if taken := round(self._left - self.tokens):
            recent.append((now, taken))
            self._recently += taken
        while recent and recent[0][0] <= now - 1:
            self._recently -= recent.popleft()[1]

    def ready_at(self, now: float) -> float:
        """Return the earliest time when the next token can be available."""
        return now + (1 - self.tokens) / self.rate

    def learn(self, sent_at: float, now: float, *, throttled: bool = False) -> None:
        """Adapt to the answer to a post; `throttled` means a 429. Times are monotonic seconds."""
        if sent_at < self._fell:
            return
        if throttled:
            self._throttled += 1
        else:
            self._accepted += 1
        if now >= self._judged_at:
            self._judge(now)

    def _judge(self, now: float) -> None:
        """Adapt the rate at the end of a window, which ends after enough time and answers."""
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
            self._count(now)
            self.tokens = self._left = self._withheld = 0.0
            self._fell = now
        else:
            self.rate = min(self._most, self.rate * RECOVERY)
        self._accepted = self._throttled = 0
