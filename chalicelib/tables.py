"""Further tables of an application: PynamoDB models whose table the environment names.

    @table(env="MEMBERSHIPS_TABLE")
    class Membership(Model):
        room = UnicodeAttribute(hash_key=True)

The merge template declares such a table; nothing is read at import.
"""

from collections.abc import Callable
from typing import TypeVar

from pynamodb.connection.table import TableConnection
from pynamodb.models import Model

from .errors import DeclarationError
from .pynamo import TableMeta, on_one_session

M = TypeVar("M", bound=type[Model])


def table(*, env: str) -> Callable[[M], M]:
    """Have a model's table named by an environment variable, when it is used.

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
                f"@table of {model.__name__}: it must not have a Meta of its own: @table makes it"
            )
        meta = TableMeta(env, read_capacity_units=1, write_capacity_units=1)
        model.Meta = meta  # type: ignore[assignment]  # an instance answers as the class would
        model._get_connection = classmethod(_connection)  # type: ignore[assignment]
        return model

    return complete


def _connection(model: type[Model]) -> TableConnection:
    """PynamoDB's connection to the table, for all of the model's methods."""
    return on_one_session(Model._get_connection.__func__(model))  # type: ignore[attr-defined]
