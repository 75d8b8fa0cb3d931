"""moto's DynamoDB, without the slow parts that the local gateway does not need.

Flask would route only one path. Without Flask, the first answer and each later call take half the
time (measured). In plain moto, the first call reads the regions of all AWS services, and loads IAM
and S3. The first call then takes 0.15 s instead of 0.06 s, and each later call takes a third
longer. `test_handler.py` fails if moto no longer calls one of the methods in this file.

`application.py` loads this file by its path.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from io import BytesIO
from types import MappingProxyType
from typing import Any

from moto.core import utils
from moto.core.loaders import create_loader
from moto.core.request import Request
from moto.core.responses import ActionContext, ActionResult
from moto.core.serialize import AttributePickerContext, JSONSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler
from werkzeug.datastructures import EnvironHeaders

ACCOUNT = "123456789012"  # in the tables' ARNs
SERVICE = "dynamodb"

NAMES = "names_of_decanter"
"""The attribute of a shape that keeps the names under which moto finds the shape in a result."""

StartResponse = Callable[..., Any]


def application(region: str) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """Return a DynamoDB without tables as a WSGI application. The tables' ARNs have this region."""
    handler = handler_of(DynamoDBBackend(region, ACCOUNT))
    load_model()

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        call = Call(environ)
        status, headers, body = handler.dispatch(call, None, call.headers)
        start_response(f"{status} {HTTPStatus(status).phrase}", [*headers.items()])
        return [body.encode()]

    return answer


def handler_of(backend: DynamoDBBackend) -> "type[Handler]":
    """Return the class that handles a backend's calls. moto creates an instance for each call."""
    return type("Handler", (Handler,), {"tables": backend})


def load_model() -> None:
    """Load DynamoDB's service model, which moto keeps. moto itself would also list all services."""
    loader, motos = create_loader(), vars(utils)
    loader.list_available_services = lambda _: [SERVICE]
    motos["create_loader"] = lambda: loader
    try:
        utils.get_service_model(SERVICE)
    finally:
        motos["create_loader"] = create_loader


class Call:
    """The parts of a request that moto reads for a call, instead of a werkzeug request."""

    method = "POST"
    path = "/"
    values: Mapping[str, str] = MappingProxyType({})

    def __init__(self, environ: dict[str, Any]) -> None:
        self.data: bytes = environ["wsgi.input"].read()
        self.headers = EnvironHeaders(environ)
        self.content_type: str = environ["CONTENT_TYPE"]
        self._environ = environ

    def request(self) -> Request:
        """Return the call as a werkzeug request."""
        return Request({**self._environ, "wsgi.input": BytesIO(self.data)})


class Serializer(JSONSerializer):
    """Writes results, like moto's serializer, but derives each member's names only once.

    An attribute value has ten members, and nine of them are absent. moto creates thirteen objects
    for each absent member.
    """

    def get_value(self, value: Any, key: str, shape: Any) -> Any:
        """Return the value of a member; None if the member is absent."""
        if type(value) is not dict or self._value_picker.response_transformers:
            return super().get_value(value, key, shape)
        if (names := vars(shape).get(NAMES)) is None:
            context = AttributePickerContext({}, key, shape)
            names = vars(shape)[NAMES] = [*self._value_picker.get_possible_keys(context)]
        return next((value[name] for name in names if name in value), None)


class Result(ActionResult):
    """A result that `Serializer` writes."""

    def __init__(self, result: ActionResult) -> None:
        super().__init__(result.result)
        self._of_moto = result

    def execute_result(self, context: ActionContext) -> Any:
        """Return the answer."""
        if context.serializer_class is JSONSerializer:
            context.serializer_class = Serializer
        return self._of_moto.execute_result(context)


class Handler(DynamoHandler):
    """Answers one call, with any signature and for any region.

    `moto.mock_aws` cannot see or empty these tables, because they belong to a separate backend.
    """

    tables: DynamoDBBackend

    def setup_class(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Set the attributes that all operations read. `__getattr__` sets the other attributes."""
        self._set_up_wholly = partial(self._set_up, request)
        self.headers = request.headers
        self.response_headers: dict[str, str] = {}
        self.querystring: dict[str, Any] = {}
        self.uri_match: dict[str, Any] = {}
        self.parse_parameters(request)

    def _set_up(self, call: Call) -> None:
        request = call.request()
        super().setup_class(request, request.url, request.headers)

    def __getattr__(self, name: str) -> Any:
        """Run moto's own set-up at the first read of an attribute that `setup_class` left unset."""
        try:
            set_up_wholly = self.__dict__.pop("_set_up_wholly")
        except KeyError:
            raise AttributeError(name) from None
        set_up_wholly()
        return getattr(self, name)

    def serialized(self, action_result: ActionResult) -> Any:
        """Return the answer."""
        return super().serialized(Result(action_result))

    @property
    def dynamodb_backend(self) -> DynamoDBBackend:
        """The backend with the tables."""
        return self.tables

    def _determine_resource(self) -> str:
        """Return any resource. moto looks for this method; without it, `__getattr__` would run."""
        return "*"

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        """Accept every caller, as moto does by default, but do not load IAM."""
