"""One route: from a request to the handler's response."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from .faults import Forbidden
from .request import Request

if TYPE_CHECKING:
    from .readers import Read

Response = dict[str, Any]
Result = str | Response | None
"""What a route returns: nothing, the handler's body, or a whole response with `statusCode`."""

RouteFunction = Callable[..., Result]
"""Takes the request, and the payload if it declares one."""

GetResponse = Callable[[Request], Response]
Middleware = Callable[[Request, GetResponse], Result]


Allow = Callable[[Request], bool]
"""Says whether the sender of a request may use a route."""


class Route(NamedTuple):
    """One route.

    Attributes:
        route_key: what the expression must evaluate to.
        function: handles the message.
        operation_name: the route's name in the API, for its documentation and metrics.
        read_payload: makes the payload of the message; None if the function takes none.
        allow: says whether the sender may use it; None: everyone may.
        middleware: around this route, the outermost first.
    """

    route_key: str
    function: RouteFunction
    operation_name: str | None = None
    read_payload: "Read | None" = None
    allow: Allow | None = None
    middleware: tuple[Middleware, ...] = ()

    @property
    def where(self) -> str:
        """The function's name and module, for messages."""
        return place(self.function)

    def answer(self, request: Request, around: Iterable[Middleware] = ()) -> Response:
        """Handle a message; what the function raises comes through.

        Args:
            request: the message.
            around: middleware outside of the route's own.

        Raises:
            Fault: the sender may not, or the message has no such payload.
            TypeError: what the function returned is no response.
        """
        handle: GetResponse = self._call
        for function in reversed((*around, *self.middleware)):
            handle = _wrapped(function, handle)
        return handle(request)

    def _call(self, request: Request) -> Response:
        if self.allow is not None and not self.allow(request):
            raise Forbidden
        if self.read_payload is None:
            return response_of(self.function(request))
        return response_of(self.function(request, self.read_payload(request.json)))


def place(function: Callable[..., Any]) -> str:
    """A function's name and module, for messages."""
    return f"{getattr(function, '__name__', function)} ({function.__module__})"


def response_of(returned: object) -> Response:
    """The handler's response, from what a function returned.

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


def _wrapped(around: Middleware, inner: GetResponse) -> GetResponse:
    return lambda request: response_of(around(request, inner))
