"""The management API, `/{stage}/@connections/{connectionId}`, for boto3 and Chalice.

Sources: botocore's service model apigatewaymanagementapi/2018-11-29; observations on AWS for the
letter case of `x-amzn-ErrorType`, the 400 for a malformed id, and the 403 for a missing right.
"""

from collections.abc import Callable
from urllib.parse import unquote

from decanter.gateway.guard import CONNECTIONS, Guard
from decanter.gateway.model import CONNECTION_ID, MAX_MESSAGE_BYTES, Connection
from decanter.gateway.responses import Response, json_response
from decanter.gateway.rules import Gateway


def error(status: int, kind: str, message: str) -> Response:
    """Return an error response for botocore, which reads the exception's name from the header."""
    return json_response(status, {"message": message}, ("x-amzn-ErrorType", kind))


MANAGE = "execute-api:ManageConnections"
"""The IAM action of every call."""

CALLERS = "/_roles/"
"""The start of a path that names the caller: `/_roles/{function}/{stage}/@connections/…`."""

Authorize = Callable[[str, str], Response | None]
"""Takes a method and a connection id. Returns the refusal; None if the role allows the call."""

GONE = error(410, "GoneException", "Gone")
FORBIDDEN = error(403, "ForbiddenException", "Forbidden")
TOO_LARGE = error(413, "PayloadTooLargeException", "Message too long")
TOO_MANY = error(429, "LimitExceededException", "Too many requests")
NO_METHOD = error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
FAILED = error(500, "InternalServerErrorException", "Internal server error")


def split_caller(path: str) -> tuple[str | None, str]:
    """Return the function in a path, or None, and the path without the function."""
    if not path.startswith(CALLERS):
        return None, path
    caller, _, rest = path.removeprefix(CALLERS).partition("/")
    return caller, f"/{rest}"


def authorizer(guard: Guard, arn: str, caller: str, trace: str = "") -> Authorize:
    """Return the rule for the calls of a function. `arn` is the ARN of the API's stage.

    As observed on AWS, the message of a refusal masks most of the account id, and does not name the
    connection.
    """

    def refusal(method: str, connection_id: str) -> Response | None:
        resource = f"{arn}/{method}{CONNECTIONS}"
        denial = guard.refusal(caller, [(MANAGE, resource + connection_id)], trace)
        if denial is None:
            return None
        *place, account, name = resource.split(":", 5)
        hidden = ":".join([*place, f"{account[-4:]:*>12}", f"{name}{{connectionId}}"])
        what = f"is not authorized to perform: {MANAGE} on resource: {hidden}"
        why = " with an explicit deny" if denial.explicit else ""
        body = {"Message": f"User: {denial.principal} {what}{why}"}
        return json_response(403, body, ("x-amzn-ErrorType", "AccessDeniedException"))

    return refusal


def is_management_path(path: str) -> bool:
    """Return True for a path of @connections, with or without a stage. The Go SDK sends `%40`."""
    return any(part in ("@connections", "%40connections") for part in path.lower().split("/")[1:3])


def connection_id_in(path: str, stage: str) -> str | None:
    """Return the id in `/{stage}/@connections/{id}`, decoded once; None for another path."""
    parts = path.split("/", 3)
    if len(parts) != 4 or parts[1] != stage or unquote(parts[2]) != "@connections":
        return None
    return unquote(parts[3])


def of_a_page(origin: str) -> str:
    """Return the reason to refuse a call with an `Origin` header, which only browsers send."""
    return f"a page from {origin[:100]} is not allowed to call @connections"


def answer(
    gateway: Gateway,
    method: str,
    path: str,
    authorization: str,
    body: bytes,
    refusal: Authorize | None = None,
) -> Response:
    """Answer one call to @connections: POST sends, GET describes, DELETE closes.

    `path` does not contain the query or the calling function. `authorization` must start with
    `AWS4-`. The signature is not checked.
    """
    connection_id = connection_id_in(path, gateway.api.stage)
    if connection_id is None or not authorization.startswith("AWS4-"):
        return FORBIDDEN
    call = _CALLS.get(method)
    if call is None:
        return NO_METHOD
    if refusal is not None and (refused := refusal(method, connection_id)) is not None:
        return refused
    if not CONNECTION_ID.fullmatch(connection_id):
        return error(400, "BadRequestException", f"Invalid connectionId: {connection_id}")
    if method == "POST" and len(body) > MAX_MESSAGE_BYTES:
        return TOO_LARGE
    connection = gateway.find(connection_id)
    return GONE if connection is None else call(gateway, connection, body)


def _post(gateway: Gateway, connection: Connection, body: bytes) -> Response:
    if not _is_utf8(body):  # Decanter's choice, because text frames must be UTF-8
        return error(400, "BadRequestException", "The message is not valid UTF-8")
    return Response(200) if gateway.send(connection, body) else TOO_MANY


def _get(gateway: Gateway, connection: Connection, _: bytes) -> Response:
    return json_response(200, gateway.describe(connection))


def _delete(gateway: Gateway, connection: Connection, _: bytes) -> Response:
    gateway.close(connection, 1000, "Connection Closed Normally")
    return Response(204)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


_CALLS = {"POST": _post, "GET": _get, "DELETE": _delete}
