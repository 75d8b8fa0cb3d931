"""The posts that wait for their turn."""

import heapq
from collections.abc import Iterator
from itertools import chain, count
from math import inf

from ..recipients import Recipient
from .post import Post


class Backlog:
    """Those to be sent again, at once or later, and the recipients who had no attempt yet.

    Args:
        recipients: each is taken when its post can begin.
    """

    def __init__(self, recipients: Iterator[Recipient]) -> None:
        self._recipients = recipients
        self._taken_all = False
        self._at_once: list[Post] = []
        self._later: list[tuple[float, int, Post]] = []
        self._tickets = count()

    @property
    def empty(self) -> bool:
        """Whether nothing is left; known once somebody asked for one more than there is."""
        return self._taken_all and not (self._at_once or self._later)

    @property
    def due(self) -> float:
        """When the next of those for later is due, monotonic seconds; infinity without one."""
        return self._later[0][0] if self._later else inf

    def first(self, now: float) -> Post | None:
        """The next recipient's, unless one to be sent again goes before it."""
        if self._at_once or (self._later and self._later[0][0] <= now):
            return None
        for recipient in self._recipients:
            return Post(recipient)
        self._taken_all = True
        return None

    def again(self, now: float) -> Post | None:
        """One to be sent again now."""
        if self._at_once:
            return self._at_once.pop()
        if self.due <= now:
            return heapq.heappop(self._later)[2]
        return None

    def at_once(self, post: Post) -> None:
        """Have it sent again as soon as possible."""
        self._at_once.append(post)

    def later(self, post: Post, due: float) -> None:
        """Have it sent again at some moment, monotonic seconds."""
        heapq.heappush(self._later, (due, next(self._tickets), post))

    def unsent(self) -> Iterator[Post]:
        """Those that were to be sent again."""
        return chain(self._at_once, (post for _, _, post in self._later))
