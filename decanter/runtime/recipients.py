"""Who receives, as the table keeps them: what a broadcast needs to know of a connection."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple, Protocol

BEGINNING = ""
"""The cursor before the first connection."""

MAX_AGE_MS = (2 * 60 + 10) * 60 * 1000
"""API Gateway closes a connection after two hours; a row older than this is nobody's."""

SWEEP = "sweep"
"""The scheduled function that sweeps, by the name that app.py gives it, and so Chalice."""


class Recipient(NamedTuple):
    """One connection.

    Attributes:
        connection_id: as API Gateway gave it.
        connected_at: epoch milliseconds; 0 when the row does not say.
        identity_expires_at: until when its client is known to be who it is, epoch seconds; 0 when
            the row does not say.
    """

    connection_id: str
    connected_at: int
    identity_expires_at: int = 0


class Removed:
    """A row that was deleted: what the table knew of a connection that has ended.

    Args:
        read: reads the attributes from the row; called when they are first asked for.

    Attributes:
        connection_id: as API Gateway gave it.
        connected_at: epoch milliseconds; 0 if the row did not say.
    """

    def __init__(
        self, connection_id: str, connected_at: int, read: Callable[[], Mapping[str, Any]]
    ) -> None:
        self.connection_id = connection_id
        self.connected_at = connected_at
        self._read = read

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """The application's own attributes, by their names in the model."""
        return self._read()


class Page(NamedTuple):
    """A part of the table.

    Attributes:
        recipients: those whose connection can still be alive.
        last: the connection id after which the next page begins; None at the table's end.
    """

    recipients: list[Recipient]
    last: str | None


class Count(NamedTuple):
    """How many a part of the table holds.

    Attributes:
        recipients: how many of them can still be alive.
        last: the connection id after which the next part begins; None at the table's end.
    """

    recipients: int
    last: str | None


class Connections(Protocol):
    """What the router asks of the connection table; the model's class is one.

    Raises:
        StoreBusyError: DynamoDB throttles or does not answer.
        StoreError: it refuses.
        ConfigurationError: the table or the variable that names it is missing.
    """

    def record(self, event: Mapping[str, Any], **attributes: Any) -> None:
        """Write the row of a CONNECT event; the same event again writes the same row."""
        ...

    def remove(self, connection_id: str) -> Removed | None:
        """Delete the row and return it; None if there is none."""
        ...

    def remove_if_unchanged(self, recipient: Recipient) -> Removed | None:
        """Delete the row and return it; None if it is not the one that was read any more."""
        ...

    def remove_if_older(self, connection_id: str, than_ms: int) -> Removed | None:
        """Delete the row and return it; None if the client connected later, or there is none."""
        ...

    def where(self) -> str:
        """Name the table, as an error does."""
        ...

    def identify(self, connection_id: str) -> str | None:
        """Whose connection it is; None when that is not known."""
        ...

    def identity_end(self) -> str:
        """The attribute that says until when a client's identity is known; "" if none is kept."""
        ...

    def page(self, after: str, now_ms: int, limit: int | None = None) -> Page:
        """Read the next part of the table after a connection id, or from `BEGINNING`.

        Args:
            after: where it begins.
            now_ms: tells which rows are too old.
            limit: rows at most; None: as many as DynamoDB gives at once, 1 MB of them.
        """
        ...

    def count_after(self, after: str, now_ms: int) -> Count:
        """Count the next part of the table without transferring it."""
        ...
