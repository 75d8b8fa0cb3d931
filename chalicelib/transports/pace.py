"""How many posts may be in flight: less while the account is throttled."""

from .protocol import Outcome


class Pace:
    """Halves at a throttled post and grows by one with each that was not.

    So a slow reader among many slows nobody down for long, and an account at its quota is not
    pushed further.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most

    @property
    def allowed(self) -> int:
        """Posts that may be in flight now; 1 or more."""
        return self._allowed

    def learn(self, outcome: Outcome) -> None:
        """Take in how a post went."""
        if outcome.throttled:
            self._allowed = max(1, self._allowed // 2)
        else:
            self._allowed = min(self._most, self._allowed + 1)
