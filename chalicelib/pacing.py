"""How fast a connection may send: a middleware, and the attribute of the row that it needs.

    @connection_table(env="CONNECTIONS_TABLE")
    class Connection(PacedModel): ...

    router.middleware(Pacing(Connection))

`DECANTER_MESSAGES_PER_SECOND` is how many one connection may send to routes each second, so many
of them at once; while it is not set there is no limit. What is more is answered with
`rate_limited` and reaches no route. The row of the connection itself keeps count, because a
function's next event may meet another process: one conditional write a message, two where
messages follow each other faster than the limit's own interval. No write makes a row.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pynamodb.attributes import NumberAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from .clock import Clock
from .connections import ConnectionModel
from .errors import RateLimited, SettingError
from .pynamo import ChangedError, translated
from .request import Request
from .route import GetResponse, Response

VARIABLE = "DECANTER_MESSAGES_PER_SECOND"
MOST = 1000


class PacedModel(ConnectionModel):
    """Base of connections that may be paced; `@connection_table` completes it.

    Attributes:
        free_at: when what was sent is used up at the pace allowed, epoch milliseconds.
    """

    free_at = NumberAttribute(null=True)

    @classmethod
    def admit(cls, connection_id: str, now_ms: int, per_second: int) -> bool:
        """Count a message; False if the connection may not send it yet, or has no row."""
        interval = 1000 // per_second
        idle = cls.free_at.does_not_exist() | (cls.free_at <= now_ms)
        recorded = cls.connected_at.exists()
        if cls._count(connection_id, cls.free_at.set(now_ms + interval), recorded & idle):
            return True
        room = cls.free_at <= now_ms + 1000 - interval
        return cls._count(connection_id, cls.free_at.set(cls.free_at + interval), recorded & room)

    @classmethod
    def _count(cls, connection_id: str, action: Action, condition: Condition) -> bool:
        try:
            with translated(cls.Meta):
                cls._get_connection().update_item(
                    connection_id, actions=[action], condition=condition
                )
        except ChangedError:
            return False
        return True

    @classmethod
    def __decanter__(cls) -> dict[str, Any] | None:
        """What the tool reads of a table; with the right that `admit` needs."""
        declared = super().__decanter__()
        if declared is None:
            return None
        actions = dict(declared["actions"])
        actions["websocket_message"] = sorted(
            [*actions["websocket_message"], "dynamodb:UpdateItem"]
        )
        return declared | {"actions": actions}


class Pacing:
    """Refuses what a connection sends too fast.

    Args:
        connections: the connection table.
        environ: the environment, read at the first message.
        clock: the time.
    """

    def __init__(
        self,
        connections: type[PacedModel],
        environ: Mapping[str, str] = os.environ,
        clock: Clock | None = None,
    ) -> None:
        self._connections = connections
        self._environ = environ
        self._clock = clock or Clock()

    def __call__(self, request: Request, get_response: GetResponse) -> Response:
        """Hand the message on, or not.

        Raises:
            RateLimited: the connection has to wait.
            SettingError: the variable is no such number.
        """
        per_second = _per_second(self._environ.get(VARIABLE))
        if per_second is not None:
            now_ms = self._clock.time_ms()
            if not self._connections.admit(request.connection_id, now_ms, per_second):
                raise RateLimited
        return get_response(request)


def _per_second(value: str | None) -> int | None:
    if not value:
        return None
    with suppress(ValueError):
        if 1 <= (number := int(value)) <= MOST:
            return number
    raise SettingError(VARIABLE, value, f"set it to a whole number from 1 to {MOST}")
