"""moto's DynamoDB as a WSGI application, without Flask around it.

Flask's routing has one path to choose from here, and leaving it out was measured to halve both the
time until the first call is answered and the time of each call.
"""

from collections.abc import Callable, Iterable
from typing import Any

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


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
