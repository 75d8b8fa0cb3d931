"""Declare routes and hooks, and call a route for a request."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from decanter.runtime.errors import ConfigurationError, DeclarationError, Forbidden
from decanter.runtime.functions import (
    check_called,
    check_function,
    check_parameters,
    complete,
    is_derived,
    name_of,
    place,
    without_parentheses,
)
from decanter.runtime.gc_paused import gc_paused_for
from decanter.runtime.payload import payload_reader
from decanter.runtime.routing.connection_event import Disconnection, Handshake
from decanter.runtime.routing.request import Request
from decanter.runtime.routing.response import Response, Result

if TYPE_CHECKING:
    from decanter.runtime.payload_readers import Read

RouteFunction = Callable[..., Result]
"""Takes the request, and the payload if the function declares one."""

GetResponse = Callable[[Request], Response]
Middleware = Callable[[Request, GetResponse], Result]


Allow = Callable[[Request], bool]
"""A function that returns True if the request's sender may use the route."""


class Route(NamedTuple):
    """One route. `Routes.route` explains the key and the name.

    Attributes:
        read_payload: validates the message's payload; None if the function takes no payload.
        allow: True for a sender that may use the route; None if every sender may use it.
        middleware: the route's own middleware, with the outermost middleware first.
    """

    route_key: str
    function: RouteFunction
    operation_name: str | None = None
    read_payload: "Read | None" = None
    allow: Allow | None = None
    middleware: tuple[Middleware, ...] = ()

    @property
    def where(self) -> str:
        """The function's name and module, for error messages."""
        return place(self.function)

    def answer(self, request: Request, around: Iterable[Middleware] = ()) -> Response:
        """Handle a message. The middleware in `around` wraps the route's own middleware.

        Raises:
            MessageError: the sender is not allowed to use the route, or the payload is invalid.
            TypeError: the return value of the function or of middleware is not a `Result`.
        """
        handle: GetResponse = self._call
        for function in reversed((*around, *self.middleware)):
            handle = _wrapped(function, handle)
        return handle(request)

    def _call(self, request: Request) -> Response:
        if self.allow is not None and not self.allow(request):
            raise Forbidden
        if self.read_payload is None:
            return request.response_of(self.function(request))
        with gc_paused_for(request.body):
            payload = self.read_payload(request.json)
        return request.response_of(self.function(request, payload))


def _wrapped(around: Middleware, inner: GetResponse) -> GetResponse:
    return lambda request: request.response_of(around(request, inner))


def run_hooks(hooks: Iterable[Callable[[Any], object]], given: Any) -> None:
    """Call hooks that may refuse a client or a message.

    Raises:
        ConfigurationError: a hook returns False, which would refuse nothing.
    """
    for hook in hooks:
        if hook(given) is False:
            refusal = "Forbidden" if isinstance(given, Request) else "Refused"
            raise ConfigurationError(
                f"{place(hook)} returned False, but a hook refuses with `raise {refusal}`"
            )


DEFAULT = "$default"

ConnectHook = Callable[[Handshake], None]
DisconnectHook = Callable[[Disconnection], None]
MessageHook = Callable[[Request], None]
ErrorHandler = Callable[[Request, Any], Result]

R = TypeVar("R", bound=RouteFunction)
M = TypeVar("M", bound=Middleware)
C = TypeVar("C", bound=ConnectHook)
D = TypeVar("D", bound=DisconnectHook)
H = TypeVar("H", bound=MessageHook)
E = TypeVar("E", bound=ErrorHandler)


class Routes:
    """The routes and hooks of one module, for `router.include`.

    Declare all routes and hooks before `include`. A later declaration raises DeclarationError.
    """

    def __init__(self) -> None:
        self.declared: dict[str, Route] = {}
        self.connect_hooks: list[ConnectHook] = []
        self.disconnect_hooks: list[DisconnectHook] = []
        self.message_hooks: list[MessageHook] = []
        self.around: list[Middleware] = []
        self.error_handlers: dict[type[Exception], ErrorHandler] = {}
        self._closed = ""

    @complete('@router.route("name")')
    def route(
        self, route_key: str, operation_name: str | None = None, *, allow: Allow | None = None
    ) -> Callable[[R], R]:
        """Declare a route: `@router.route("sendmessage", operation_name="SendRoute")`.

        Args:
            route_key: the value of the expression that selects this route.
            operation_name: the route's `OperationName` in API Gateway.
            allow: returns True if the sender may use the route; other senders get `forbidden`.

        Raises:
            DeclarationError: the key is reserved or already used, the payload's type is not
                supported, or the declaration is too late.
        """
        check_called("route", route_key, '"{}"', is_valid=isinstance(route_key, str))
        if not isinstance(operation_name, str | None):
            raise DeclarationError(
                f"route {route_key!r}: operation_name={name_of(operation_name)} must be a string"
            )

        def declare(function: R) -> R:
            self._check(f"route {route_key!r} of", function)
            if allow is not None:
                self._check(f"allow of route {route_key!r}:", allow, "request")
            read_payload = payload_reader(function)
            self._add(Route(route_key, function, operation_name, read_payload, allow))
            return function

        return declare

    @without_parentheses
    def default(self, function: R) -> R:
        """Declare the route for messages that select no other route, and for invalid JSON."""
        return self.route(DEFAULT)(function)

    @without_parentheses
    def on_connect(self, hook: C) -> C:
        """Declare a hook that runs before a client is connected. `Refused` refuses the client."""
        self._check("connect hook", hook, "handshake")
        self.connect_hooks.append(hook)
        return hook

    @without_parentheses
    def on_disconnect(self, hook: D) -> D:
        """Declare a hook that runs after a connection has ended.

        API Gateway delivers `$disconnect` on a best-effort basis. If this event is missing, the
        hook runs when a broadcast, a send, a close or a sweep finds that the connection is gone.
        """
        self._check("disconnect hook", hook, "disconnection")
        self.disconnect_hooks.append(hook)
        return hook

    @without_parentheses
    def on_message(self, hook: H) -> H:
        """Declare a hook that gets every message before a route is selected, even invalid JSON.

        To refuse a message, the hook raises a MessageError. If the hook raises `Flooding`, it needs
        an attribute `closes` with the value True. This attribute grants the Lambda function the
        right to close connections.
        """
        self._check("message hook", hook, "request")
        self.message_hooks.append(hook)
        return hook

    @without_parentheses
    def middleware(self, function: M) -> M:
        """Declare a function that wraps every route: `function(request, get_response)`."""
        self._check("middleware", function, "request, get_response")
        self.around.append(function)
        return function

    @complete("@router.on_error(Exception)")
    def on_error(self, kind: type[Exception]) -> Callable[[E], E]:
        """Declare the handler of an exception: `function(request, error)`.

        The exception may come from a route, its middleware, the selection of the route or a message
        hook. If several handlers match, the handler for the most derived class is called. The
        handler's return value is treated like the return value of a route. If the handler raises a
        MessageError, the client gets this error.

        Raises:
            DeclarationError: this type of exception already has a handler, or the declaration is
                too late.
        """
        is_valid = is_derived(kind, Exception)
        check_called("on_error", kind, "Exception", is_valid=is_valid)

        def declare(function: E) -> E:
            self._check(f"error handler of {kind.__name__}:", function, "request, error")
            self._add_error_handler(kind, function)
            return function

        return declare

    @complete("router.include(chat.routes)")
    def include(self, routes: "Routes") -> None:
        """Add another module's declarations.

        Middleware of that module applies only to that module's routes.

        Raises:
            DeclarationError: the argument is not a `Routes` object, a route is declared twice, an
                exception has two handlers, or the declaration is too late.
        """
        is_module = isinstance(routes, Routes)
        # The authenticate hook and the channels of a router would not be included.
        if not is_module or routes is self or hasattr(routes, "authenticate"):
            raise DeclarationError(
                f"router.include({name_of(routes)}): include the Routes object of a module, as in "
                "router.include(chat.routes)"
            )
        self._check_open("a module of routes")
        for route in routes.declared.values():
            self._add(route._replace(middleware=(*routes.around, *route.middleware)))
        for kind, handler in routes.error_handlers.items():
            self._add_error_handler(kind, handler)
        self.connect_hooks += routes.connect_hooks
        self.disconnect_hooks += routes.disconnect_hooks
        self.message_hooks += routes.message_hooks
        routes.seal("its Routes were included: include them below their declarations")

    def seal(self, reason: str) -> None:
        """Refuse further declarations."""
        self._closed = reason

    def _add(self, route: Route) -> None:
        key = route.route_key
        if not key or (key.startswith("$") and key != DEFAULT):
            raise DeclarationError(
                f"route {key!r} of {route.where}: a key must not be empty or begin with $, "
                "which API Gateway reserves"
            )
        if taken := self.declared.get(key):
            raise DeclarationError(
                f"route {key!r} is declared twice: by {taken.where} and by {route.where}"
            )
        self.declared[key] = route

    def _add_error_handler(self, kind: type[Exception], handler: ErrorHandler) -> None:
        if taken := self.error_handlers.get(kind):
            raise DeclarationError(
                f"{kind.__name__} has two error handlers: {place(taken)} and {place(handler)}"
            )
        self.error_handlers[kind] = handler

    def _check(self, what: str, function: Callable[..., Any], takes: str = "") -> None:
        """Refuse a late declaration, and a function that the router cannot call.

        Args:
            what: what the function is declared as.
            function: the function.
            takes: the arguments of the call; empty for a route, whose payload is checked too.
        """
        check_function(what, function)
        self._check_open(f"{what} {place(function)}")
        if takes:
            check_parameters(what, function, takes)

    def _check_open(self, what: str) -> None:
        if self._closed:
            raise DeclarationError(f"{what} is declared after {self._closed}")
