"""The response of a handler, for the value that a route returns."""

from typing import Any

Response = dict[str, Any]
Result = str | Response | None
"""The return value of a route: None, the body of a response, or a response with `statusCode`."""


def response_of(returned: object) -> Response:
    """Return the handler's response for a `Result`. Raise TypeError for any other value."""
    if returned is None:
        return {"statusCode": 200}
    if isinstance(returned, str):
        return {"statusCode": 200, "body": returned}
    if isinstance(returned, dict) and isinstance(returned.get("statusCode"), int):
        return returned
    raise TypeError("a route returns None, a string, or a dict with an integer statusCode")
