"""A cache for facts about the files of packages, and for their byte code.

The cache is one SQLite file, `decanter/package.sqlite3` in the user's cache folder. Each key is a
digest of everything that its value depends on, so a value is never outdated. The user may delete
the file at any time. If the file cannot be read, all values are computed again.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# A value is deleted if no package has needed it for this number of seconds.
_KEPT_SECONDS = 90 * 24 * 3600
# Another command may be writing to the database.
_BUSY_SECONDS = 10
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL, used REAL NOT NULL)
WITHOUT ROWID
"""


def digest(*parts: bytes) -> bytes:
    """Return a key for a value that depends on these parts. Their order matters."""
    lengths = b"".join(len(part).to_bytes(8) for part in parts)
    return hashlib.sha256(lengths + b"".join(parts)).digest()


def default_path() -> Path:
    """Return the path of the user's cache file (XDG Base Directory Specification)."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(given) if Path(given).is_absolute() else Path("~/.cache").expanduser()
    return folder / "decanter" / "package.sqlite3"


class Cache:
    """Values by key. Without a database, only new values are in the cache."""

    def __init__(self, database: sqlite3.Connection | None = None) -> None:
        self._database = database
        self._used: set[bytes] = set()
        self._new: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return a value; None if the value is not known."""
        if key in self._new:
            return self._new[key]
        if self._database is None:
            return None
        with suppress(sqlite3.Error):
            row = self._database.execute("SELECT value FROM entries WHERE key = ?", [key])
            for (value,) in row:
                self._used.add(key)
                return bytes(value)
        return None

    def put(self, key: bytes, value: bytes) -> None:
        """Add a value. `save` writes it to the database."""
        self._new[key] = value

    def save(self) -> None:
        """Write the new values, and delete values that were unused for 90 days."""
        if self._database is None:
            return
        now = time.time()
        with suppress(sqlite3.Error), self._database as database:
            database.executemany(
                "REPLACE INTO entries VALUES (?, ?, ?)",
                [(key, value, now) for key, value in self._new.items()],
            )
            database.executemany(
                "UPDATE entries SET used = ? WHERE key = ?", [(now, key) for key in self._used]
            )
            database.execute("DELETE FROM entries WHERE used < ?", [now - _KEPT_SECONDS])


@contextmanager
def opened(path: Path | None = None) -> Iterator[Cache]:
    """Open a cache for the build of one package. The default is the user's cache.

    If the block raises no exception, the cache is saved at the end of the block.
    """
    database = None
    with suppress(OSError, RuntimeError, sqlite3.Error):  # RuntimeError: no home folder
        database = _connect(path or default_path())
    cache = Cache(database)
    try:
        yield cache
        cache.save()
    finally:
        if database is not None:
            database.close()


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS)
    try:
        database.execute(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
