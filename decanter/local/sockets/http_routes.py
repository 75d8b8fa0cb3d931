"""Serve the app's HTTP routes like `chalice local`, but with the stage in their URLs.

Unlike in `chalice local`, a request to a route with an `IAMAuthorizer` needs a signature.
"""

import base64
import binascii
from typing import Any

from decanter.gateway.model import Api
from decanter.gateway.responses import MALFORMED, TIMED_OUT, Response
from decanter.gateway.results import Failure, Outcome, Returned, is_proxy_result
from decanter.local.functions.functions import Functions
from decanter.local.sockets.http import Request
from decanter.project.grants import matching

# A response of the app must not set these headers. Only the gateway sets them.
FRAMING = {"connection", "content-length", "transfer-encoding"}


async def answer(
    functions: Functions, stage: str, request: Request, *, authorizers: bool
) -> Response:
    """Return the app's response to a request for a path that starts with the stage.

    With `authorizers=False`, the request does not need the signature that the route requires.
    """
    path = _within(stage, request.target)
    headers = {name.lower(): value for name, value in request.headers}
    asked = (request.method, path, headers, request.body)
    return http_response(await functions.http(*asked, authorizers=authorizers))


def has_route(api: Api, path: str) -> bool:
    """Return True if the app has an HTTP route, with any method, for a path with the stage."""
    return bool(matching(_within(api.http_stage, path), api.http_routes))


def _within(stage: str, target: str) -> str:
    """Return a target without the stage. The path of the result starts with a slash."""
    path = target.removeprefix(f"/{stage}")
    return path if path.startswith("/") else f"/{path}"


def http_response(outcome: Outcome) -> Response:
    """Return the HTTP response for the outcome of a route's function."""
    if outcome is Failure.TIMED_OUT:
        return TIMED_OUT
    if not isinstance(outcome, Returned) or not is_proxy_result(outcome.value):
        return MALFORMED
    value: dict[str, Any] = outcome.value
    try:
        return Response(value["statusCode"], _body(value), _headers(value))
    except binascii.Error:
        return MALFORMED


def _headers(value: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    several = (value.get("multiValueHeaders") or {}).items()
    found = [(name, str(each)) for name, values in several for each in values]
    found += [(name, str(each)) for name, each in (value.get("headers") or {}).items()]
    if not any(name.lower() == "content-type" for name, _ in found):
        found.append(("Content-Type", "application/json"))
    return tuple((name, each) for name, each in found if name.lower() not in FRAMING)


def _body(value: dict[str, Any]) -> bytes:
    text = value.get("body") or ""
    if value.get("isBase64Encoded"):
        return base64.b64decode(text, validate=True)
    return str(text).encode(errors="replace")
