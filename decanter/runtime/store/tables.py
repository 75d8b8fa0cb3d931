"""The application's tables: PynamoDB models whose table name comes from the environment.

    @table(env="MEMBERSHIPS_TABLE")
    class Membership(Model):
        room = UnicodeAttribute(hash_key=True)

The model declares the table's key, indexes and TTL attribute. The import reads no environment
variables. This module translates PynamoDB's errors into the framework's errors.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from types import ModuleType
from typing import Any, ClassVar, NamedTuple, TypeVar
from weakref import WeakSet

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoRegionError
from botocore.exceptions import ConnectionError as NoConnectionError
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import PynamoDBConnectionError
from pynamodb.models import Model
from pynamodb.settings import get_settings_value

from decanter.runtime.errors import (
    DecanterError,
    DeclarationError,
    MissingTableError,
    SettingError,
    StoreBusyError,
    StoreError,
    StoreRefusedError,
)
from decanter.runtime.forks import forget_at_fork
from decanter.runtime.functions import check_derived, named_arguments
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

ON_DEMAND = "PAY_PER_REQUEST"
PROVISIONED = "PROVISIONED"

_EXISTING = (
    r"[\w.-]{3,255}"
    r"|arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[\w.-]{3,255}"
    r"|ssm:[\w./-]+"
    r"|\{\{resolve:ssm:[\w./-]+(:\d+)?\}\}"
)
"""The pattern of `existing`: a table's name, a table's ARN, or an SSM parameter."""

declared: list[tuple[type[Model], ModuleType | None]] = []
"""All models with a table, and their modules. Decanter finds the app's tables in this list."""


class Billing(NamedTuple):
    """The billing of a table. If `billing_mode` is None, the deployment decides."""

    billing_mode: str | None = None
    read_capacity_units: int | None = None
    write_capacity_units: int | None = None

    def problem(self) -> str | None:
        """Return the problem with this billing; None if it is valid."""
        capacities = self[1:]
        if self.billing_mode not in {None, ON_DEMAND, PROVISIONED}:
            return f"billing_mode must be {PROVISIONED} or {ON_DEMAND}, not {self.billing_mode!r}"
        if self.billing_mode == ON_DEMAND and capacities != (None, None):
            return f"{ON_DEMAND} has no read_capacity_units and no write_capacity_units"
        if self in (Billing(), Billing(ON_DEMAND)):
            return None
        if all(isinstance(each, int) and each >= 1 for each in capacities):
            return None
        return "read_capacity_units and write_capacity_units must be 1 or more"


class TableMeta:
    """A model's `Meta`, which reads the environment each time PynamoDB needs the table's name.

    PynamoDB's default timeouts, 15 s to connect and 30 s to read, are too long for API Gateway's
    limit of 29 s. PynamoDB's `create_table` reads the billing mode and the capacities.

    Attributes:
        variable: the environment variable with the table's name.
        existing: the name, ARN or SSM parameter of a table that the app does not create; None for
            any other table.
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

    def __init__(self, variable: str, billing: Billing, existing: str | None = None) -> None:
        self.variable = variable
        self.billing = billing
        self.existing = existing
        self.billing_mode = billing.billing_mode or PROVISIONED
        self.read_capacity_units = billing.read_capacity_units
        self.write_capacity_units = billing.write_capacity_units

    def __str__(self) -> str:
        return f"{os.environ.get(self.variable)!r} (from {self.variable})"

    @property
    def table_name(self) -> str:
        """The table's name. If the variable is not set, the access raises a SettingError."""
        return table_name(os.environ, self.variable)

    @property
    def region(self) -> str | None:
        """The region from the environment; None if it is not set."""
        return region_of(os.environ)


class ChangedError(StoreError):
    """The condition of a write does not hold, usually because the row has changed or is gone."""


class _Clients:
    """Creates the clients of PynamoDB's connections, one client at a time."""

    def __init__(self) -> None:
        self._connections: WeakSet[Any] = WeakSet()
        self.after_fork()
        forget_at_fork(self)

    def after_fork(self) -> None:
        """Forget the clients, because the sockets of these clients belong to the parent."""
        self._making = Lock()
        for connection in self._connections:
            connection._client = None

    def make(self, connection: Any) -> None:
        with self._making, nullcontext() if connection._client else gc_paused():
            self._connections.add(connection)
            connection._local.session = session()
            share_with(connection.client)


_clients = _Clients()


def on_one_session(table: TableConnection) -> TableConnection:
    """Give PynamoDB's connection a client of the process's botocore session.

    By default, PynamoDB creates a session for each table's client, and each session reads AWS's
    service models again. Only one thread at a time may create a client.
    """
    _clients.make(table.connection)
    return table


@contextmanager
def translated(meta: Any) -> Iterator[None]:
    """Translate PynamoDB's errors into the framework's errors. `meta` is a `TableMeta`."""
    try:
        yield
    except (PynamoDBConnectionError, BotoCoreError, ClientError) as error:
        raise _translation(error, meta) from error


def dispatch(model: type[Model], operation: str, **arguments: Any) -> dict[str, Any]:
    """Make a DynamoDB call that PynamoDB's models cannot make, for a model's table.

    Raises:
        DecanterError: the call failed; see `translated`.
    """
    with translated(model.Meta):
        answer: dict[str, Any] = model._get_connection().connection.dispatch(
            operation, {"TableName": model.Meta.table_name, **arguments}
        )
    return answer


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
    if code == "AccessDeniedException":
        return StoreRefusedError(f"{error}. Declare the call with @uses on the function")
    if code in _BUSY_CODES or isinstance(cause, HTTPClientError | NoConnectionError):
        return StoreBusyError(str(error))
    return StoreError(str(error))


M = TypeVar("M", bound=type[Model])


@named_arguments('@table(env="VARIABLE")')
def table(
    *,
    env: str,
    existing: str | None = None,
    billing_mode: str | None = None,
    read_capacity_units: int | None = None,
    write_capacity_units: int | None = None,
) -> Callable[[M], M]:
    """Declare a model's table. Each use reads the table's name from an environment variable.

    The model's `Meta` can set the billing instead of the arguments. By default, the table is on
    demand. If only capacities are given, the deployment decides whether the table is provisioned.

    Args:
        env: the environment variable with the table's name.
        existing: the name or ARN of a table that exists already and is never created or deleted, or
            `ssm:/PATH` for an SSM parameter with the table's name.
        billing_mode: `PROVISIONED` or `PAY_PER_REQUEST`.
        read_capacity_units: the number of strongly consistent 4 KB reads per second, if the table
            is provisioned.
        write_capacity_units: the number of 1 KB writes per second, if the table is provisioned.

    Raises:
        DeclarationError: an argument or the model's Meta is invalid.
    """

    def complete(model: M) -> M:
        check_derived("@table:", model, Model)
        given = Billing(billing_mode, read_capacity_units, write_capacity_units)
        billing, problem = _billing(model, given)
        if problem := problem_with(env, existing) or problem or billing.problem():
            raise DeclarationError(f"@table of {model.__name__}: {problem}")
        if billing == Billing():
            billing = Billing(ON_DEMAND)
        declare(model, TableMeta(env, billing, existing))
        model._get_connection = classmethod(_connection)  # type: ignore[assignment]
        model.__decanter__ = classmethod(declaration)  # type: ignore[attr-defined]
        return model

    return complete


def declare(model: type[Model], meta: TableMeta) -> None:
    """Add a table to a model."""
    model.Meta = meta  # type: ignore[assignment]  # PynamoDB accepts an instance
    declared.append((model, sys.modules.get(model.__module__)))


def problem_with(env: Any, existing: Any) -> str | None:
    """Return the problem with the arguments; None if the arguments are valid."""
    if not (isinstance(env, str) and env.isidentifier() and env.isascii()):
        return "env must name an environment variable"
    is_existing = isinstance(existing, str) and re.fullmatch(_EXISTING, existing, re.ASCII)
    if existing is not None and not is_existing:
        return (
            f"existing={existing!r} is not a table's name, its ARN "
            "(arn:aws:dynamodb:REGION:ACCOUNT:table/NAME) or an SSM parameter (ssm:/PATH)"
        )
    return None


def declaration(model: type[Model]) -> dict[str, Any] | None:
    """Return the declaration for the tool; None if the class has no table.

    A subclass without its own decorator has the table of its base class.
    """
    for base in model.__mro__:
        if isinstance(vars(base).get("Meta"), TableMeta):
            from decanter.runtime.store.schema import schema  # not needed on Lambda

            return schema(base)
    return None


def _billing(model: type[Model], given: Billing) -> tuple[Billing, str | None]:
    """Return the billing from the arguments and the model's Meta, and the problem or None."""
    meta = getattr(model, "Meta", None)
    if meta is None or isinstance(meta, TableMeta):
        return given, None
    bases = reversed(meta.__mro__)
    found = {name: it for base in bases for name, it in vars(base).items() if name[:2] != "__"}
    own = {name: found.pop(name) for name in Billing._fields if name in found}
    # PynamoDB has added its own defaults to Meta.
    if others := sorted(name for name, it in found.items() if it != get_settings_value(name)):
        return given, f"its Meta must not set {', '.join(others)}: @table sets the rest"
    if own and given != Billing():
        return given, f"set {', '.join(own)} either in Meta or as an argument"
    return given._replace(**own), None


def _connection(model: type[Model]) -> TableConnection:
    """Return PynamoDB's connection to the table, which all methods of the model use."""
    return on_one_session(Model._get_connection.__func__(model))  # type: ignore[attr-defined]
