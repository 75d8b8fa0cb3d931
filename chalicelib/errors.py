"""Every error of the framework that no client has made.

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
└── Fault                 answered with an error frame: `faults`
"""


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
