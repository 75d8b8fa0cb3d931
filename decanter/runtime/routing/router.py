"""The router calls the application's functions for API Gateway's events.

Chalice declares only `$connect`, `$default` and `$disconnect`. So the router evaluates the route
selection expression itself in `$default`, and every route works wherever the app is deployed. If
API Gateway has already selected a route with the same expression, the router uses that route.
"""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from decanter.runtime.clock import Backoff, Clock, full_jitter
from decanter.runtime.errors import (
    BadJson,
    DeclarationError,
    Internal,
    MessageError,
    NotAnObject,
    StoreBusyError,
    UnknownRoute,
)
from decanter.runtime.fanout.disconnect_hooks import CallHooks, log_failures
from decanter.runtime.fanout.outbox import OpenTransport, Outbox, Outboxes
from decanter.runtime.logs import EventLine
from decanter.runtime.recipients import SWEEP, Connections, Removed
from decanter.runtime.routing.connection_event import Disconnection, Handshake, Hello, Refused
from decanter.runtime.routing.request import Request, error_frame
from decanter.runtime.routing.routes import DEFAULT, Response, Route, Routes, place, response_of
from decanter.runtime.routing.selection import SelectionExpression
from decanter.runtime.settings import sweep_minutes
from decanter.runtime.transports import open_transport

if TYPE_CHECKING:
    from decanter.runtime.fanout.sweep import Sweeper

Event = Mapping[str, Any]

Authenticate = Callable[[Hello], None]
A = TypeVar("A", bound=Authenticate)


class Router(Routes):
    """Handles the events of a WebSocket API. A client's message never makes it raise.

    Args:
        expression: the route selection expression.
        connections: the connection table.
        open_transport: makes a transport from an endpoint and the settings.
        clock: the clock.
        backoff: the pauses before a page of the table is read again.

    Raises:
        DeclarationError: the expression is invalid.
    """

    def __init__(
        self,
        expression: str,
        *,
        connections: Connections,
        open_transport: OpenTransport = open_transport,
        clock: Clock | None = None,
        backoff: Backoff = full_jitter,
    ) -> None:
        super().__init__()
        self.expression = SelectionExpression.parse(expression)
        self._connections = connections
        self._clock = clock or Clock()
        self.outboxes = Outboxes(
            open_transport, connections, self._clock, backoff, self._found_gone
        )
        self._authenticate: Authenticate | None = None
        self._cold = True
        # Set on the instance: the tool reads it from every object in app.py, including imported
        # classes.
        self.__decanter__ = self._declaration

    def handle(self, event: Any, context: object = None) -> Response:
        """Handle a `$connect`, message or `$disconnect` event.

        The event contains its own `eventType`, so all three handlers call this.

        Args:
            event: Chalice's `WebsocketEvent`, or API Gateway's event as a dict.
            context: Lambda's context; not needed with Chalice's event, which contains it.

        Raises:
            TypeError: it is not an event of a WebSocket API.
        """
        if hasattr(event, "to_dict"):
            event, context = event.to_dict(), event.context
        kinds = {"CONNECT": self._connect, "MESSAGE": self._message, "DISCONNECT": self._disconnect}
        try:
            handle = kinds[event["requestContext"]["eventType"]]
        except (KeyError, TypeError):
            raise TypeError(
                "router.handle takes an event of a WebSocket API, whose requestContext.eventType "
                f"is {', '.join(kinds)}"
            ) from None
        return handle(event, context)

    def authenticate(self, hook: A) -> A:
        """Declare the hook that identifies a client after all connect hooks have accepted it.

        The hook sets `identity` and `expires_at` of its `Hello`, or raises `Refused`. The
        connection table must be an `IdentifiedModel`, which stores both.

        Raises:
            DeclarationError: a hook exists already, the table stores no identity, or it is too
                late.
        """
        what = f"authenticate hook {place(hook)}"
        self._check_open(what)
        if self._authenticate is not None:
            raise DeclarationError(
                f"{what}: {place(self._authenticate)} is already declared, and only one is allowed"
            )
        if not self._connections.identity_end():
            raise DeclarationError(
                f"{what}: the connection table stores no identity: derive it from IdentifiedModel"
            )
        self._authenticate = hook
        return hook

    def sweep(self, context: object = None) -> dict[str, Any]:
        """Delete stale rows, and close connections whose client's identity has expired.

        Call it from a scheduled function with the name `sweep`: its rights depend on this name.

        Args:
            context: Lambda's context; the sweep ends before its deadline.

        Returns:
            The fields of the log line. Problems are included and not raised.
        """
        return self._sweeper.run(context)

    @cached_property
    def _sweeper(self) -> "Sweeper":
        """Imported on first use: only the sweep's own function needs it."""
        from decanter.runtime.fanout.sweep import Sweeper

        return Sweeper(self.outboxes, self._connections, self._clock)

    def _connect(self, event: Event, context: object) -> Response:
        """Record a connection. API Gateway refuses the client if the status is not 200."""
        return self._logged(event, lambda: self._admit(event))

    def _admit(self, event: Event) -> Response:
        handshake = Handshake(event)
        for hook in self.connect_hooks:
            hook(handshake)
        if self._authenticate is not None:
            hello = Hello(handshake)
            self._authenticate(hello)
            handshake.attributes["identity"] = hello.identity
            handshake.attributes["identity_expires_at"] = hello.expires_at
        self._connections.record(event, **handshake.attributes)
        return handshake.response

    def _disconnect(self, event: Event, context: object) -> Response:
        """Delete the row and call the hooks; without a row, they were called before."""

        def forget() -> Response:
            outbox = self.outboxes.of(event, context) if self.disconnect_hooks else None
            removed = self._connections.remove(event["requestContext"]["connectionId"])
            if outbox and outbox.hooks and removed and (errors := outbox.hooks.call(removed)):
                log_failures(removed, errors[1:])
                raise errors[0]
            return {"statusCode": 200}

        return self._logged(event, forget)

    def _found_gone(self, event: Event, context: object, outbox: Outbox) -> CallHooks | None:
        """Return a function that calls the disconnect hooks; None if there are no hooks."""
        if not self.disconnect_hooks:
            return None

        def call(removed: Removed) -> list[Exception]:
            ended = Disconnection(event, context, outbox, removed)
            errors = []
            for hook in self.disconnect_hooks:
                try:
                    hook(ended)
                except Exception as error:  # noqa: BLE001 - the other hooks still run
                    errors.append(error)
            return errors

        return call

    def _message(self, event: Event, context: object) -> Response:
        """Pass a message to its route; send an error frame to its sender for a mistake."""
        line = self._begin(event)
        try:
            request = Request(event, context, self.outboxes.of(event, context))
        except Exception as error:  # noqa: BLE001 - without settings, nothing can be sent
            line.add_error(error)
            response, outcome = _failed(Internal())
        else:
            response, outcome = self._run(request, line)
        line.write(outcome, response["statusCode"])
        return response

    def _run(self, request: Request, line: EventLine) -> tuple[Response, str]:
        try:
            return self._answer(request, line), "ok"
        except MessageError as error:
            line.add(**_tell(request, error))
            return _failed(error)
        except Exception as error:  # noqa: BLE001 - the outermost handler
            line.add_error(error)
            line.add(**_tell(request, Internal()))
            return _failed(Internal())
        finally:
            line.add(route=request.route_key, message_id=request.message_id)
            line.add(broadcasts=[report.as_fields() for report in request.outbox.reports] or None)

    def _answer(self, request: Request, line: EventLine) -> Response:
        try:
            for hook in self.message_hooks:
                hook(request)
            route = self._select(request)
            request.route_key = route.route_key
            return route.answer(request, self.around)
        except Exception as error:
            kinds = [kind for kind in type(error).__mro__ if kind in self.error_handlers]
            if not kinds:
                raise
            line.add(answered=type(error).__name__)
            return response_of(self.error_handlers[kinds[0]](request, error))

    def _logged(self, event: Event, work: Callable[[], Response]) -> Response:
        """Handle a `$connect` or `$disconnect` event and log it, even if `work` raises."""
        line = self._begin(event)
        line.add(route=event["requestContext"].get("routeKey"))
        try:
            response, outcome = work(), "ok"
        except Refused as refusal:
            line.add(reason=str(refusal))
            response, outcome = {"statusCode": refusal.status}, "refused"
        except Exception as error:  # noqa: BLE001 - the outermost handler
            line.add_error(error)
            status = 503 if isinstance(error, StoreBusyError) else 500
            response, outcome = {"statusCode": status}, Internal.code
        line.write(outcome, response["statusCode"])
        return response

    def _begin(self, event: Event) -> EventLine:
        self.close("the first event: declare routes where app.py is imported")
        cold, self._cold = self._cold, False
        return EventLine(event, self._clock, cold=cold)

    def _select(self, request: Request) -> Route:
        """Return the route of a message.

        Raises:
            BadJson, NotAnObject, UnknownRoute: it has none.
        """
        chosen = self.declared.get(request.event["requestContext"].get("routeKey", DEFAULT))
        if chosen is not None and chosen.route_key != DEFAULT:
            return chosen
        default = self.declared.get(DEFAULT)
        try:
            document = request.json
        except BadJson:
            if default is None:
                raise
            return default
        selected = self.declared.get(self.expression.evaluate(document)) or default
        if selected is not None:
            return selected
        if not isinstance(document, dict):
            raise NotAnObject
        raise UnknownRoute([*self.declared])

    def _declaration(self) -> dict[str, Any]:
        """Return the declaration that the tool reads."""
        routes = [
            {
                "route_key": route.route_key,
                "operation_name": route.operation_name,
                "function": route.function.__name__,
                **_example(route),
            }
            for route in self.declared.values()
            if route.route_key != DEFAULT
        ]
        return {
            "kind": "router",
            "expression": self.expression.source,
            "routes": routes,
            "default": DEFAULT in self.declared,
            "posts": {"websocket_message": self._methods(), SWEEP: ["DELETE", "GET"]},
        }

    def _methods(self) -> list[str]:
        """Return the calls of the message function: it posts, and a hook may close connections."""
        closes = any(getattr(hook, "closes", False) for hook in self.message_hooks)
        return ["DELETE", "POST"] if closes else ["POST"]


def scheduled_sweep(app: Any, router: Router, environ: Mapping[str, str] = os.environ) -> Any:
    """Declare the scheduled function that sweeps.

    In app.py: `sweep = scheduled_sweep(app, router)`.

    `DECANTER_SWEEP_MINUTES` sets the interval for each stage: Chalice loads app.py with the stage's
    variables for deploying and packaging. In app.py the result must be assigned to `sweep`: Lambda
    finds the function by this name, and the name grants its rights.

    Args:
        app: the Chalice app.
        router: its router.
        environ: the environment.

    Returns:
        Chalice's handler; None if the variable is not set, so there is no sweep.

    Raises:
        SettingError: the variable is not a whole number of minutes from 1 to 120; 0 means never.
    """
    minutes = sweep_minutes(environ)
    if minutes is None:
        return None

    def sweep(event: Any) -> dict[str, Any]:
        return router.sweep(event.context)

    return app.schedule(f"rate({minutes} {'minute' if minutes == 1 else 'minutes'})")(sweep)


def _example(route: Route) -> dict[str, Any]:
    """An example of the payload, if its type is declared; imported when the tool asks."""
    if route.read_payload is None:
        return {}
    from decanter.runtime.payload_example import payload_example

    return {"example": payload_example(route.function, route.read_payload)}


def _failed(error: MessageError) -> tuple[Response, str]:
    return {"statusCode": error.status, "body": error.code}, error.code


def _tell(request: Request, error: MessageError) -> dict[str, str]:
    """Send the error frame or close the connection; return the result for the log."""
    did = "closed" if error.closes else "frame"
    try:
        if error.closes:
            outcome = request.outbox.close(request.connection_id)
        else:
            outcome = request.outbox.post(request.connection_id, error_frame(request, error))
    except Exception as problem:  # noqa: BLE001 - the outermost handler answers in any case
        return {did: f"{type(problem).__name__}: {problem}"}
    return {did: outcome.result.value}
