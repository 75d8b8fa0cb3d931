"""The types that the gateway's rules use: the API, connections, their limits, and invocations."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from decanter.gateway.events import ConnectionContext, Event

MAX_FRAME_BYTES = 32 * 1024
MAX_MESSAGE_BYTES = 128 * 1024
"""The limits of a frame and of a message, in both directions (API Gateway's quotas page)."""

CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{15}=")


class Outlet(Protocol):
    """The socket of one client's connection. The code that calls the rules provides this object."""

    @property
    def is_clogged(self) -> bool:
        """True if the buffer of unsent data is more than half full."""

    def send(self, data: bytes) -> bool:
        """Send a text message. Return False if the socket is not open or its buffer has no room."""

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake."""

    def abort(self) -> None:
        """Drop the connection without a closing handshake."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route.

    Attributes:
        function: the name of the route's function in Chalice's configuration.
        two_way: True if a route response sends the client the body of the function's result.
        authorizer: the name of the authorizer that must accept a client.
    """

    function: str
    two_way: bool = False
    authorizer: str | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """The deployed API.

    Attributes:
        stage: the stage's name. The paths of the WebSocket URL and of @connections start with it.
        routes: the routes, by route key.
        http_routes: the paths of the same app's HTTP routes.
        http_stage: the stage's name in the URLs of HTTP routes.
    """

    stage: str
    routes: Mapping[str, Route]
    selection_expression: str
    http_routes: tuple[str, ...] = ()
    http_stage: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """The time limits of a connection, in seconds."""

    idle_seconds: float = 600
    age_seconds: float = 7200
    stalled_seconds: float = 10
    """A client whose buffer was full and stays more than half full is dropped after this time.

    This limit is Decanter's choice.
    """


class Phase(enum.Enum):
    """The phases of a connection."""

    CONNECTING = "connecting"
    """The connect handler runs. The connection is not open yet, and @connections answers 410."""
    OPEN = "open"
    CLOSED = "closed"
    """The connection is closing or closed, and unknown to @connections."""


@dataclass(eq=False, slots=True)
class Connection:
    """A client's connection.

    Times are monotonic seconds; `last_active_at` is epoch milliseconds.
    """

    context: ConnectionContext
    opened: float
    last_active: float
    last_active_at: int
    phase: Phase = Phase.CONNECTING
    outlet: Outlet | None = None
    stalled_since: float | None = None
    ended_by_us: tuple[int, str] | None = None

    @property
    def id(self) -> str:
        """The connection id."""
        return self.context.connection_id


@dataclass(frozen=True, slots=True)
class Invocation:
    """An event for a function, and the route that selected the function."""

    function: str
    route_key: str
    event: Event
    two_way: bool = False

    @property
    def request_id(self) -> str:
        """The event's request id."""
        return str(self.event["requestContext"]["requestId"])

    @property
    def connection_id(self) -> str:
        """The id of the event's connection."""
        return str(self.event["requestContext"]["connectionId"])


@dataclass(frozen=True, slots=True)
class Accept:
    """An accepted handshake. The answer has the status 101 and the subprotocol, if any."""

    subprotocol: str | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """A refused handshake, with the status and the JSON body of the answer."""

    status: int
    body: dict[str, str]
