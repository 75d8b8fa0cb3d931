"""Extend Chalice's test client for requests to HTTP routes and for events of all functions.

This module is imported only when it is needed, because the import of `chalice.test` is slow.
"""

from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from chalice.config import Config
from chalice.test import HTTPResponse, TestEventsClient, TestHTTPClient

from decanter.gateway.events import Event
from decanter.local.functions import iam_routes
from decanter.project.credentials import DUMMY_CREDENTIALS
from decanter.project.declaration import HTTP_FUNCTION
from decanter.project.example_events import example_event, scheduled_event
from decanter.testing.clock import Clock
from decanter.testing.deployment import Deployment
from decanter.testing.environ import REGION
from decanter.testing.events import connect_event, disconnect_event, message_event
from decanter.testing.functions import Functions

SIGNED_HOST = f"https://local.execute-api.{REGION}.amazonaws.com"

_WEBSOCKET = {
    "websocket_connect": connect_event,
    "websocket_message": lambda: message_event("{}"),
    "websocket_disconnect": disconnect_event,
}


def http_client(app: Any, deployed: Deployment, functions: Functions) -> "HTTPClient":
    """Return a client of the app's HTTP routes, which run with their function's environment."""
    has_routes = HTTP_FUNCTION in deployed.functions
    config = Config.create(
        environment_variables=functions.environment(HTTP_FUNCTION) if has_routes else {},
        lambda_timeout=deployed.timeouts.get(HTTP_FUNCTION),
        # In Lambda's context, this value is a string.
        lambda_memory_size=str(deployed.memory(HTTP_FUNCTION)) if has_routes else None,
    )
    return HTTPClient(app, config, functions)


class HTTPClient(TestHTTPClient):
    """Chalice's HTTP client. The routes run with the role of their function.

    A route with `IAMAuthorizer` refuses a request without AWS's signature.
    """

    def __init__(
        self, app: Any, config: Config, functions: Functions, *, signs: bool = False
    ) -> None:
        super().__init__(app, config)
        self._functions = functions
        self._signs = signs

    @property
    def signed(self) -> TestHTTPClient:
        """A client that signs each request, like a caller with AWS credentials.

        The keys are dummies, because nothing checks the signature.
        """
        return HTTPClient(self._app, self._config, self._functions, signs=True)

    def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> HTTPResponse:
        """Send a request and return the response."""
        if self._signs:
            headers = _signed(method, path, headers, body)
        if iam_routes.is_refused(self._app, method, path, headers or {}):
            refusal = iam_routes.BODY.encode()
            return HTTPResponse(refusal, {**iam_routes.HEADERS}, iam_routes.STATUS)
        self._functions.event = {"requestContext": {"resourcePath": path.partition("?")[0]}}
        with self._functions.running(HTTP_FUNCTION), iam_routes.quiet():
            return super().request(method, path, headers, body)


def _signed(method: str, path: str, headers: dict[str, str] | None, body: bytes) -> dict[str, str]:
    asked = AWSRequest(method, f"{SIGNED_HOST}{path}", headers, body)
    SigV4Auth(Credentials(*DUMMY_CREDENTIALS.values()), "execute-api", REGION).add_auth(asked)
    return dict(asked.headers.items())


class Events(TestEventsClient):
    """Chalice's builders of events, and example events for all functions."""

    def __init__(self, app: Any, deployed: Deployment, clock: Clock) -> None:
        super().__init__(app)
        self._deployed = deployed
        self._clock = clock

    def example(self, name: str, body: str | None = None) -> Event:
        """Return an example event for a function, in the form of its event source.

        Args:
            name: the function's name, as in `WebSocketClient.invoke`.
            body: the text of the message, record or request in the event; the key of an object in a
                bucket; or the token for an authorizer. For WebSocket handlers and schedules, this
                argument is ignored.

        Raises:
            LookupError: the app has no such function.
            ValueError: events of this kind have no place for `body`.
        """
        function = self._deployed.function(name)
        if function.kind == "websocket":
            return _WEBSOCKET[function.name]()
        if function.kind == "schedule":
            return scheduled_event(self._deployed.stack, function.name, self._clock.time())
        return example_event(function, self._deployed.stack, body)
