"""moto's DynamoDB in this process: without a socket where that is possible, and without Flask.

Flask's routing has one path to choose from here, and leaving it out was measured to halve both the
time until the first call is answered and the time of each call. A socket and a second thread would
cost a botocore client about as much again as moto's answer does.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from decanter.errors import ServiceError
from decanter.local.dynamodb.server import Answer, Moto, Notes
from decanter.project.config import TEMPLATE
from decanter.testing.collector import collector_paused
from decanter.testing.environ import REGION

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

logger = logging.getLogger(__name__)


@cache
def application() -> Application:
    """Load moto, which takes a while, and give its DynamoDB; with Flask where moto needs it."""
    with collector_paused():
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
    return Moto(application(), REGION, Notes(_tell))


def respond(target: str, body: bytes) -> Answer:
    """Answer a call; see `Moto.answer`."""
    status, headers, answer = moto().answer(target, body)
    if b"#ResourceNotFoundException" in answer:
        answer = _with_remedy(body, answer)
        headers = {name: value for name, value in headers.items() if name != "x-amz-crc32"}
    return status, headers, answer


def _tell(line: str, detail: str) -> None:
    logger.error("%s\n%s", line, detail)


def _with_remedy(body: bytes, answer: bytes) -> bytes:
    """Have the answer that a table is missing say which one, and what to do about it."""
    missing = [name for name in _table_names(json.loads(body)) if not _has_table(name)]
    names = " and ".join(map(repr, missing))
    if not names:
        return answer
    refusal = json.loads(answer)
    refusal["message"] += (
        f". There is no table {names} in this test: declare it in {TEMPLATE}, "
        "or create it in the test"
    )
    return json.dumps(refusal).encode()


def _table_names(call: Mapping[str, Any]) -> list[str]:
    actions = [action for each in call.get("TransactItems", ()) for action in each.values()]
    named = [each["TableName"] for each in [call, *actions] if "TableName" in each]
    return sorted({*named, *call.get("RequestItems", ())})


def _has_table(name: str) -> bool:
    described = json.dumps({"TableName": name}).encode()
    return moto().answer("DynamoDB_20120810.DescribeTable", described)[0] == 200


def call_dynamodb(operation: str, **arguments: Any) -> None:
    """Call it without a client, which would take longer than the call.

    Raises:
        ServiceError: it refuses.
    """
    status, _, answer = respond(f"DynamoDB_20120810.{operation}", json.dumps(arguments).encode())
    if status != 200:
        raise ServiceError(f"the embedded DynamoDB refuses {operation}: {answer.decode()}")
