"""API Gateway's rules for a WebSocket API, without a socket.

The gateway selects the handler for each event, and handles the handler's outcome. The calling code
(`decanter.local`, or `decanter.testing` in a unit test) reports handshakes, messages and the end of
sockets, runs the handlers, and provides an `Outlet` for each connection.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from decanter.gateway.events import (
    Clock,
    ConnectionContext,
    EventMaker,
    Handshake,
    Identity,
    iso_time,
    milliseconds,
)
from decanter.gateway.model import Accept, Api, Connection, Invocation, Limits, Phase, Refuse
from decanter.gateway.responses import phrase
from decanter.gateway.results import (
    Failure,
    Outcome,
    Returned,
    connect_status,
    header,
    is_proxy_result,
)
from decanter.gateway.selection import NotJsonError, compile_expression, parse

REFUSALS = {403: "Forbidden", 502: "Internal server error", 504: "Endpoint request timed out"}


def error_frame(message: str, connection_id: str, request_id: str) -> str:
    """Return an error frame with the same spaces as in published logs of AWS."""
    ids = f'"connectionId":"{connection_id}", "requestId":"{request_id}"'
    return f'{{"message": "{message}", {ids}}}'


def refusal(status: int, connection_id: str, request_id: str) -> dict[str, str]:
    """Return the JSON body of a refused handshake. AWS does not document this body."""
    text = REFUSALS.get(status) or phrase(status)
    return {"message": text, "connectionId": connection_id, "requestId": request_id}


def authorizer_refusal(authorizer: str) -> str:
    """Return the reason to refuse clients, and the option that accepts them."""
    return (
        f"$connect has the authorizer {authorizer}, which does not run here: --no-authorizers "
        "accepts clients without it"
    )


@dataclass(slots=True)
class Gateway:
    """The connections of one API stage, and the rules for these connections."""

    api: Api
    events: EventMaker
    limits: Limits = field(default_factory=Limits)
    clock: Clock = time.time
    monotonic: Clock = time.monotonic
    connections: dict[str, Connection] = field(default_factory=dict)
    authorizers: bool = False
    """True to refuse clients that an authorizer would have to accept. No authorizer runs here."""
    _select: Callable[[Any], str] = field(init=False)

    def __post_init__(self) -> None:
        """Compile the selection expression once."""
        self._select = compile_expression(self.api.selection_expression)

    def deploy(self, api: Api, *, authorizers: bool = False) -> None:
        """Replace the API. Open connections stay open and use the new routes.

        Raises:
            ValueError: the selection expression is invalid; the API is unchanged.
        """
        self._select = compile_expression(api.selection_expression)
        self.api = api
        self.authorizers = authorizers

    # -- connecting -------------------------------------------------------------------------

    def unauthorized(self) -> str | None:
        """Return the reason why no client may connect, for the log; None if clients may connect."""
        route = self.api.routes.get("$connect")
        if not self.authorizers or route is None or route.authorizer is None:
            return None
        return authorizer_refusal(route.authorizer)

    def connect(self, handshake: Handshake) -> tuple[Connection, Invocation | None]:
        """Handle a handshake. Return the connection, and the connect handler's invocation, if any.

        The caller must call `connected` next, with the invocation's outcome.
        """
        identity = Identity(handshake.source_ip, handshake.header("user-agent"))
        now = milliseconds(self.clock())
        context = ConnectionContext(self.events.make_id(), now, identity)
        monotonic = self.monotonic()
        connection = Connection(context, monotonic, monotonic, now)
        self.connections[connection.id] = connection
        route = self.api.routes.get("$connect")
        if route is None:
            return connection, None
        event = self.events.connect(context, handshake)
        return connection, Invocation(route.function, "$connect", event)

    def connected(
        self, connection: Connection, invocation: Invocation | None, outcome: Outcome
    ) -> Accept | Refuse:
        """Open or refuse the connection, according to the outcome of the connect handler."""
        status = connect_status(outcome)
        if 200 <= status < 300:
            connection.phase = Phase.OPEN
            return Accept(header(outcome, "Sec-WebSocket-Protocol"))
        self.forget(connection)
        request_id = invocation.request_id if invocation else ""
        return Refuse(status, refusal(status, connection.id, request_id))

    # -- messages ---------------------------------------------------------------------------

    def message(self, connection: Connection, body: str) -> Invocation | None:
        """Return a message's invocation; without a route, send an error frame and return None."""
        self._touch(connection)
        key = self._route_key(body)
        route = self.api.routes.get(key)
        if route is None:
            self._tell(connection, error_frame("Forbidden", connection.id, self.events.make_id()))
            return None
        event = self.events.message(connection.context, key, body)
        return Invocation(route.function, key, event, two_way=route.two_way)

    def answered(self, connection: Connection, invocation: Invocation, outcome: Outcome) -> None:
        """Send the client the outcome of a message's handler, if API Gateway would send it."""
        if outcome is Failure.TIMED_OUT:
            text = "Endpoint request timed out"
        elif not isinstance(outcome, Returned) or not is_proxy_result(outcome.value):
            text = "Internal server error"
        else:
            if invocation.two_way:
                self._tell(connection, str(outcome.value.get("body") or ""))
            return
        self._tell(connection, error_frame(text, connection.id, invocation.request_id))

    def _route_key(self, body: str) -> str:
        """Return the message's route key. A client cannot select `$connect` or `$disconnect`."""
        try:
            selected = self._select(parse(body))
        except NotJsonError:
            return "$default"
        reserved = selected in ("$connect", "$disconnect")
        return selected if selected in self.api.routes and not reserved else "$default"

    # -- the end ----------------------------------------------------------------------------

    def close(self, connection: Connection, code: int, reason: str) -> None:
        """Close a connection from the gateway's side. @connections answers 410 from now on."""
        if connection.phase is not Phase.OPEN:
            return
        connection.ended_by_us = (code, reason)
        self.forget(connection)
        if connection.outlet is not None:
            connection.outlet.close(code, reason)

    def closed(self, connection: Connection, code: int, reason: str) -> Invocation | None:
        """Return the disconnect handler's invocation after a connection's socket has closed."""
        self.forget(connection)
        route = self.api.routes.get("$disconnect")
        if route is None:
            return None
        code, reason = connection.ended_by_us or (code, reason)
        event = self.events.disconnect(connection.context, code, reason)
        return Invocation(route.function, "$disconnect", event)

    def sweep(self) -> float:
        """Close idle and old connections, and drop stalled connections.

        Return the seconds until the next check.
        """
        now = self.monotonic()
        limits = self.limits
        wait = min(limits.idle_seconds, limits.age_seconds, limits.stalled_seconds)
        for connection in [*self.connections.values()]:
            if connection.phase is not Phase.OPEN:
                continue
            if self._has_stalled(connection, now):
                self._drop(connection)
                continue
            due = min(
                connection.last_active + limits.idle_seconds,
                connection.opened + limits.age_seconds,
            )
            if now >= due:
                self.close(connection, 1001, "Going away")
            else:
                wait = min(wait, due - now)
        return wait

    def _has_stalled(self, connection: Connection, now: float) -> bool:
        if connection.outlet is None or not connection.outlet.is_clogged:
            connection.stalled_since = None  # the client has read in the meantime
        since = connection.stalled_since
        return since is not None and now >= since + self.limits.stalled_seconds

    def _drop(self, connection: Connection) -> None:
        self.forget(connection)
        if connection.outlet is not None:
            connection.outlet.abort()

    def forget(self, connection: Connection) -> None:
        """Remove a connection. Only a later call of `closed` causes a disconnect event."""
        connection.phase = Phase.CLOSED
        self.connections.pop(connection.id, None)

    # -- to the client ----------------------------------------------------------------------

    def find(self, connection_id: str) -> Connection | None:
        """Return the open connection with this id; None if it does not exist."""
        connection = self.connections.get(connection_id)
        return connection if connection and connection.phase is Phase.OPEN else None

    def send(self, connection: Connection, data: bytes) -> bool:
        """Send a text message. Return False if the outlet is missing or refuses the message."""
        if connection.outlet is not None and connection.outlet.send(data):
            self._touch(connection)
            connection.stalled_since = None
            return True
        if connection.stalled_since is None:
            connection.stalled_since = self.monotonic()
        return False

    def describe(self, connection: Connection) -> dict[str, Any]:
        """Return a connection in the form of GET @connections."""
        return {
            "connectedAt": iso_time(connection.context.connected_at),
            "identity": {"userAgent": "", **connection.context.identity.to_dict()},
            "lastActiveAt": iso_time(connection.last_active_at),
        }

    def _tell(self, connection: Connection, text: str) -> None:
        if connection.phase is Phase.OPEN:
            self.send(connection, text.encode(errors="replace"))

    def _touch(self, connection: Connection) -> None:
        connection.last_active = self.monotonic()
        connection.last_active_at = max(milliseconds(self.clock()), connection.last_active_at)
