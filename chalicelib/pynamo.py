"""What PynamoDB is told of the table, and what its errors mean."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoRegionError
from botocore.exceptions import ConnectionError as NoConnectionError
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import PynamoDBConnectionError

from .collector import collector_paused
from .errors import DecanterError, MissingTableError, SettingError, StoreBusyError, StoreError
from .settings import region_of, table_name
from .transports.session import session
from .transports.tls import share_with

_BUSY_CODES = {
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
}


class TableMeta:
    """A model's `Meta`, which asks the environment for names each time PynamoDB asks for them.

    PynamoDB's own timeouts, 15 s to connect and 30 s to read, outlast API Gateway's 29 s.

    Attributes:
        variable: the environment variable that names the table.
        read_capacity_units: where the table is provisioned.
        write_capacity_units: where the table is provisioned.
    """

    connect_timeout_seconds: ClassVar[float] = 1
    read_timeout_seconds: ClassVar[float] = 3
    max_retry_attempts: ClassVar[int] = 1
    max_pool_connections: ClassVar[int] = 10
    host: ClassVar[None] = None
    extra_headers: ClassVar[None] = None
    aws_access_key_id: ClassVar[None] = None
    aws_secret_access_key: ClassVar[None] = None
    aws_session_token: ClassVar[None] = None

    def __init__(self, variable: str, read_capacity_units: int, write_capacity_units: int) -> None:
        self.variable = variable
        self.read_capacity_units = read_capacity_units
        self.write_capacity_units = write_capacity_units

    def __str__(self) -> str:
        return f"{os.environ.get(self.variable)!r} (from {self.variable})"

    @property
    def table_name(self) -> str:
        """The table's name; a SettingError when the variable is not set."""
        return table_name(os.environ, self.variable)

    @property
    def region(self) -> str | None:
        """The region, as Lambda and the AWS SDKs name it."""
        return region_of(os.environ)


class ChangedError(StoreError):
    """The row is not the one that was read, or there is none any more."""


_making = Lock()


def on_one_session(table: TableConnection) -> TableConnection:
    """Give PynamoDB's connection its client, made from the process's one botocore session.

    By itself PynamoDB makes a session in each thread that comes first, and each reads AWS's
    service models again; and making clients is safe in one thread at a time only.
    """
    connection = table.connection
    with _making, nullcontext() if connection._client else collector_paused():
        connection._local.session = session()
        share_with(connection.client)
    return table


@contextmanager
def translated(meta: Any) -> Iterator[None]:
    """Turn PynamoDB's errors into ours.

    Args:
        meta: the model's `TableMeta`, which names the table and its variable.
    """
    try:
        yield
    except (PynamoDBConnectionError, BotoCoreError, ClientError) as error:
        raise _translation(error, meta) from error


def _translation(error: Exception, meta: Any) -> DecanterError:
    cause = getattr(error, "cause", error)
    answer = getattr(cause, "response", None) or {}  # None where there was no answer
    code = answer.get("Error", {}).get("Code")
    if code == "ConditionalCheckFailedException":
        return ChangedError()
    if code == "ResourceNotFoundException":
        return MissingTableError(meta.table_name, meta.variable)
    if isinstance(cause, NoRegionError):
        return SettingError("AWS_REGION", None, "set it to the table's region")
    if code in _BUSY_CODES or isinstance(cause, HTTPClientError | NoConnectionError):
        return StoreBusyError(str(error))
    return StoreError(str(error))
