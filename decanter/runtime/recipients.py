"""Recipients: the attributes of a connection's row that a broadcast needs."""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

BEGINNING = ""
"""The cursor before the first connection."""

MOST_SEGMENTS = 1000
"""The largest MaximumConcurrency that Lambda accepts for SQS. An invocation reads one segment."""

_SEGMENT = re.compile(r"([0-9]{1,4})/([0-9]{1,4}):(.*)", re.DOTALL)

MAX_AGE_MS = (2 * 60 + 10) * 60 * 1000
"""API Gateway closes a connection after two hours, so a row older than 2 h 10 min is stale."""

UNGREETED = 1
"""The expiry of the identity of a client that has sent no connect command, in epoch seconds."""

SWEEP = "sweep"
"""The name of the scheduled function that sweeps, in app.py and in Chalice's configuration."""


class Recipient(NamedTuple):
    """One connection.

    Attributes:
        connection_id: the id that API Gateway assigned.
        connected_at: the time when the client connected, in epoch milliseconds; 0 if the row has no
            valid time, or was not read.
        identity_expires_at: the time when the client's identity expires, in epoch seconds; 0 if the
            row has no valid number, or was not read.
        stored: the damaged `connected_at` in DynamoDB's form, such as `{"S": "yesterday"}`; None if
            the row is not damaged.
    """

    connection_id: str
    connected_at: int
    identity_expires_at: int = 0
    stored: Mapping[str, Any] | None = None


class Place(NamedTuple):
    """The place of a cursor: `ID` in the whole table, or `0/4:ID` in a segment of the table.

    DynamoDB can divide a table into segments, which can be read in parallel.

    Attributes:
        after: a connection id, or `BEGINNING`.
        segment: the number of the segment; the first is 0.
        segments: the number of segments; 1 for the whole table.
    """

    after: str
    segment: int = 0
    segments: int = 1

    @classmethod
    def of(cls, cursor: str) -> "Place":
        """Return the place of a cursor."""
        if match := _SEGMENT.fullmatch(cursor):
            place = cls(match[3], int(match[1]), int(match[2]))
            if place.segment < place.segments <= MOST_SEGMENTS:
                return place
        return cls(cursor)

    @property
    def prefix(self) -> str:
        """The part of a cursor before the connection id."""
        return f"{self.segment}/{self.segments}:" if self.segments > 1 else ""

    @property
    def cursor(self) -> str:
        """The cursor that names the place.

        An id that itself looks like `0/4:ID` gets the prefix `0/1:` in a cursor of the whole table.
        Only another program can write a row with such an id.
        """
        is_ambiguous = self.segments == 1 and _SEGMENT.fullmatch(self.after)
        return f"0/1:{self.after}" if is_ambiguous else self.prefix + self.after

    def then(self, last: str | None) -> str | None:
        """Return the cursor after a page, in this segment or in the next segment; None at the end.

        `last` is the connection id where the page ended; None at the segment's end.
        """
        if last is not None:
            return self._replace(after=last).cursor
        following = self.segment + 1
        return f"{following}/{self.segments}:" if following < self.segments else None


class Removed:
    """The deleted row of a connection that has ended.

    Attributes:
        connection_id: the id that API Gateway assigned.
        connected_at: the time when the client connected, in epoch milliseconds; 0 if the row does
            not have this time.
        row: the row, as DynamoDB stores it.
        left: the channels that the connection leaves because of this deletion, each with its
            membership.
    """

    def __init__(
        self,
        connection_id: str,
        connected_at: int,
        read: Callable[[], Mapping[str, Any]],
        row: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.connection_id = connection_id
        self.connected_at = connected_at
        self._read = read
        self.row = row
        self.left: list[tuple[str, Any]] = []

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """The application's own attributes, by the names in the model."""
        return self._read()


class Page(NamedTuple):
    """The connections in a part of the table, without stale rows.

    `last` is the cursor after which the next page starts; None at the end of the table.
    """

    recipients: list[Recipient]
    last: str | None


class Count(NamedTuple):
    """The number of connections in a part of the table, without stale rows.

    `last` is the cursor after which the next part starts; None at the end of the table.
    """

    recipients: int
    last: str | None


class Connections(Protocol):
    """The connection table, as the router uses it. The model's class implements this protocol.

    Raises:
        StoreBusyError: DynamoDB throttles an operation or does not answer.
        StoreError: an operation fails for another reason.
        ConfigurationError: the table, or the variable with the table's name, is missing.
    """

    def record(self, event: Mapping[str, Any], **attributes: Any) -> None:
        """Write the row of a CONNECT event. If the event is repeated, the same row is written."""
        ...

    def remove(self, connection_id: str) -> Removed | None:
        """Delete the row and return it; None if it does not exist."""
        ...

    def remove_if_unchanged(self, recipient: Recipient) -> Removed | None:
        """Delete the row and return it; None if its `connected_at` changed or the row is gone."""
        ...

    def remove_if_older(self, connection_id: str, than_ms: int) -> Removed | None:
        """Delete the row and return it; None unless its `connected_at` is before `than_ms`."""
        ...

    def where(self) -> str:
        """Return the table's name and the variable that sets it, for an error message."""
        ...

    def identify(self, connection_id: str) -> str | None:
        """Return the identity of a connection's client; None if it is unknown."""
        ...

    def identity_end(self) -> str:
        """Return the name of the attribute with the identity's expiry; "" if the table has none."""
        ...

    def page(self, after: str, now_ms: int, limit: int | None = None) -> Page:
        """Read the next part of the table after a cursor (`Place`), or from `BEGINNING`.

        The part has at most `limit` rows, and at most 1 MB. `now_ms`, in epoch milliseconds,
        determines which rows are stale.
        """
        ...

    def count_after(self, after: str, now_ms: int) -> Count:
        """Count the rows in the next part of the table, without stale rows."""
        ...
