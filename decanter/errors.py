"""The tool's errors.

DecanterError ├─ ProjectError    the Chalice project: its folder, its configuration, its app, its
template ├─ ServiceError    a service of the local gateway: the embedded DynamoDB, or another one └─
AWSError        a call to AWS: what failed, on what, what to do

Each message is one line that names the value and the remedy; `decanter.cli` prints it.
"""


class DecanterError(Exception):
    """Base of all of the tool's own errors.

    Attributes:
        detail: text to print before the message, such as the traceback of the user's app, or "".
    """

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class ProjectError(DecanterError):
    """The Chalice project is invalid."""


class ServiceError(DecanterError):
    """A local service does not start or does not answer."""


class AWSError(DecanterError):
    """A call to AWS failed."""
