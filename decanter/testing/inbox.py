"""The frames that have arrived at a client of a test."""

from collections import deque
from collections.abc import Callable


class Inbox:
    """The `Outlet` of a client, which keeps the gateway's frames until the test receives them.

    Args:
        on_close: called once with the code and the reason, after either side closes.
    """

    is_clogged = False

    def __init__(self, on_close: Callable[[int, str], None]) -> None:
        self.frames: deque[str] = deque()
        self.closed: tuple[int, str] | None = None
        self._on_close = on_close

    def send(self, data: bytes) -> bool:
        """Keep a frame. Return False if the connection is closed."""
        if self.closed is None:
            self.frames.append(data.decode())
        return self.closed is None

    def close(self, code: int, reason: str) -> None:
        """Close the connection. Only the first close counts."""
        if self.closed is None:
            self.closed = (code, reason)
            self._on_close(code, reason)

    def abort(self) -> None:
        """Close the connection without a close frame, with the code 1006."""
        self.close(1006, "")

    def vanish(self) -> None:
        """Close the connection, but report no close."""
        self.closed = self.closed or (1006, "")
