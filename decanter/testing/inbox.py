"""Keep the frames that have arrived at a client until the test receives them."""

from collections import deque
from collections.abc import Callable


class Inbox:
    """The gateway's `Outlet` to a client, which keeps frames until the test receives them.

    `on_close` gets the code and the reason, at most once, after either side has closed the
    connection.
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
        """Close the connection. After the first call, further calls do nothing."""
        if self.closed is None:
            self.closed = (code, reason)
            self._on_close(code, reason)

    def abort(self) -> None:
        """Close the connection with the code 1006, because no close frame is sent."""
        self.close(1006, "")

    def vanish(self) -> None:
        """Close the connection without a call of `on_close`."""
        self.closed = self.closed or (1006, "")
