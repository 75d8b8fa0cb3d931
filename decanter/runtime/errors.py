"""The errors of the framework, including errors that a client causes.

DecanterError
├── DeclarationError      invalid declaration in app.py; raised at import
├── ConfigurationError    the app or its deployment is incomplete or wrong
│   ├── SettingError        an environment variable is missing or has an invalid value
│   ├── MissingTableError   the variable names a table that does not exist
│   ├── PostingRefusedError the Lambda function is not allowed to post or to close connections
│   └── NobodyReachedError  many connections are reported gone, and none was ever reached
├── StoreError            an operation on a table failed
│   ├── StoreRefusedError   the function's role does not allow it
│   └── StoreBusyError      DynamoDB throttled it, is unavailable or did not answer; retry
├── QueueError            SQS did not accept a message, or the queue's work cannot continue now
│   ├── PoisonError         a message is not an item of the queue
│   └── UndeliveredError    some recipients did not get a message, after all retries
├── OutOfTimeError        the operation's time limit has passed
└── MessageError          a client's mistake, with the frame's code and the handler's status
    ├── BadJson             bad_json         400
    ├── NotAnObject         not_an_object    400
    ├── FieldError
    │   ├── MissingData     missing_data     400
    │   └── InvalidPayload  invalid_payload  400
    ├── Forbidden           forbidden        403
    ├── UnknownRoute        unknown_route    404
    ├── TooLarge            too_large        413
    ├── RateLimited         rate_limited     429   temporary
    │   └── Flooding        rate_limited     429   closes the connection, sends no error frame
    └── Internal            internal         500   temporary; the only server error

In an app without channels, the client gets an error frame for its mistake, and the handler returns
a 4xx status. Any other exception in a route is logged with the request's id, and the client gets
`internal`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class DecanterError(Exception):
    """Base class of the framework's own errors."""


class DeclarationError(DecanterError):
    """A declaration in app.py, such as a table, a route or a channel, is invalid."""


class ConfigurationError(DecanterError):
    """The app or its deployment is incomplete or wrong. A retry does not help."""


class SettingError(ConfigurationError):
    """An environment variable is missing or has an invalid value.

    Attributes:
        variable: the variable's name.
        value: the variable's current value; None if the variable is not set.
        remedy: an accepted value, or the command that sets the variable.
    """

    def __init__(self, variable: str, value: str | None, remedy: str) -> None:
        super().__init__(variable, value, remedy)
        self.variable = variable
        self.value = value
        self.remedy = remedy

    def __str__(self) -> str:
        state = "is not set" if self.value is None else f"is {self.value!r}"
        return f"{self.variable} {state}: {self.remedy}"


class MissingTableError(ConfigurationError):
    """The environment variable `variable` names a table that does not exist."""

    def __init__(self, table: str, variable: str) -> None:
        super().__init__(table, variable)
        self.table = table
        self.variable = variable

    def __str__(self) -> str:
        return (
            f"table {self.table!r} (from {self.variable}) does not exist: "
            "create it with `decanter table create --stage dev`, with your own stage"
        )


class PostingRefusedError(ConfigurationError):
    """The Lambda function is not allowed to post to connections or to close them.

    The role, the endpoint or the credentials are wrong, or there are no credentials.

    Attributes:
        reason: the reason in the answer of API Gateway or DynamoDB, or the name of an exception.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"posting to connections is refused ({self.reason}): "
            "grant execute-api:ManageConnections on this API and stage, and the actions on the "
            "connection table, to the function's role, as @uses(sends=True) on the function does"
        )


class NobodyReachedError(ConfigurationError):
    """Many connections are reported gone, and this process has never reached a connection.

    No row is deleted in this case, because the endpoint may belong to another API or stage.

    Attributes:
        endpoint: the URL of @connections, with the stage.
        table: the connection table's name, and the environment variable that sets it.
    """

    def __init__(self, gone: int, endpoint: str, table: str) -> None:
        super().__init__(gone, endpoint, table)
        self.gone = gone
        self.endpoint = endpoint
        self.stage = endpoint.rpartition("/")[2]
        self.table = table

    def __str__(self) -> str:
        return (
            f"{self.gone} connections are said to be gone and none was reached, so none is deleted "
            f"or reported as gone: check that the endpoint {self.endpoint} belongs to this API, "
            f"that its stage {self.stage!r} is the one that clients connect to, and that table "
            f"{self.table} belongs to this stage. If all three are right, all clients have left, "
            "and the rows expire"
        )

    def as_fields(self) -> dict[str, int | str]:
        """Return the fields of the log line."""
        names = ("gone", "endpoint", "stage", "table")
        return {"error": str(self)} | {name: getattr(self, name) for name in names}


class StoreError(DecanterError):
    """An operation on a table failed."""


class StoreRefusedError(StoreError):
    """The function's role does not allow an operation on the table."""


class StoreBusyError(StoreError):
    """DynamoDB throttled an operation or did not answer. A retry may succeed."""


class QueueError(DecanterError):
    """SQS did not accept a message, or the queue's work cannot continue now."""


class PoisonError(QueueError):
    """A message is not an item of the queue. A retry does not help."""


class UndeliveredError(QueueError):
    """`count` recipients did not get a message, after all retries."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count

    def __str__(self) -> str:
        return f"{self.count} connections did not get the message, after all retries"


class OutOfTimeError(DecanterError):
    """An operation exceeded its time limit. The operation may still be running."""


class MessageError(DecanterError):
    """A client's mistake, which ends the handling of the message, usually with an error frame.

    Attributes:
        code: the frame's stable code.
        status: the handler's HTTP status.
        temporary: True if the same message may succeed later.
        closes: True if the sender's connection is closed and no error frame is sent.
    """

    code: ClassVar[str]
    status: ClassVar[int] = 400
    temporary: ClassVar[bool] = False
    closes: ClassVar[bool] = False

    def details(self) -> dict[str, Any]:
        """Return further members of the frame's `error` object."""
        return {}


class BadJson(MessageError):
    """The message is not valid JSON (RFC 8259), or it is nested too deeply.

    Attributes:
        reason: the problem, often with its position; the text quotes no string from the message.
    """

    code = "bad_json"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the message is not JSON: {self.reason}"


class NotAnObject(MessageError):
    """The message is valid JSON, but not an object."""

    code = "not_an_object"

    def __str__(self) -> str:
        return "the message must be a JSON object"


class FieldError(MessageError):
    """A member of the message is missing or invalid.

    Attributes:
        field: the member's name or path, such as `points[0].x`; empty if the whole value is
            invalid.
        reason: the requirement that the member does not meet.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{repr(self.field) if self.field else 'the value'} {self.reason}"

    def details(self) -> dict[str, Any]:
        """Return the member's name or path."""
        return {"field": self.field}


class MissingData(FieldError):
    """A member that the route reads with `raw`, or `data` in a publish command, is missing.

    A null member counts as present.
    """

    code = "missing_data"

    def __init__(self, field: str) -> None:
        super().__init__(field, "is missing")


class InvalidPayload(FieldError):
    """A member is missing from the payload, or has a value that the route does not accept.

    Routes and the validation of payloads raise this error.
    """

    code = "invalid_payload"


class Forbidden(MessageError):
    """The sender is not allowed to use the route.

    Routes raise this error. The router raises it if `allow` returns False.
    """

    code = "forbidden"
    status = 403

    def __str__(self) -> str:
        return "you are not allowed to send this"


class UnknownRoute(MessageError):
    """The message selects no route. Route keys are case-sensitive.

    Attributes:
        known_routes: the keys of all routes, without `$default`.
    """

    code = "unknown_route"
    status = 404

    def __init__(self, known_routes: Sequence[str]) -> None:
        super().__init__(known_routes)
        self.known_routes = list(known_routes)

    def __str__(self) -> str:
        return f"no such route; there are: {', '.join(self.known_routes) or 'none'}"

    def details(self) -> dict[str, Any]:
        """Return the keys of the known routes."""
        return {"known_routes": self.known_routes}


class TooLarge(MessageError):
    """An outgoing frame or a message for SQS has `size` bytes, more than the `limit`."""

    code = "too_large"
    status = 413

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.size} bytes are more than the {self.limit} that one message may have"


class RateLimited(MessageError):
    """The connection sends messages too fast. Message hooks and routes raise this error."""

    code = "rate_limited"
    status = 429
    temporary = True

    def __str__(self) -> str:
        return "too many messages: wait before the next one"


class Flooding(RateLimited):
    """The connection continues to send above the rate limit. Message hooks raise this error."""

    closes = True

    def __str__(self) -> str:
        return "too many messages: the connection is closed"


class Internal(MessageError):
    """A server error. The error's log line contains the request's id."""

    code = "internal"
    status = 500
    temporary = True

    def __str__(self) -> str:
        return "the service failed; its log has the details under this request id"
