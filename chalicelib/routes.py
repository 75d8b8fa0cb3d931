"""The routes that an application declares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import DeclarationError
from .request import Request

DEFAULT = "$default"

RouteFunction = Callable[[Request], str | dict[str, Any] | None]
"""Returns nothing, the handler's body, or a whole response with `statusCode`."""


@dataclass(frozen=True)
class Route:
    """One route.

    Attributes:
        route_key: what the expression must evaluate to.
        function: handles the message.
        operation_name: the route's name in the API, for its documentation and metrics.
    """

    route_key: str
    function: RouteFunction
    operation_name: str | None = None

    @property
    def where(self) -> str:
        """The function's name and module, for messages."""
        return f"{self.function.__name__} ({self.function.__module__})"


class RouteTable:
    """Routes by key, open for declarations until the first event."""

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}
        self._closed = False

    def add(self, route: Route) -> None:
        """Take in a route.

        Raises:
            DeclarationError: the key is reserved or taken, or the first event has come.
        """
        key = route.route_key
        if self._closed:
            raise DeclarationError(
                f"route {key!r} of {route.where} is declared after the first event: "
                "declare routes where app.py is imported"
            )
        if not key or (key.startswith("$") and key != DEFAULT):
            raise DeclarationError(
                f"route {key!r} of {route.where}: a key must not be empty nor begin with $, "
                "which API Gateway reserves"
            )
        if taken := self._routes.get(key):
            raise DeclarationError(
                f"route {key!r} is declared twice: by {taken.where} and by {route.where}"
            )
        self._routes[key] = route

    def close(self) -> None:
        """Refuse further routes: handlers are running."""
        self._closed = True

    def get(self, route_key: str) -> Route | None:
        """The route with a key, letter by letter."""
        return self._routes.get(route_key)

    @property
    def default(self) -> Route | None:
        """The route of messages that select no other."""
        return self._routes.get(DEFAULT)

    @property
    def custom(self) -> list[Route]:
        """The routes beside `$default`, as declared."""
        return [route for key, route in self._routes.items() if key != DEFAULT]
