"""The application's tables: PynamoDB models whose table name comes from the environment.

    @table(env="MEMBERSHIPS_TABLE")
    class Membership(Model):
        room = UnicodeAttribute(hash_key=True)

The merge template declares such a table. Nothing is read at import. PynamoDB's errors are
translated to the framework's errors here.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import Any, ClassVar, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoRegionError
from botocore.exceptions import ConnectionError as NoConnectionError
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import PynamoDBConnectionError
from pynamodb.models import Model

from decanter.runtime.errors import (
    DecanterError,
    DeclarationError,
    MissingTableError,
    SettingError,
    StoreBusyError,
    StoreError,
)
from decanter.runtime.gc_paused import gc_paused
from decanter.runtime.session import session, share_with
from decanter.runtime.settings import region_of, table_name

_BUSY_CODES = {
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
}


class TableMeta:
    """A model's `Meta`, which reads the environment each time PynamoDB needs a name.

    PynamoDB's own timeouts, 15 s to connect and 30 s to read, are longer than API Gateway's 29 s.

    Attributes:
        variable: the environment variable that names the table.
        read_capacity_units: if the table is provisioned.
        write_capacity_units: if the table is provisioned.
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
        """The table's name; a SettingError if the variable is not set."""
        return table_name(os.environ, self.variable)

    @property
    def region(self) -> str | None:
        """The region that Lambda and the AWS SDKs use."""
        return region_of(os.environ)


class ChangedError(StoreError):
    """The row has changed since it was read, or no longer exists."""


_making = Lock()


def on_one_session(table: TableConnection) -> TableConnection:
    """Give PynamoDB's connection a client of the process's one botocore session.

    By default PynamoDB creates one session for each thread, and each reads AWS's service models
    again. Clients must be created in one thread at a time.
    """
    connection = table.connection
    with _making, nullcontext() if connection._client else gc_paused():
        connection._local.session = session()
        share_with(connection.client)
    return table


@contextmanager
def translated(meta: Any) -> Iterator[None]:
    """Translate PynamoDB's errors to the framework's.

    Args:
        meta: the model's `TableMeta`, which names the table and its variable.
    """
    try:
        yield
    except (PynamoDBConnectionError, BotoCoreError, ClientError) as error:
        raise _translation(error, meta) from error


def _translation(error: Exception, meta: Any) -> DecanterError:
    cause = getattr(error, "cause", error)
    answer = getattr(cause, "response", None) or {}  # None without an answer
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


M = TypeVar("M", bound=type[Model])


def table(*, env: str) -> Callable[[M], M]:
    """Take a model's table name from an environment variable, at each use.

    Args:
        env: the variable.

    Raises:
        DeclarationError: the variable has no name, or the model names a table itself.
    """

    def complete(model: M) -> M:
        if not env:
            raise DeclarationError(f"@table of {model.__name__}: env must name a variable")
        if "Meta" in vars(model):
            raise DeclarationError(
                f"@table of {model.__name__}: it must not have its own Meta: @table makes it"
            )
        meta = TableMeta(env, read_capacity_units=1, write_capacity_units=1)
        model.Meta = meta  # type: ignore[assignment]  # an instance works like the class
        model._get_connection = classmethod(_connection)  # type: ignore[assignment]
        return model

    return complete


def _connection(model: type[Model]) -> TableConnection:
    """Return PynamoDB's connection to the table, used by all of the model's methods."""
    return on_one_session(Model._get_connection.__func__(model))  # type: ignore[attr-defined]
