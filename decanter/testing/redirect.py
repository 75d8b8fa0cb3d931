"""Where botocore's calls go while a test client is open.

Chalice's `app.websocket_api` and many an app give `https://{api}.execute-api…` to the client
themselves, which wins over AWS_ENDPOINT_URL_…, and keep the client. So the handlers look up where
to go at each call; while no test client is open they change nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from botocore import handlers
from botocore.awsrequest import AWSResponse

from decanter.testing.dynamodb import respond

AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_targets: list[tuple[str, str | None]] = []


def redirect(request: Any, **_: Any) -> None:
    """Have a call to @connections sent to the open test client; it is signed after this."""
    if _targets:
        url = urlsplit(request.url)
        request.url = urlunsplit(url._replace(scheme="http", netloc=_targets[-1][0]))


def answer(request: Any, **_: Any) -> AWSResponse | None:
    """Answer a call to the embedded DynamoDB, or to AWS's, without a socket.

    Only a client that names an endpoint of its own, such as another DynamoDB on this machine, is
    left alone.
    """
    if not _targets or (embedded := _targets[-1][1]) is None:
        return None
    url = urlsplit(request.url)
    if url.netloc != embedded and not (url.hostname or "").endswith(AWS):
        return None
    target = request.headers["X-Amz-Target"]
    target = target.decode() if isinstance(target, bytes) else target
    status, headers, body = respond(target, request.body)
    return AWSResponse(request.url, status, headers, _Body(body))


class _Body(BytesIO):
    """What botocore reads a response from."""

    def stream(self) -> Iterator[bytes]:
        """The whole of it."""
        yield self.read()


HANDLERS = {"before-sign.apigatewaymanagementapi": redirect, "before-send.dynamodb": answer}


def install() -> None:
    """Have all later botocore sessions redirected; once more is no mistake."""
    for event, handler in HANDLERS.items():
        if (event, handler) not in handlers.BUILTIN_HANDLERS:
            handlers.BUILTIN_HANDLERS.append((event, handler))


@contextmanager
def redirected(management: str, dynamodb: str | None, session: Any = None) -> Iterator[None]:
    """Redirect for a while.

    Args:
        management: host and port of @connections.
        dynamodb: those of the embedded DynamoDB; None if the app has no tables.
        session: a boto3 session that may be older than `install`.
    """
    events = getattr(session, "events", None)
    target = (management, dynamodb)
    _targets.append(target)
    if events is not None:
        for event, handler in HANDLERS.items():
            events.register(event, handler, unique_id=f"decanter.testing {event}")
    try:
        yield
    finally:
        _targets.remove(target)
        if events is not None:
            for event in HANDLERS:
                events.unregister(event, unique_id=f"decanter.testing {event}")
