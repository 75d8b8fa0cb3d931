"""Redirect botocore's calls while a test client is open or the block is on.

Every botocore client passes here, however it was created and whatever its age: `_install` wraps
three methods of botocore's own classes. Chalice's `app.websocket_api` and many apps name AWS's own
endpoint, which has precedence over AWS_ENDPOINT_URL_…, and keep their client. So the target is
looked up at each call. Handlers that answer earlier, such as botocore's Stubber or moto's mock_aws,
still come first.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.endpoint import Endpoint
from botocore.exceptions import EndpointConnectionError
from botocore.httpsession import ProxyConfiguration, URLLib3Session

from decanter.testing.block import BLOCK
from decanter.testing.errors import CallRefused
from decanter.testing.hosts import is_aws, is_instance_metadata, is_local

_targets: list[tuple[str, str | None]] = []
_operation: ContextVar[Any] = ContextVar("operation", default=None)


@contextmanager
def redirected(management: str, dynamodb: str | None) -> Iterator[None]:
    """Redirect calls, and keep the others on this machine.

    Args:
        management: host and port of @connections.
        dynamodb: those of the embedded DynamoDB; None if the app declares no tables. Then mock_aws
            may answer, and the embedded DynamoDB answers the rest.
    """
    target = (management, dynamodb)
    with blocked():
        _targets.append(target)
        try:
            yield
        finally:
            _targets.remove(target)


@contextmanager
def blocked() -> Iterator[None]:
    """Keep calls on this machine."""
    _install()
    with BLOCK.on():
        yield


@cache
def _install() -> None:
    """Make botocore ask here; nothing changes while no client is open and the block is off."""
    _wrap(Endpoint, "make_request", _make_request)
    _wrap(URLLib3Session, "send", _send)
    _wrap(ProxyConfiguration, "proxy_url_for", _proxy_url_for)


def _wrap(owner: type, name: str, around: Callable[..., Any]) -> None:
    original = getattr(owner, name)

    @wraps(original)
    def method(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(owner, name, method)


def _make_request(
    original: Callable[..., Any], endpoint: Any, operation_model: Any, request_dict: dict[str, Any]
) -> Any:
    """Make a call of an operation; it is signed after this."""
    if _targets:
        request_dict["url"] = _redirect(operation_model.service_model, request_dict["url"])
    token = _operation.set(operation_model)
    try:
        return original(endpoint, operation_model, request_dict)
    finally:
        _operation.reset(token)


def _redirect(service: Any, address: str) -> str:
    """Send a call to the open test client; another DynamoDB on this machine is not redirected."""
    management, dynamodb = _targets[-1]
    url = urlsplit(address)
    if service.service_name == "apigatewaymanagementapi":
        url = url._replace(scheme="http", netloc=management)
    elif service.service_name == "dynamodb" and dynamodb and is_aws(url.hostname or ""):
        url = url._replace(scheme="http", netloc=dynamodb)
    return url.geturl()


def _send(original: Callable[..., Any], session: Any, request: Any) -> Any:
    """Send a request that no earlier handler has answered.

    Raises:
        CallRefused: it would leave this machine.
    """
    url = urlsplit(request.url)
    host = url.hostname or ""
    if any(url.netloc == embedded for _, embedded in _targets):
        return _answer(request)
    if is_local(host) or BLOCK.allows(host):
        return original(session, request)
    if _targets and is_aws(host) and _target(request).startswith("DynamoDB_"):
        return _answer(request)
    refusal = _refusal(host)
    if is_instance_metadata(host):  # this machine has none, as it is not in AWS
        raise EndpointConnectionError(endpoint_url=request.url) from refusal
    raise refusal


def _refusal(host: str) -> CallRefused:
    operation = _operation.get()
    if operation is None:
        return CallRefused("A call", host)
    service = operation.service_model
    return CallRefused(f"{service.service_id} {operation.name}", host, service.endpoint_prefix)


def _proxy_url_for(original: Callable[..., Any], configuration: Any, url: str) -> Any:
    """Call this machine without a proxy, even if the client was created with one."""
    if BLOCK.is_on and is_local(urlsplit(url).hostname or ""):
        return None
    return original(configuration, url)


def _answer(request: Any) -> AWSResponse:
    """Answer a call to the embedded DynamoDB, without a socket."""
    from decanter.testing.dynamodb import respond  # imports moto, which is slow

    status, headers, body = respond(_target(request), request.body)
    return AWSResponse(request.url, status, headers, _Body(body))


def _target(request: Any) -> str:
    target = request.headers.get("X-Amz-Target") or ""
    return target.decode() if isinstance(target, bytes) else str(target)


class _Body(BytesIO):
    """The part of a response that botocore reads."""

    def stream(self) -> Iterator[bytes]:
        """Yield the whole content."""
        yield self.read()
