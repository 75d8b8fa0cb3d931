"""An HTTP response as a value."""

import http
import json
from dataclasses import dataclass
from typing import Any

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. The content length is added when the response is written."""

    status: int
    body: bytes = b""
    headers: Headers = ()


def json_response(status: int, value: Any, *headers: tuple[str, str]) -> Response:
    """Return a response with a JSON body."""
    body = json.dumps(value).encode()
    return Response(status, body, (("Content-Type", "application/json"), *headers))


def message(status: int, text: str) -> Response:
    """Return an error response with API Gateway's body: `{"message": …}`."""
    return json_response(status, {"message": text})


def phrase(status: int) -> str:
    """Return the standard phrase of a status; empty for an unknown status."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


BAD_REQUEST = message(400, "Bad Request")
FORBIDDEN = message(403, "Forbidden")
UPGRADE_REQUIRED = message(426, "Upgrade Required")
INTERNAL_ERROR = message(500, "Internal server error")
MALFORMED = message(502, "Internal server error")
TIMED_OUT = message(504, "Endpoint request timed out")
