"""The channels that a router declares: `@router.channel("chat:{room}")`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

SWEEP = "sweep"


@dataclass(frozen=True)
class ChannelsDeclaration:
    """The channels of a router, and the IAM actions on tables that these channels need.

    Attributes:
        connections: each function's additional actions on the connection table.
        subscriptions: each function's actions on the subscription table.
        of_senders: the actions that every function that sends needs on these two tables. The keys
            are `connections` and `subscriptions`.
    """

    patterns: tuple[str, ...]
    connections: Mapping[str, Sequence[str]]
    subscriptions: Mapping[str, Sequence[str]]
    of_senders: Mapping[str, Sequence[str]]

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Self | None:
        """Read the channels of a router's declaration; None if the router has no channels."""
        if data is None:
            return None
        return cls(
            tuple(data["patterns"]), data["connections"], data["subscriptions"], data["senders"]
        )

    def actions(
        self, function: str, *, sends: bool, is_connections: bool, is_subscriptions: bool
    ) -> list[str]:
        """Return the IAM actions on a table that these channels add to a function.

        `is_connections` or `is_subscriptions` is True for the table with this role.
        """
        found: list[str] = []
        for name, is_this in (
            ("connections", is_connections),
            ("subscriptions", is_subscriptions),
        ):
            if is_this:
                found += getattr(self, name).get(function, ())
                found += self.of_senders[name] if sends else ()
        return found


def patterns_of(routers: Iterable[ChannelsDeclaration | None]) -> tuple[str, ...]:
    """Return the patterns of the channels of all routers."""
    return tuple(pattern for channels in routers if channels for pattern in channels.patterns)


def missing_sweep(schedules: Mapping[str, str], *, is_off: bool = False) -> str | None:
    """Return the reason why an app with channels cannot be packaged; None if it can.

    Args:
        schedules: the schedule of each scheduled function, by the function's name.
        is_off: True if app.py declares a sweep, but the stage does not set its interval.
    """
    if SWEEP in schedules:
        return None
    cause, line = "no sweep", "app.py needs sweep = scheduled_sweep(app, router), and "
    if is_off:
        cause, line = "its sweep is off, because DECANTER_SWEEP_MINUTES is not set or is 0", ""
    return (
        f"the app has channels and {cause}, so nothing closes connections without a connect "
        f"command or past their expiry: {line}the stage needs the variable "
        'DECANTER_SWEEP_MINUTES in .chalice/config.json, for example "5"'
    )
