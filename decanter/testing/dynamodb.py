"""moto's DynamoDB in this process: without a socket if possible, and without Flask.

Flask would have only one route to choose from. Without it, the first call and each later one take
half the time, as measured. For a botocore client, a socket and a second thread would double the
time of a call.
"""

import json
import logging
from collections.abc import Callable, Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

from decanter.errors import ServiceError
from decanter.local.dynamodb.server import Answer, Moto, Notes
from decanter.project.config import TEMPLATE
from decanter.testing.environ import REGION
from decanter.testing.gc_paused import gc_paused

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

logger = logging.getLogger(__name__)


@cache
def application() -> Application:
    """Load moto, which is slow, and return its DynamoDB; with Flask only if moto needs it."""
    with gc_paused():
        try:
            from moto.core.request import Request

            from decanter.testing.handler import Handler
        except ImportError:
            from moto.moto_server.werkzeug_app import create_backend_app

            whole: Application = create_backend_app("dynamodb")
            return whole

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        status, headers, body = Handler.dispatch(request, request.url, request.headers)
        start_response(f"{status} {HTTPStatus(status).phrase}", [*headers.items()])
        return [body.encode()]

    return answer


@cache
def moto() -> Moto:
    """The tables of this process."""
    hint = f"in this test: declare it in {TEMPLATE}, or create it in the test"
    return Moto(application(), REGION, Notes(_tell), hint)


def respond(target: str, body: bytes) -> Answer:
    """Answer a call; see `Moto.answer`."""
    return moto().answer(target, body)


def _tell(line: str, detail: str) -> None:
    logger.error("%s\n%s", line, detail)


def call_dynamodb(operation: str, **arguments: Any) -> None:
    """Call it without a client, which would take longer than the call.

    Raises:
        ServiceError: it refuses.
    """
    status, _, answer = respond(f"DynamoDB_20120810.{operation}", json.dumps(arguments).encode())
    if status != 200:
        raise ServiceError(f"the embedded DynamoDB refuses {operation}: {answer.decode()}")
