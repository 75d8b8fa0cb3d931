"""How fast a connection may send: a message hook, and the attribute of the row that it needs.

    @connection_table(env="CONNECTIONS_TABLE")
    class Connection(RateLimitedModel): ...

    router.on_message(RateLimit(Connection))

`DECANTER_MESSAGES_PER_SECOND` is how many messages one connection may send each second, so many of
them at once; while it is not set there is no limit. What is more is answered with `rate_limited`
and reaches no route, and neither does a mistake that selects none.

`DECANTER_CLOSE_AFTER_MESSAGES` closes a connection that goes on in spite of that: then messages
that are refused use up its pace too, and the one that would be so many ahead of it is not answered
but ends the connection. Who waits is forgiven at the pace allowed. The row goes with `$disconnect`.

The row of the connection itself keeps count, because a function's next event may meet another
process: one conditional write a message, two where messages follow each other faster than the
limit's own interval. No write makes a row.
"""

import os
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from pynamodb.attributes import NumberAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from decanter.runtime.clock import Clock
from decanter.runtime.errors import Flooding, RateLimited, SettingError
from decanter.runtime.routing.request import Request
from decanter.runtime.settings import number
from decanter.runtime.store.connections import Actions, ConnectionModel
from decanter.runtime.store.tables import ChangedError, translated

PACE_VARIABLE = "DECANTER_MESSAGES_PER_SECOND"
CLOSE_VARIABLE = "DECANTER_CLOSE_AFTER_MESSAGES"
MOST_PER_SECOND = 1000
MOST_AHEAD = 100_000

BURST_MS = 1000
"""How far ahead of its pace a connection may be: a second's messages at once."""


class RateLimitedModel(ConnectionModel):
    """Base of connections that may be paced; `@connection_table` completes it.

    Attributes:
        free_at: when what was sent is used up at the pace allowed, epoch milliseconds.
    """

    table_actions: ClassVar[Actions] = {"websocket_message": ("dynamodb:UpdateItem",)}
    free_at = NumberAttribute(null=True)

    @classmethod
    def count_message(
        cls, connection_id: str, now_ms: int, interval_ms: int, most_ms: int
    ) -> int | None:
        """Count a message; say how many milliseconds the connection is then ahead of its pace.

        Returns:
            None when it is not counted: it would be more than `most_ms`, or there is no row.
        """
        idle = cls.free_at.does_not_exist() | (cls.free_at <= now_ms)
        free_at = cls._set(connection_id, cls.free_at.set(now_ms + interval_ms), idle)
        if free_at is None:
            room = cls.free_at <= now_ms + most_ms - interval_ms
            free_at = cls._set(connection_id, cls.free_at.set(cls.free_at + interval_ms), room)
        return None if free_at is None else free_at - now_ms

    @classmethod
    def _set(cls, connection_id: str, action: Action, condition: Condition) -> int | None:
        """Change `free_at` of a row that there is; its new value, None if it may not be."""
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
        return int(answer["Attributes"][cls.free_at.attr_name]["N"])


class _Limits(NamedTuple):
    """What the environment allows: messages a second; ahead of that pace, None: no more."""

    per_second: int
    close_after: int | None


class RateLimit:
    """Refuses what a connection sends too fast, and closes one that does not heed that.

    Args:
        connections: the connection table.
        environ: the environment.
        clock: the time.
    """

    def __init__(
        self,
        connections: type[RateLimitedModel],
        environ: Mapping[str, str] = os.environ,
        clock: Clock | None = None,
    ) -> None:
        self._connections = connections
        self._environ = environ
        self._clock = clock or Clock()

    @property
    def closes(self) -> bool:
        """Whether it may close connections, for which the function needs a right."""
        return bool(self._environ.get(CLOSE_VARIABLE))

    def __call__(self, request: Request) -> None:
        """Let a message pass, or not.

        Raises:
            RateLimited: the connection has to wait.
            Flooding: it does not.
            SettingError: a variable is no such number.
        """
        limits = _limits(self._environ)
        if limits is None:
            return
        interval = 1000 // limits.per_second
        most = BURST_MS if limits.close_after is None else limits.close_after * interval
        now = self._clock.time_ms()
        ahead = self._connections.count_message(request.connection_id, now, interval, most)
        if ahead is None and limits.close_after is not None:
            raise Flooding
        if ahead is None or ahead > BURST_MS:
            raise RateLimited


def _limits(environ: Mapping[str, str]) -> _Limits | None:
    """The limits; None where there is no pace.

    Raises:
        SettingError: a variable is no such number, or the second is set alone.
    """
    per_second = number(environ, PACE_VARIABLE, int, 1, MOST_PER_SECOND)
    close_after = number(environ, CLOSE_VARIABLE, int, (per_second or 0) + 1, MOST_AHEAD)
    if per_second is not None:
        return _Limits(per_second, close_after)
    if close_after is not None:
        raise SettingError(PACE_VARIABLE, None, f"{CLOSE_VARIABLE} needs it: set both or neither")
    return None
