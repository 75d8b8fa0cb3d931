"""What an application declares: routes, hooks, middleware, answers to its own exceptions."""

from collections.abc import Callable
from typing import Any, TypeVar

from .errors import DeclarationError
from .handshake import Handshake
from .payload import payload_reader
from .request import Disconnection, Request
from .route import Allow, Middleware, Result, Route, RouteFunction, place

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
    """A part of an application, in a module of its own; `router.include` takes it in.

    It is complete once it is included: a declaration after that would go unnoticed.
    """

    def __init__(self) -> None:
        self.declared: dict[str, Route] = {}
        self.connect_hooks: list[ConnectHook] = []
        self.disconnect_hooks: list[DisconnectHook] = []
        self.message_hooks: list[MessageHook] = []
        self.around: list[Middleware] = []
        self.error_handlers: dict[type[Exception], ErrorHandler] = {}
        self._closed = ""

    def route(
        self, route_key: str, operation_name: str | None = None, *, allow: Allow | None = None
    ) -> Callable[[R], R]:
        """Declare a route: `@router.route("sendmessage", operation_name="SendRoute")`.

        Args:
            route_key: what the expression evaluates to for its messages.
            operation_name: the route's name in the API.
            allow: says whether the sender of a request may use it, which others are refused.

        Raises:
            DeclarationError: the key is reserved or taken, the payload cannot be validated, or
                it is too late.
        """

        def declare(function: R) -> R:
            read_payload = payload_reader(function)
            self._add(Route(route_key, function, operation_name, read_payload, allow))
            return function

        return declare

    def default(self, function: R) -> R:
        """Declare the route of messages that select no other, those that are no JSON too."""
        return self.route(DEFAULT)(function)

    def on_connect(self, hook: C) -> C:
        """Declare what sees a client before it is let in, and may refuse it."""
        self._check_open(f"connect hook {place(hook)}")
        self.connect_hooks.append(hook)
        return hook

    def on_disconnect(self, hook: D) -> D:
        """Declare what is told that a client has left, which API Gateway tells best effort."""
        self._check_open(f"disconnect hook {place(hook)}")
        self.disconnect_hooks.append(hook)
        return hook

    def on_message(self, hook: H) -> H:
        """Declare what sees every message before its route is chosen, JSON or not.

        It refuses a message by a Fault. One that raises `Flooding` has a true attribute `closes`:
        by that the function is given the right to close connections.
        """
        self._check_open(f"message hook {place(hook)}")
        self.message_hooks.append(hook)
        return hook

    def middleware(self, function: M) -> M:
        """Declare what is called around every route: `function(request, get_response)`."""
        self._check_open(f"middleware {place(function)}")
        self.around.append(function)
        return function

    def on_error(self, kind: type[Exception]) -> Callable[[E], E]:
        """Declare what answers an exception of a route: `function(request, error)`.

        Of several that fit, the one for the nearest base class is called. What it returns is as
        if the route had returned it; if it raises a Fault, the client gets that fault's frame.

        Raises:
            DeclarationError: the exception has one, or it is too late.
        """

        def declare(function: E) -> E:
            self._add_error_handler(kind, function)
            return function

        return declare

    def include(self, routes: "Routes") -> None:
        """Take in what another module has declared; its middleware stays around its own routes.

        Raises:
            DeclarationError: a route or an exception is declared twice, or it is too late.
        """
        for route in routes.declared.values():
            self._add(route._replace(middleware=(*routes.around, *route.middleware)))
        for kind, handler in routes.error_handlers.items():
            self._add_error_handler(kind, handler)
        self.connect_hooks += routes.connect_hooks
        self.disconnect_hooks += routes.disconnect_hooks
        self.message_hooks += routes.message_hooks
        routes.close("its Routes were included: include them below their declarations")

    def close(self, reason: str) -> None:
        """Refuse further declarations from now on."""
        self._closed = reason

    def _add(self, route: Route) -> None:
        key = route.route_key
        self._check_open(f"route {key!r} of {route.where}")
        if not key or (key.startswith("$") and key != DEFAULT):
            raise DeclarationError(
                f"route {key!r} of {route.where}: a key must not be empty nor begin with $, "
                "which API Gateway reserves"
            )
        if taken := self.declared.get(key):
            raise DeclarationError(
                f"route {key!r} is declared twice: by {taken.where} and by {route.where}"
            )
        self.declared[key] = route

    def _add_error_handler(self, kind: type[Exception], handler: ErrorHandler) -> None:
        self._check_open(f"the answer {place(handler)} to {kind.__name__}")
        if taken := self.error_handlers.get(kind):
            raise DeclarationError(
                f"{kind.__name__} is answered twice: by {place(taken)} and by {place(handler)}"
            )
        self.error_handlers[kind] = handler

    def _check_open(self, what: str) -> None:
        if self._closed:
            raise DeclarationError(f"{what} is declared after {self._closed}")
