"""The router: from API Gateway's events to the application's functions.

Chalice declares `$connect`, `$default` and `$disconnect` only. The router evaluates the route
selection expression itself in `$default`, so every route is served wherever the app is deployed;
where API Gateway has chosen a route by the same expression, its choice is taken.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .clock import Backoff, Clock, full_jitter
from .deadline import deadline_of
from .endpoint import management_endpoint
from .errors import (
    BadJson,
    Fault,
    Internal,
    NotAnObject,
    StoreBusyError,
    UnknownRoute,
)
from .frames import error_frame
from .logs import EventLine
from .outbox import Outbox
from .recipients import Connections
from .request import Request
from .routes import DEFAULT, Route, RouteFunction, RouteTable
from .selection import SelectionExpression
from .settings import Settings
from .transports import Transport, open_transport
from .workers import Workers

Event = Mapping[str, Any]
Response = dict[str, Any]
OpenTransport = Callable[[str, Settings], Transport]
F = TypeVar("F", bound=RouteFunction)


class Router:
    """Handles the three kinds of WebSocket events, given as plain dicts.

    No method raises for what a client sent.

    Args:
        expression: the route selection expression.
        connections: the connection table.
        open_transport: from an endpoint and the settings to a transport.
        clock: the time.
        backoff: the pauses before a page of the table is read again.

    Raises:
        DeclarationError: the expression cannot be read.
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
        self.expression = SelectionExpression.parse(expression)
        self.open_transport = open_transport
        self._connections = connections
        self._clock = clock or Clock()
        self._backoff = backoff
        self._workers = Workers(self._clock)
        self._routes = RouteTable()
        self._settings: Settings | None = None
        self._transports: dict[str, Transport] = {}
        self._cold = True
        # On the instance, because the tool asks every object of app.py, an imported class too.
        self.__decanter__ = self._declaration

    def route(self, route_key: str, operation_name: str | None = None) -> Callable[[F], F]:
        """Declare a route: `@router.route("sendmessage", operation_name="SendRoute")`.

        Args:
            route_key: what the expression evaluates to for its messages.
            operation_name: the route's name in the API.

        Raises:
            DeclarationError: the key is reserved or taken, or the first event has come.
        """

        def declare(function: F) -> F:
            self._routes.add(Route(route_key, function, operation_name))
            return function

        return declare

    def default(self, function: F) -> F:
        """Declare the route of messages that select no other, those that are no JSON too."""
        return self.route(DEFAULT)(function)

    def connect(self, event: Event, **attributes: Any) -> Response:
        """Record a connection; another status than 200 makes API Gateway refuse it.

        Args:
            event: of `$connect`.
            attributes: the application's own, for the row.
        """
        return self._keep_table(event, lambda: self._connections.record(event, **attributes))

    def disconnect(self, event: Event) -> Response:
        """Forget a connection, recorded or not."""
        connection_id = event["requestContext"]["connectionId"]
        return self._keep_table(event, lambda: self._connections.remove(connection_id))

    def dispatch(self, event: Event, context: object = None) -> Response:
        """Hand a message to its route; answer a mistake with an error frame to its sender."""
        line = self._begin(event)
        try:
            request = self._request(event, context)
        except Exception as error:  # noqa: BLE001 - nothing can be sent without settings
            line.add_error(error)
            response, outcome = _failed(Internal())
        else:
            response, outcome = self._run(request, line)
        line.write(outcome, response["statusCode"])
        return response

    def _run(self, request: Request, line: EventLine) -> tuple[Response, str]:
        try:
            route = self._select(request)
            request.route_key = route.route_key
            return _response(route.function(request)), "ok"
        except Fault as fault:
            line.add(frame=_answer(request, fault))
            return _failed(fault)
        except Exception as error:  # noqa: BLE001 - the outermost handler
            line.add_error(error)
            line.add(frame=_answer(request, Internal()))
            return _failed(Internal())
        finally:
            line.add(route=request.route_key, message_id=request.message_id)
            line.add(broadcasts=[report.as_fields() for report in request.outbox.reports] or None)

    def _keep_table(self, event: Event, work: Callable[[], None]) -> Response:
        line = self._begin(event)
        line.add(route=event["requestContext"].get("routeKey"))
        status, outcome = 200, "ok"
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the outermost handler
            line.add_error(error)
            status, outcome = 503 if isinstance(error, StoreBusyError) else 500, Internal.code
        line.write(outcome, status)
        return {"statusCode": status}

    def _begin(self, event: Event) -> EventLine:
        self._routes.close()
        cold, self._cold = self._cold, False
        return EventLine(event, self._clock, cold=cold)

    def _request(self, event: Event, context: object) -> Request:
        if self._settings is None:
            self._settings = Settings.from_env(os.environ)
        settings = self._settings
        outbox = Outbox(
            transport=lambda: self._transport(event, settings),
            connections=self._connections,
            deadline=deadline_of(context, self._clock, settings.deadline_seconds),
            clock=self._clock,
            workers=self._workers,
            backoff=self._backoff,
        )
        return Request(event, context, outbox)

    def _transport(self, event: Event, settings: Settings) -> Transport:
        """One for each endpoint, kept for the process's life."""
        endpoint = management_endpoint(event["requestContext"], settings)
        if endpoint not in self._transports:
            self._transports[endpoint] = self.open_transport(endpoint, settings)
        return self._transports[endpoint]

    def _select(self, request: Request) -> Route:
        """The route of a message.

        Raises:
            BadJson, NotAnObject, UnknownRoute: it has none.
        """
        chosen = self._routes.get(request.event["requestContext"].get("routeKey", DEFAULT))
        if chosen is not None and chosen.route_key != DEFAULT:
            return chosen
        try:
            document = request.json
        except BadJson:
            if self._routes.default is None:
                raise
            return self._routes.default
        selected = self._routes.get(self.expression.evaluate(document)) or self._routes.default
        if selected is not None:
            return selected
        if not isinstance(document, dict):
            raise NotAnObject
        raise UnknownRoute([route.route_key for route in self._routes.custom])

    def _declaration(self) -> dict[str, Any]:
        """What the tool reads."""
        routes = [
            {
                "route_key": route.route_key,
                "operation_name": route.operation_name,
                "function": route.function.__name__,
            }
            for route in self._routes.custom
        ]
        return {
            "kind": "router",
            "expression": self.expression.source,
            "routes": routes,
            "default": self._routes.default is not None,
        }


def _response(returned: object) -> Response:
    """The handler's response, from what a route returned.

    Raises:
        TypeError: API Gateway would not take it.
    """
    if returned is None:
        return {"statusCode": 200}
    if isinstance(returned, str):
        return {"statusCode": 200, "body": returned}
    if isinstance(returned, dict) and isinstance(returned.get("statusCode"), int):
        return returned
    raise TypeError("a route returns None, a string, or a dict with an integer statusCode")


def _failed(fault: Fault) -> tuple[Response, str]:
    return {"statusCode": fault.status, "body": fault.code}, fault.code


def _answer(request: Request, fault: Fault) -> str:
    """Send the error frame; say how that went, which changes nothing else."""
    try:
        return request.reply(error_frame(request, fault)).result.value
    except Exception as error:  # noqa: BLE001 - the outermost handler answers in any case
        return f"{type(error).__name__}: {error}"
