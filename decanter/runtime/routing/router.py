"""The router calls the application's functions for API Gateway's events.

Chalice declares only `$connect`, `$default` and `$disconnect`. Therefore the router evaluates the
route selection expression itself in `$default`, and every route works after every deployment. If
API Gateway has already selected a declared route, the router uses that route.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
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
from decanter.runtime.fanout.outbox import OpenTransport, Outbox
from decanter.runtime.functions import complete, name_of, place, without_parentheses
from decanter.runtime.logs import EventLine
from decanter.runtime.recipients import Connections, Removed
from decanter.runtime.routing.connection_event import Disconnection, Handshake, Hello, Refused
from decanter.runtime.routing.request import Request, error_frame
from decanter.runtime.routing.response import Response
from decanter.runtime.routing.routes import DEFAULT, Route, run_hooks
from decanter.runtime.routing.selection import SelectionExpression
from decanter.runtime.routing.sending import Sending
from decanter.runtime.transports import open_transport

if TYPE_CHECKING:
    from decanter.runtime.channels.memberships import SubscriptionModel
    from decanter.runtime.publishing.queue import Queue

Event = Mapping[str, Any]

Authenticate = Callable[[Hello], None]
A = TypeVar("A", bound=Authenticate)


class Router(Sending):
    """Handles the events of a WebSocket API.

    Args:
        expression: the route selection expression, such as `$request.body.action`.
        connections: the connection table's model.
        queue: the queue for the rest of a large broadcast; None to post the whole broadcast in the
            Lambda function that starts it.
        subscriptions: the subscription table of an app with channels; None for the default model.
        open_transport: creates a transport from an endpoint and the settings.
        backoff: the pauses before a page of the table is read again.

    Raises:
        DeclarationError: an argument is invalid.
    """

    @complete('Router("$request.body.name", connections=Connection)')
    def __init__(
        self,
        expression: str,
        *,
        connections: Connections,
        queue: "Queue | None" = None,
        subscriptions: "type[SubscriptionModel] | None" = None,
        open_transport: OpenTransport = open_transport,
        clock: Clock | None = None,
        backoff: Backoff = full_jitter,
    ) -> None:
        super().__init__(connections, queue, subscriptions, open_transport, clock, backoff)
        self.expression = SelectionExpression.parse(expression)
        self.authenticator: Authenticate | None = None
        self._cold = True
        # This attribute belongs to the instance, because the tool reads it from every object in
        # app.py, including imported classes.
        self.__decanter__ = partial(declaration_of, self)

    def handle(self, event: Any, context: object = None) -> Response:
        """Handle a `$connect`, message or `$disconnect` event.

        The event contains its own `eventType`, so all three handlers can call this method. `event`
        is Chalice's `WebsocketEvent`, or API Gateway's event as a dict with Lambda's `context`.

        Raises:
            TypeError: the event is not an event of a WebSocket API.
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

    @without_parentheses
    def authenticate(self, hook: A) -> A:
        """Declare the hook that identifies a client. The hook runs after the connect hooks.

        The hook sets `identity` and `expires_at` of its `Hello`, or raises `Refused`. The
        connection table must be an `IdentifiedModel`, which stores both values.

        Raises:
            DeclarationError: an authenticate hook already exists, the table stores no identity, or
                the declaration is too late.
        """
        self._check("authenticate hook", hook, "hello")
        what = f"authenticate hook {place(hook)}"
        if self.authenticator is not None:
            raise DeclarationError(
                f"{what}: {place(self.authenticator)} is already declared, and only one is allowed"
            )
        if not self.connections.identity_end():
            raise DeclarationError(
                f"{what}: the connection table stores no identity: derive "
                f"{name_of(self.connections)} from IdentifiedModel"
            )
        self.authenticator = hook
        return hook

    def _connect(self, event: Event, context: object) -> Response:
        """Call the hooks and write the row. API Gateway refuses a client if this fails."""
        return self._logged(event, lambda: self._admit(event))

    def _admit(self, event: Event) -> Response:
        handshake = Handshake(event)
        run_hooks(self.connect_hooks, handshake)
        if self.wire is None and self.authenticator is not None:
            hello = Hello(handshake)
            run_hooks([self.authenticator], hello)
            handshake.attributes["identity"] = hello.identity
            handshake.attributes["identity_expires_at"] = hello.expires_at
        self.connections.record(event, **handshake.attributes)
        return handshake.response

    def _disconnect(self, event: Event, context: object) -> Response:
        """Delete the row. If there was a row, announce leaves and call the disconnect hooks."""

        def forget() -> Response:
            outbox = self.outboxes.of(event, context) if self._has_endings else None
            removed = self.connections.remove(event["requestContext"]["connectionId"])
            if outbox and outbox.hooks and removed and (errors := outbox.hooks.call(removed)):
                log_failures(removed, errors[1:])
                raise errors[0]
            return {"statusCode": 200}

        return self._logged(event, forget)

    def _found_gone(self, event: Event, context: object, outbox: Outbox) -> CallHooks | None:
        """Return a function that announces leaves and calls hooks; None if neither is needed."""
        if not self._has_endings:
            return None

        def call(removed: Removed) -> list[Exception]:
            ended = Disconnection(event, context, outbox, removed)
            errors = self.wire.leave(removed, outbox) if self.wire else []
            self.telling.outbox = outbox
            try:
                return [*errors, *self._failures(ended)]
            finally:
                del self.telling.outbox

        return call

    def _failures(self, ended: Disconnection) -> Iterator[Exception]:
        """Call the disconnect hooks. Yield the exception of each hook that fails."""
        for hook in self.disconnect_hooks:
            try:
                hook(ended)
            except Exception as error:  # noqa: BLE001 - the other hooks still run
                yield error

    @property
    def _has_endings(self) -> bool:
        """True if the end of a connection causes calls of hooks or announcements in channels."""
        return bool(self.disconnect_hooks or (self.wire and self.wire.channels.announce))

    def _message(self, event: Event, context: object) -> Response:
        """Handle a message with a route, or with `ChannelWire.run` in an app with channels."""
        line = self._begin(event)
        try:
            request = Request(event, context, self.outboxes.of(event, context))
            run = self.wire.run if self.wire else self._run
        except Exception as error:  # noqa: BLE001 - without settings, nothing can be sent
            line.add_error(error)
            response, outcome = _failed(Internal())
        else:
            response, outcome = run(request, line)
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
        def work() -> Response:
            run_hooks(self.message_hooks, request)
            return self._answer_by(self._select(request), request)

        return self._handled(work, request, line)

    def answer(self, request: Request, line: EventLine, route: Route | None = None) -> Response:
        """Run a route of an app with channels, and the error handler if the route raises.

        If `route` is None, the message selects the route.
        """
        return self._handled(
            lambda: self._answer_by(route or self._select(request), request), request, line
        )

    def _answer_by(self, route: Route, request: Request) -> Response:
        request.route_key = route.route_key
        return route.answer(request, self.around)

    def _handled(self, work: Callable[[], Response], request: Request, line: EventLine) -> Response:
        """Call `work`. If it raises, call the application's handler for the exception."""
        try:
            return work()
        except Exception as error:
            response = self.recover(error, request, line)
            if response is None:
                raise
            return response

    def recover(self, error: Exception, request: Request, line: EventLine) -> Response | None:
        """Call the application's handler for an exception. Return None if there is no handler."""
        kinds = [kind for kind in type(error).__mro__ if kind in self.error_handlers]
        if not kinds:
            return None
        line.add(answered=type(error).__name__)
        return request.response_of(self.error_handlers[kinds[0]](request, error))

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
        self.seal("the first event: declare routes where app.py is imported")
        cold, self._cold = self._cold, False
        return EventLine(event, self.clock, cold=cold)

    def _select(self, request: Request) -> Route:
        """Return a message's route. Raise BadJson, NotAnObject or UnknownRoute if there is none."""
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


def declaration_of(router: Router) -> dict[str, Any]:
    """Return the declaration for the tool."""
    from decanter.runtime.routing.declaration import declaration

    return declaration(router, router.expression.source, router.authenticator)


def _failed(error: MessageError) -> tuple[Response, str]:
    return {"statusCode": error.status, "body": error.code}, error.code


def _tell(request: Request, error: MessageError) -> dict[str, str]:
    """Send the error frame or close the connection. Return the result for the log."""
    did = "closed" if error.closes else "frame"
    try:
        if error.closes:
            outcome = request.outbox.close(request.connection_id)
        else:
            outcome = request.outbox.post(request.connection_id, error_frame(request, error))
    except Exception as problem:  # noqa: BLE001 - the outermost handler answers in any case
        return {did: f"{type(problem).__name__}: {problem}"}
    return {did: outcome.result.value}
