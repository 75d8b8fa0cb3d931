"""The rules for @connections that a caller with credentials can observe."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.exceptions import ClientError

from decanter.aws.errors import explained
from decanter.verify.endpoint import Endpoint, ending, error_frame, mark, receive
from decanter.verify.rules import Rule

MESSAGE_BYTES = 128 * 1024


def posted(endpoint: Endpoint) -> str:
    """Check that a post arrives as one message with the same bytes."""
    text = f'{mark()} "é😀"'
    with endpoint.connect() as client:
        status = _call(endpoint, "post_to_connection", identity(client, endpoint), text.encode())
        got = receive(client, lambda it: it == text, 1, endpoint.seconds)
    return f"{status}, {'delivered' if got else 'not delivered'}"


def too_large(endpoint: Endpoint) -> str:
    """Check a post above 128 KB."""
    with endpoint.connect() as client:
        data = b"x" * (MESSAGE_BYTES + 1)
        return _call(endpoint, "post_to_connection", identity(client, endpoint), data)


def gone(endpoint: Endpoint) -> str:
    """Check a post to a closed connection."""
    with endpoint.connect() as client:
        connection = identity(client, endpoint)
    return _call(endpoint, "post_to_connection", connection, b"x")


def information(endpoint: Endpoint) -> str:
    """Check the members of the answer to a GET for a connection."""
    with endpoint.connect() as client, explained("get a connection"):
        answer = endpoint.management.get_connection(ConnectionId=identity(client, endpoint))
    return ", ".join(sorted(set(answer) - {"ResponseMetadata"}))


def deleted(endpoint: Endpoint) -> str:
    """Check that DELETE closes the connection, and that a second DELETE gets 410."""
    with endpoint.connect() as client:
        connection = identity(client, endpoint)
        first = _call(endpoint, "delete_connection", connection)
        closed = ending(client, endpoint.seconds)
    return f"{first}, {closed}, then {_call(endpoint, 'delete_connection', connection)}"


def unsigned(path: Callable[[Endpoint], str]) -> Callable[[Endpoint], str]:
    """Return a `look` function that returns the HTTP status of an unsigned POST."""
    return lambda endpoint: f"HTTP {endpoint.http_status(path(endpoint), 'POST')}"


def identity(client: Any, endpoint: Endpoint) -> str:
    """Return the client's connection id, which an error frame contains."""
    client.send("verify")
    return str(error_frame(client, endpoint.seconds).get("connectionId", "none"))


def _call(endpoint: Endpoint, name: str, connection: str, data: bytes | None = None) -> str:
    """Return the status and the error code of a call."""
    arguments: dict[str, Any] = {"ConnectionId": connection}
    if data is not None:
        arguments["Data"] = data
    with explained(f"call {name}"):
        try:
            answer = getattr(endpoint.management, name)(**arguments)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return f"HTTP {status} {error.response['Error']['Code']}"
    return f"HTTP {answer['ResponseMetadata']['HTTPStatusCode']}"


def _connection(endpoint: Endpoint) -> str:
    return f"{endpoint.management_url}/@connections/{quote('L0SM9cOFvHcCIhw=', safe='')}"


def _without_stage(endpoint: Endpoint) -> str:
    parts = urlsplit(endpoint.management_url)
    return f"{parts.scheme}://{parts.netloc}/@connections/x"


RULES = (
    Rule((71,), "a post", "HTTP 200, delivered", posted, needs_app=True),
    Rule((72,), "a post to a closed connection", "HTTP 410 GoneException", gone, needs_app=True),
    Rule(
        (74,), "a post above 128 KB", "HTTP 413 PayloadTooLargeException", too_large, needs_app=True
    ),
    Rule(
        (78,),
        "GET of a connection",
        "ConnectedAt, Identity, LastActiveAt",
        information,
        needs_app=True,
    ),
    Rule(
        (49, 80),
        "DELETE of a connection, twice",
        "HTTP 204, close 1000, then HTTP 410 GoneException",
        deleted,
        needs_app=True,
    ),
    Rule((81,), "an unsigned post", "HTTP 403", unsigned(_connection)),
    Rule((82,), "a post without a stage", "HTTP 403", unsigned(_without_stage)),
)
