"""Redirect botocore's calls to the open test client, and refuse other calls that leave the machine.

The import of this module wraps three methods of botocore's classes, so the redirection applies to
every botocore client, even to one that was created earlier. Without an open test client and without
a block, these methods work as before.

Chalice's `app.websocket_api` and many apps keep a client that has AWS's own endpoint. The variables
AWS_ENDPOINT_URL_… have no effect on such a client, so this module selects the target at each call.
botocore's Stubber answers before this module. moto's mock_aws answers only the calls that are not
redirected.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.endpoint import Endpoint
from botocore.exceptions import EndpointConnectionError
from botocore.httpsession import ProxyConfiguration, URLLib3Session

from decanter.aws_hosts import is_aws, is_instance_metadata, is_local
from decanter.local.functions.outgoing import wrap
from decanter.testing.block import BLOCK
from decanter.testing.errors import CallRefused

Sqs = Callable[[str, bytes], tuple[int, Mapping[str, str], bytes]]
"""Takes the `X-Amz-Target` and the body of a call, and returns the answer."""

_targets: list[tuple[str, str | None, Sqs | None]] = []
_operation: ContextVar[Any] = ContextVar("operation", default=None)


@contextmanager
def redirected(management: str, dynamodb: str | None, sqs: Sqs | None = None) -> Iterator[None]:
    """Within the block, redirect calls to @connections, DynamoDB and SQS. Refuse other AWS calls.

    `management` and `dynamodb` are hosts with ports; `dynamodb` is None if the app has no tables.
    Then mock_aws may answer calls to DynamoDB first, and the embedded DynamoDB answers the
    others. `sqs` answers the calls to SQS; None if the app has no queues.
    """
    target = (management, dynamodb, sqs)
    with blocked():
        _targets.append(target)
        try:
            yield
        finally:
            _targets.remove(target)


@contextmanager
def blocked() -> Iterator[None]:
    """Within the block, refuse calls to AWS."""
    with BLOCK.on():
        yield


def _make_request(
    original: Callable[..., Any], endpoint: Any, operation_model: Any, request_dict: dict[str, Any]
) -> Any:
    """Redirect the call of an operation before botocore signs it."""
    if _targets:
        request_dict["url"] = _redirect(operation_model.service_model, request_dict["url"])
    token = _operation.set(operation_model)
    try:
        return original(endpoint, operation_model, request_dict)
    finally:
        _operation.reset(token)


def _redirect(service: Any, address: str) -> str:
    """Return the URL of a call: redirected to the test client's service, or unchanged."""
    management, dynamodb, sqs = _targets[-1]
    url = urlsplit(address)
    if service.service_name == "apigatewaymanagementapi":
        url = url._replace(scheme="http", netloc=management)
    elif service.service_name == "dynamodb" and dynamodb and is_aws(url.hostname or ""):
        url = url._replace(scheme="http", netloc=dynamodb)
    elif service.service_name == "sqs" and sqs and is_aws(url.hostname or ""):
        url = url._replace(scheme="http", netloc=management)
    return url.geturl()


def _send(original: Callable[..., Any], session: Any, request: Any) -> Any:
    """Answer, send or refuse a call that no mock has answered.

    Raises:
        CallRefused: the call would leave this machine, and its host is not allowed.
        EndpointConnectionError: as for CallRefused, but the host is EC2's instance metadata
            service.
    """
    url = urlsplit(request.url)
    host = url.hostname or ""
    if _target(request).startswith("AmazonSQS."):
        for management, _, sqs in reversed(_targets):
            if sqs and url.netloc == management:
                return _response(request, *sqs(_target(request), request.body))
    if any(url.netloc == embedded for _, embedded, _ in _targets):
        return _answer(request)
    if is_local(host) or BLOCK.allows(host):
        return original(session, request)
    if _targets and is_aws(host) and _target(request).startswith("DynamoDB_"):
        return _answer(request)
    refusal = _refusal(host)
    if is_instance_metadata(host):  # as on a machine outside AWS
        raise EndpointConnectionError(endpoint_url=request.url) from refusal
    raise refusal


def _refusal(host: str) -> CallRefused:
    operation = _operation.get()
    if operation is None:
        return CallRefused("A call", host)
    service = operation.service_model
    return CallRefused(f"{service.service_id} {operation.name}", host, service.endpoint_prefix)


def _proxy_url_for(original: Callable[..., Any], configuration: Any, url: str) -> Any:
    """Return the proxy for a URL; None for a URL of this machine while the block is on."""
    if BLOCK.is_on and is_local(urlsplit(url).hostname or ""):
        return None
    return original(configuration, url)


def _answer(request: Any) -> AWSResponse:
    """Answer a call to the embedded DynamoDB without a socket."""
    from decanter.testing.dynamodb import respond  # imports moto, which is slow
    from decanter.testing.running import dynamodb_rule

    return _response(request, *respond(_target(request), request.body, dynamodb_rule()))


def _response(request: Any, status: int, headers: Mapping[str, str], body: bytes) -> AWSResponse:
    return AWSResponse(request.url, status, headers, _Body(body))


def _target(request: Any) -> str:
    target = request.headers.get("X-Amz-Target") or ""
    return target.decode() if isinstance(target, bytes) else str(target)


class _Body(BytesIO):
    """The body of a response, as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        """Yield the whole body."""
        yield self.read()


wrap(Endpoint, "make_request", _make_request)
wrap(URLLib3Session, "send", _send)
wrap(ProxyConfiguration, "proxy_url_for", _proxy_url_for)
