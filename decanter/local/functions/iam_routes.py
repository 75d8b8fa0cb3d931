"""Refuse unsigned requests to the HTTP routes that have Chalice's `IAMAuthorizer`.

The signature itself is not checked, because only AWS has the keys. The app's own process loads this
file by its path. Source: API Gateway Developer Guide, "Control access to a REST API with IAM
permissions"; IAM User Guide, "Elements of an AWS API request signature".
"""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chalice.app import IAMAuthorizer
from chalice.local import RouteMatcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STATUS = 403
HEADERS = {
    "Content-Type": "application/json",
    "x-amzn-ErrorType": "MissingAuthenticationTokenException",
}
BODY = '{"message":"Missing Authentication Token"}'

SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/, ]+/[0-9]{8}/[^/, ]+/execute-api/aws4_request, *"
    r"SignedHeaders=[^, ]*host[^, ]*, *Signature=[0-9a-f]{64}"
)


def is_refused(app: Any, method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Return True for an unsigned request to a route that requires a signature.

    `path` includes the query. A presigned URL has the signature in the query.
    """
    try:
        found = RouteMatcher([*app.routes]).match_route(path)
    except ValueError:
        return False
    route = app.routes[found.route].get(method.upper())
    if route is None or not isinstance(route.authorizer, IAMAuthorizer):
        return False
    own = {name.lower(): value for name, value in headers.items()}
    is_presigned = {"X-Amz-Credential", "X-Amz-Signature"} <= set(found.query_params)
    return not (is_presigned or SIGNED.fullmatch(own.get("authorization", "")))


@contextmanager
def quiet() -> Iterator[None]:
    """Disable Chalice's warning that `chalice local` accepts every request."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IAMAuthorizer is not a supported in local mode")
        yield
