"""moto's DynamoDB in this process: without a socket where that is possible, and without Flask.

Flask's routing has one path to choose from here, and leaving it out was measured to halve both the
time until the first call is answered and the time of each call. A socket and a second thread would
cost a botocore client about as much again as moto's answer does.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from decanter.errors import ServiceError
from decanter.local.services import DUMMY_CREDENTIALS
from decanter.testing.environ import REGION

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_SCOPE = f"{DUMMY_CREDENTIALS['AWS_ACCESS_KEY_ID']}/20000101/{REGION}/dynamodb/aws4_request"
# moto keeps tables by the region that a call is signed for; here there is one for all.
_SIGNED = f"AWS4-HMAC-SHA256 Credential={_SCOPE}, SignedHeaders=host, Signature=0"


@cache
def application() -> Application:
    """Load moto, which takes a while, and give its DynamoDB; with Flask where moto needs it."""
    try:
        from moto.core.request import Request
        from moto.dynamodb.responses import DynamoHandler
        from werkzeug.wrappers import Response
    except ImportError:
        from moto.moto_server.werkzeug_app import create_backend_app

        whole: Application = create_backend_app("dynamodb")
        return whole

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        headers = dict(request.headers)
        status, sent, body = DynamoHandler.dispatch(request, request.raw_url, headers)
        return Response(body, status, sent)(environ, start_response)

    return answer


def respond(target: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
    """Answer a call.

    Args:
        target: its `X-Amz-Target`, as `DynamoDB_20120810.PutItem`.
        body: its JSON.

    Returns:
        The status, the headers and the JSON of DynamoDB's answer.
    """
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    headers = {
        "X-Amz-Target": target,
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": _SIGNED,
    }
    builder = EnvironBuilder(method="POST", path="/", headers=[*headers.items()], data=body)
    chunks, status, answered = run_wsgi_app(application(), builder.get_environ(), buffered=True)
    return int(status.partition(" ")[0]), dict(answered.items()), b"".join(chunks)


def call_dynamodb(operation: str, **arguments: Any) -> None:
    """Call it without a client, which would take longer than the call.

    Raises:
        ServiceError: it refuses.
    """
    status, _, answer = respond(f"DynamoDB_20120810.{operation}", json.dumps(arguments).encode())
    if status != 200:
        raise ServiceError(f"the embedded DynamoDB refuses {operation}: {answer.decode()}")
