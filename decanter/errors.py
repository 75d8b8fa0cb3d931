"""Errors of the command-line tool.

DecanterError
 ├─ ProjectError    the Chalice project: its folder, its configuration, its app, its template
 │   └─ StageError  the configuration has no such stage
 ├─ ServiceError    a local service, such as the gateway or the embedded DynamoDB
 └─ AWSError        a call to AWS: the operation, its target and the remedy

Each message is one line with the faulty value and the remedy. The module `decanter.cli` prints it.
"""


class DecanterError(Exception):
    """The base class of the tool's errors.

    Attributes:
        detail: text to print before the message, such as the traceback of the user's app, or "".
    """

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class ProjectError(DecanterError):
    """The Chalice project is invalid."""


class StageError(ProjectError):
    """The project's configuration has no such stage."""


class ServiceError(DecanterError):
    """A local service does not start, does not answer, or refuses a call."""


class AWSError(DecanterError):
    """A call to AWS failed."""
