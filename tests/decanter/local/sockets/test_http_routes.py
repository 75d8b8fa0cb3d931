"""The response for a route's result."""

from typing import Any

import h11
import pytest

from decanter.gateway.model import Api
from decanter.gateway.responses import MALFORMED, TIMED_OUT, Response
from decanter.gateway.results import Failure, Returned
from decanter.local.sockets.http import head_of
from decanter.local.sockets.http_routes import has_route, http_response


@pytest.mark.parametrize(
    ("outcome", "response"),
    [
        (Failure.TIMED_OUT, TIMED_OUT),
        (Failure.DIED, MALFORMED),
        (Returned("text"), MALFORMED),
        (
            Returned({"statusCode": 200, "body": "!", "isBase64Encoded": True}),
            MALFORMED,
        ),
        (
            Returned({"statusCode": 201, "body": "aGk=", "isBase64Encoded": True}),
            Response(201, b"hi", (("Content-Type", "application/json"),)),
        ),
        (
            Returned({"statusCode": 200, "headers": {"content-type": "a", "Content-Length": 9}}),
            Response(200, b"", (("content-type", "a"),)),
        ),
        (
            Returned(
                {
                    "statusCode": 200,
                    "body": "é\ud800",
                    "multiValueHeaders": {"Content-Type": ["a"], "Set-Cookie": ["1", "2"]},
                }
            ),
            Response(
                200,
                "é?".encode(),
                (("Content-Type", "a"), ("Set-Cookie", "1"), ("Set-Cookie", "2")),
            ),
        ),
    ],
)
def test_a_result_becomes_a_response(outcome: Any, response: Response) -> None:
    assert http_response(outcome) == response


@pytest.mark.parametrize(
    "response",
    [Response(99), Response(200, b"", (("X", "a\r\nY: b"),)), Response(200, b"", (("é", ""),))],
)
def test_an_invalid_status_or_header_is_refused(response: Response) -> None:
    with pytest.raises((h11.LocalProtocolError, UnicodeEncodeError)):
        head_of(response)


@pytest.mark.parametrize(
    ("routes", "path", "found"),
    [
        (("/",), "/api", True),
        (("/",), "/api/", True),
        (("/items/{name}",), "/api", False),
        (("/items/{name}",), "/api/items/lamp/", True),
        (("/items/{name}",), "/api/items", False),
    ],
)
def test_a_route_is_found_by_its_path(routes: tuple[str, ...], path: str, found: bool) -> None:
    assert has_route(Api("api", {}, "", routes, "api"), path) is found
