"""moto's DynamoDB, without the slow parts that the local gateway does not need.

Flask would route only one path. Without Flask, the first answer and each later call take half the
time (measured). In plain moto, the first call reads the regions of all AWS services, and loads IAM
and S3. The first call then takes 0.15 s instead of 0.06 s, and each later call takes a third
longer. `test_handler.py` fails if moto no longer calls one of the methods in this file.

`application.py` loads this file by its path.
"""

from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

from moto.core.request import Request
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler

ACCOUNT = "123456789012"  # in the tables' ARNs

StartResponse = Callable[..., Any]


def application(region: str) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """Return a DynamoDB without tables as a WSGI application. The tables' ARNs have this region."""
    handler = handler_of(DynamoDBBackend(region, ACCOUNT))

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        status, headers, body = handler.dispatch(request, request.url, request.headers)
        start_response(f"{status} {HTTPStatus(status).phrase}", [*headers.items()])
        return [body.encode()]

    return answer


def handler_of(backend: DynamoDBBackend) -> "type[Handler]":
    """Return the class that handles a backend's calls. moto creates an instance for each call."""
    return type("Handler", (Handler,), {"tables": backend})


class Handler(DynamoHandler):
    """Answers one call, with any signature and for any region.

    `moto.mock_aws` cannot see or empty these tables, because they belong to a separate backend.
    """

    tables: DynamoDBBackend

    def setup_class(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Set the attributes that all operations read. `__getattr__` sets the other attributes."""
        self._set_up_wholly = partial(super().setup_class, request, *args, **kwargs)
        self.headers = request.headers
        self.response_headers: dict[str, str] = {}
        self.querystring: dict[str, Any] = {}
        self.uri_match: dict[str, Any] = {}
        self.parse_parameters(request)

    def __getattr__(self, name: str) -> Any:
        """Run moto's own set-up at the first read of an attribute that `setup_class` left unset."""
        try:
            set_up_wholly = self.__dict__.pop("_set_up_wholly")
        except KeyError:
            raise AttributeError(name) from None
        set_up_wholly()
        return getattr(self, name)

    @property
    def dynamodb_backend(self) -> DynamoDBBackend:
        """The backend with the tables."""
        return self.tables

    def _determine_resource(self) -> str:
        """Do nothing. moto looks for this method, and without it `__getattr__` would run."""
        return "*"

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        """Accept every caller, like moto by default, but do not load IAM."""
