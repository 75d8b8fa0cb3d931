"""Every error of the framework, the client's own among them.

DecanterError
├── DeclarationError      app.py declares what cannot be; raised while it is imported
├── ConfigurationError    the deployment lacks something; the message says what mends it
│   ├── SettingError        an environment variable is missing or has a value that cannot be
│   ├── MissingTableError   the variable names a table that does not exist
│   ├── PostingRefusedError API Gateway answers 403: this function may not post
│   └── NobodyReachedError  many connections are said to be gone, and none was ever reached
├── StoreError            DynamoDB refused an operation for good
│   └── StoreBusyError      … for now: throttled, unavailable or not answering
├── OutOfTimeError        the time that an operation was given is over
└── MessageError          a client's mistake: its frame has a code, its handler a status
    ├── BadJson             bad_json         400
    ├── NotAnObject         not_an_object    400
    ├── FieldError
    │   ├── MissingData     missing_data     400
    │   └── InvalidPayload  invalid_payload  400
    ├── Forbidden           forbidden        403
    ├── UnknownRoute        unknown_route    404
    ├── TooLarge            too_large        413
    ├── RateLimited         rate_limited     429   temporary
    │   └── Flooding        rate_limited     429   told by closing the connection
    └── Internal            internal         500   temporary; the only one that is our fault

A client's mistake ends as a frame to that client and a 4xx status. Everything else that a route
raises is logged with the request's id and ends as `internal`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class DecanterError(Exception):
    """Base of every error that the framework raises."""


class DeclarationError(DecanterError):
    """A table, a route or an expression is declared in a way that cannot work."""


class ConfigurationError(DecanterError):
    """The deployment lacks something that no retry brings."""


class SettingError(ConfigurationError):
    """An environment variable is missing or has a value that cannot be.

    Attributes:
        variable: its name.
        value: what it is now; None when it is not set.
        remedy: what to set it to, or which command sets it right.
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
    """The connection table does not exist.

    Attributes:
        table: the name that was looked for.
        variable: the environment variable that gave it.
    """

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
    """API Gateway refused a post: the role, the endpoint or the credentials are wrong.

    Attributes:
        reason: what the refusal said.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"posting to connections is refused ({self.reason}): "
            "grant execute-api:ManageConnections on this API and stage to the function's role"
        )


class NobodyReachedError(ConfigurationError):
    """Many connections are said to be gone, and this process has never reached one.

    Nothing is deleted for that: the endpoint may be another API's or another stage's.

    Attributes:
        gone: how many are said to be gone.
        endpoint: the URL of @connections, with the stage.
        stage: the stage in it.
        table: the connection table, and the variable that names it.
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
            f"or reported as gone: check that the endpoint {self.endpoint} is this API's, that its "
            f"stage {self.stage!r} is the one that clients connect to, and that table {self.table} "
            "is this stage's. If all is right, everyone has left, and the rows expire"
        )

    def as_fields(self) -> dict[str, int | str]:
        """The error as the log has it."""
        names = ("gone", "endpoint", "stage", "table")
        return {"error": str(self)} | {name: getattr(self, name) for name in names}


class StoreError(DecanterError):
    """DynamoDB refused an operation on the connection table."""


class StoreBusyError(StoreError):
    """DynamoDB throttled an operation, or did not answer: worth trying again."""


class OutOfTimeError(DecanterError):
    """The time that an operation was given is over; it may still be running."""


class MessageError(DecanterError):
    """Ends the handling of a message with an error frame to its sender.

    Attributes:
        code: the frame's stable code.
        status: the handler's HTTP status.
        temporary: whether the same message may succeed later.
        closes: whether the sender is told by closing its connection instead of by a frame.
    """

    code: ClassVar[str]
    status: ClassVar[int] = 400
    temporary: ClassVar[bool] = False
    closes: ClassVar[bool] = False

    def details(self) -> dict[str, Any]:
        """Members of the frame's `error` object beside code, message and temporary."""
        return {}


class BadJson(MessageError):
    """The message is not RFC 8259 JSON, or is nested deeper than is read.

    Attributes:
        reason: what is wrong and where; it never quotes the message.
    """

    code = "bad_json"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the message is not JSON: {self.reason}"


class NotAnObject(MessageError):
    """The message is JSON, but no object."""

    code = "not_an_object"

    def __str__(self) -> str:
        return "the message must be a JSON object"


class FieldError(MessageError):
    """A member of the message is at fault.

    Attributes:
        field: its name.
        reason: what it must be.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field!r} {self.reason}"

    def details(self) -> dict[str, Any]:
        """Name the member."""
        return {"field": self.field}


class MissingData(FieldError):
    """The message lacks a member that its route needs; null counts as present."""

    code = "missing_data"

    def __init__(self, field: str) -> None:
        super().__init__(field, "is missing")


class InvalidPayload(FieldError):
    """A member has a value that its route does not take; routes raise it."""

    code = "invalid_payload"


class Forbidden(MessageError):
    """The sender may not use this route; routes raise it, or their `allow` says so."""

    code = "forbidden"
    status = 403

    def __str__(self) -> str:
        return "you may not send this"


class UnknownRoute(MessageError):
    """The message selects no route; route keys are compared letter by letter.

    Attributes:
        known_routes: the keys that there are.
    """

    code = "unknown_route"
    status = 404

    def __init__(self, known_routes: Sequence[str]) -> None:
        super().__init__(known_routes)
        self.known_routes = list(known_routes)

    def __str__(self) -> str:
        return f"no such route; there are: {', '.join(self.known_routes) or 'none'}"

    def details(self) -> dict[str, Any]:
        """List the routes that there are."""
        return {"known_routes": self.known_routes}


class TooLarge(MessageError):
    """A frame to be sent has `size` bytes, more than the `limit` that API Gateway takes."""

    code = "too_large"
    status = 413

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.size} bytes are more than the {self.limit} that one message may have"


class RateLimited(MessageError):
    """The connection sends faster than a route allows; routes raise it."""

    code = "rate_limited"
    status = 429
    temporary = True

    def __str__(self) -> str:
        return "too many messages: wait before the next one"


class Flooding(RateLimited):
    """The connection goes on sending although it is refused; message hooks raise it."""

    closes = True

    def __str__(self) -> str:
        return "too many messages: the connection is closed"


class Internal(MessageError):
    """Something of ours failed; the log has it under the request's id."""

    code = "internal"
    status = 500
    temporary = True

    def __str__(self) -> str:
        return "the service failed; its log has the details under this request id"
