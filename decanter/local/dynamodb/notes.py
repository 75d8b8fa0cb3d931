"""Notes of the embedded services for the developer. `server.py` loads this file by its path."""

import threading
from collections.abc import Callable

MOST_NOTES = 100


class Notes:
    """Forwards each note only once, because a client may repeat the same mistake many times.

    `tell` gets a line and its details, such as a traceback.
    """

    def __init__(self, tell: Callable[[str, str], object]) -> None:
        self.tell = tell
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def once(self, key: str, line: str, detail: str = "") -> None:
        """Forward a note. Ignore notes with a known key, and notes after the first `MOST_NOTES`."""
        with self._lock:
            if key not in self._seen and len(self._seen) < MOST_NOTES:
                self._seen.add(key)
                self.tell(line, detail)
