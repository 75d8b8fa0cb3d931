"""A message hook that limits each connection's rate, and the row attribute that it needs.

    @connection_table(env="CONNECTIONS_TABLE")
    class Connection(RateLimitedModel): ...

    router.on_message(RateLimit(Connection))

The variable `DECANTER_MESSAGES_PER_SECOND` is the rate limit for one connection, and also the
largest burst. If the variable is not set, there is no limit. Messages above the limit get the
answer `rate_limited` and reach no route. The limit also counts messages that select no route.

If `DECANTER_CLOSE_AFTER_MESSAGES` is set, a connection that continues to send is closed. In this
case, refused messages count too. When a connection is ahead of the allowed rate by the variable's
number of messages, its next message gets no error frame, and the connection is closed. If a client
waits, its count falls at the allowed rate. The `$disconnect` handler deletes the row.

The count is stored in the connection's row, because the next event may run in another process. Each
message costs one conditional write, or two if the connection is already ahead of the allowed rate.
No write creates a row.
"""

import os
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from pynamodb.attributes import NumberAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from decanter.runtime.clock import Clock
from decanter.runtime.errors import Flooding, RateLimited, SettingError
from decanter.runtime.functions import check_derived, check_environment, check_table, complete
from decanter.runtime.routing.request import Request
from decanter.runtime.settings import number
from decanter.runtime.store.connections import Actions, ConnectionModel
from decanter.runtime.store.tables import ChangedError, translated

PACE_VARIABLE = "DECANTER_MESSAGES_PER_SECOND"
CLOSE_VARIABLE = "DECANTER_CLOSE_AFTER_MESSAGES"
MOST_PER_SECOND = 1000
MOST_AHEAD = 100_000

BURST_MS = 1000
"""The milliseconds by which a connection may be ahead of its allowed rate in a burst."""

SKEW_MS = 60_000
"""The milliseconds by which the clocks of two processes may differ. A `free_at` is ignored if it is
further ahead than the limits and this difference allow. Otherwise a clock that was an hour ahead
would silence a connection for an hour.
"""


class RateLimitedModel(ConnectionModel):
    """Base class for connections with a rate limit. `@connection_table` completes a subclass.

    Attributes:
        free_at: the time until which the messages so far use up the allowed rate, in epoch
            milliseconds.
    """

    table_actions: ClassVar[Actions] = {"websocket_message": ("dynamodb:UpdateItem",)}
    free_at = NumberAttribute(null=True)

    @classmethod
    def count_message(
        cls, connection_id: str, now_ms: int, interval_ms: float, most_ms: float
    ) -> float | None:
        """Count a message, and return how far the connection is ahead of its allowed rate.

        Returns:
            The number of milliseconds. None if the message is not counted, because the number would
            exceed `most_ms`, or because there is no row.
        """
        is_number = cls.free_at.is_type()  # type: ignore[no-untyped-call]
        idle = ~is_number | (cls.free_at <= now_ms) | (cls.free_at > now_ms + most_ms + SKEW_MS)
        free_at = cls._set(connection_id, cls.free_at.set(now_ms + interval_ms), idle)
        if free_at is None:
            room = cls.free_at <= now_ms + most_ms - interval_ms
            free_at = cls._set(connection_id, cls.free_at.set(cls.free_at + interval_ms), room)
        return None if free_at is None else free_at - now_ms

    @classmethod
    def _set(cls, connection_id: str, action: Action, condition: Condition) -> float | None:
        """Change `free_at` of an existing row, and return the new value.

        Return None if there is no row, or the condition does not hold.
        """
        try:
            with translated(cls.Meta):
                answer = cls._get_connection().update_item(
                    connection_id,
                    actions=[action],
                    condition=cls.connected_at.exists() & condition,
                    return_values="UPDATED_NEW",
                )
        except ChangedError:
            return None
        return float(answer["Attributes"][cls.free_at.attr_name]["N"])


class _Limits(NamedTuple):
    """The limits of each connection.

    Attributes:
        per_second: the number of messages per second, and the largest burst.
        close_after: the number of messages by which a connection may be ahead of this rate. The
            next message closes the connection. None to close no connection.
    """

    per_second: int
    close_after: int | None


class RateLimit:
    """Refuses messages above the rate limit, and closes connections that keep sending.

    Raises:
        DeclarationError: the connection table's model is not a `RateLimitedModel`.
    """

    @complete("RateLimit(Connection)")
    def __init__(
        self,
        connections: type[RateLimitedModel],
        environ: Mapping[str, str] = os.environ,
        clock: Clock | None = None,
    ) -> None:
        check_derived("RateLimit:", connections, RateLimitedModel)
        check_table("RateLimit:", connections, "@connection_table")
        check_environment("RateLimit", environ)
        self._connections = connections
        self._environ = environ
        self._clock = clock or Clock()

    @property
    def closes(self) -> bool:
        """True if this hook may close connections, for which the Lambda function needs a right."""
        return bool(self._environ.get(CLOSE_VARIABLE))

    def __call__(self, request: Request) -> None:
        """Accept or refuse a message.

        Raises:
            RateLimited: the connection has to wait.
            Flooding: the connection did not wait or has no row, and is closed.
            SettingError: a variable is invalid, or only `CLOSE_VARIABLE` is set.
        """
        limits = self.__decanter_settings__()
        if limits is None:
            return
        interval = round(1000 / limits.per_second, 3)  # few digits, because the row stores a sum
        most = BURST_MS if limits.close_after is None else limits.close_after * interval
        now = self._clock.time_ms()
        ahead = self._connections.count_message(request.connection_id, now, interval, most)
        if ahead is None and limits.close_after is not None:
            raise Flooding
        if ahead is None or ahead > BURST_MS:
            raise RateLimited

    def __decanter_settings__(self) -> _Limits | None:
        """Return the limits, or None. The tool calls this method before a deployment.

        Raises:
            SettingError: a variable is invalid, or the rate is missing.
        """
        return _limits(self._environ)


def _limits(environ: Mapping[str, str]) -> _Limits | None:
    """Return the limits; None if there is no rate limit."""
    per_second = number(environ, PACE_VARIABLE, int, 1, MOST_PER_SECOND)
    close_after = number(environ, CLOSE_VARIABLE, int, (per_second or 0) + 1, MOST_AHEAD)
    if per_second is not None:
        return _Limits(per_second, close_after)
    if close_after is not None:
        raise SettingError(PACE_VARIABLE, None, f"{CLOSE_VARIABLE} needs it: set both or neither")
    return None
