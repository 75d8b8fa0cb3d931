"""The rights that an app declares with `@uses`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Uses:
    """The rights that a function of the app needs in each Lambda function that runs it.

    Attributes:
        place: the function's module and name.
        is_default: True if the function has no `@uses`, so that it may read and write every
            declared table.
        reads: the environment variables of the tables that the function reads.
        writes: the environment variables of the tables that the function writes.
        sends: True if the function may send to connections and close them.
        also: additional statements for the IAM policy.
        is_router: True for the rights of the router's own code in the function of its queue.
    """

    place: str
    is_default: bool = False
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    sends: bool = False
    also: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    is_router: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the rights of one function from the report of `app_process`."""
        own = data["uses"]
        if own is None:
            return cls(data["place"], is_default=True, sends=data["sends"])
        return cls(
            own["place"],
            reads=tuple(own["reads"]),
            writes=tuple(own["writes"]),
            sends=own["sends"],
            also=tuple(own["also"]),
        )

    @classmethod
    def of_queue(cls, name: str) -> Self:
        """Return the rights of the router's code in the function of its queue."""
        return cls(f"the function of the queue {name}", sends=True, is_router=True)


def all_uses(data: Sequence[Mapping[str, Any]]) -> tuple[Uses, ...]:
    """Read the rights of several functions from the report of `app_process`."""
    return tuple(map(Uses.from_json, data))
