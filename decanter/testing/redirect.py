"""Every call to @connections ends in the open test client, whatever endpoint its caller names.

Chalice's `app.websocket_api` and many an app give `https://{api}.execute-api…` to the client
themselves, which wins over AWS_ENDPOINT_URL_…, and keep the client. So the handler looks up where
to go at each call; while no test client is open it changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from botocore import handlers

EVENT = "before-sign.apigatewaymanagementapi"
_targets: list[str] = []


def redirect(request: Any, **_: Any) -> None:
    """Put the open test client's host in the place of the URL's; it is signed after this."""
    if _targets:
        url = urlsplit(request.url)
        request.url = urlunsplit(url._replace(scheme="http", netloc=_targets[-1]))


def install() -> None:
    """Have all later botocore sessions redirected; once more is no mistake."""
    if (EVENT, redirect) not in handlers.BUILTIN_HANDLERS:
        handlers.BUILTIN_HANDLERS.append((EVENT, redirect))


@contextmanager
def redirected(netloc: str, session: Any = None) -> Iterator[None]:
    """Redirect for a while.

    Args:
        netloc: host and port of @connections.
        session: a boto3 session that may be older than `install`.
    """
    events = getattr(session, "events", None)
    if events is not None:
        events.register(EVENT, redirect, unique_id="decanter.testing")
    _targets.append(netloc)
    try:
        yield
    finally:
        _targets.remove(netloc)
        if events is not None:
            events.unregister(EVENT, unique_id="decanter.testing")
