"""Faults that the developer sets in @connections and in the embedded DynamoDB.

The option `--fault` takes words, such as `connections 429 calls=3`, `connections late
milliseconds=2500` or `dynamodb throttle share=0.1 seed=7`. `POST /_gateway/faults` takes the same
values as JSON, such as `{"target": "connections", "action": "429", "calls": 3}`.

The process of the embedded DynamoDB loads this file by its path, so this file must not import other
modules of Decanter.
"""

import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

ACTIONS = {
    "connections": ("403", "410", "429", "500", "reset", "hang", "late"),
    "dynamodb": ("throttle", "away", "late"),
}
MAX_MILLISECONDS = 600_000


class FaultError(ValueError):
    """An invalid fault. The message is one line that names what is wrong."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        target: `connections` (@connections) or `dynamodb` (the embedded DynamoDB).
        action: the effect on a call, one of `ACTIONS`.
        connection: the connection id of the affected calls; None for all connections.
        calls: the highest number of affected calls; None for no limit.
        share: the probability that the fault applies to a call, above 0 and at most 1.
        seed: the seed that makes the random choice repeatable.
        milliseconds: the delay, only for `late`.
    """

    target: str
    action: str
    connection: str | None = None
    calls: int | None = None
    share: float = 1
    seed: int = 0
    milliseconds: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a fault from the words of `--fault`.

        Raises:
            FaultError: the text is not a valid fault.
        """
        words = text.split()
        if len(words) < 2:
            raise FaultError(f"{text!r} is not a target and an action, as in 'connections 429'")
        value: dict[str, Any] = {"target": words[0], "action": words[1]}
        for word in words[2:]:
            name, equals, given = word.partition("=")
            if not equals:
                raise FaultError(f"{word!r} is not NAME=VALUE, as in calls=3")
            value[name] = given if name == "connection" else _number(given)
        return cls.from_json(value)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read a fault from JSON.

        Raises:
            FaultError: the value is not a valid fault.
        """
        if not isinstance(value, dict):
            raise FaultError(f"a fault is an object, not {json.dumps(value)}")
        if unknown := sorted(value.keys() - FIELDS):
            raise FaultError(f"a fault has no {unknown[0]!r}: it has {', '.join(FIELDS)}")
        fault = cls(**{"target": None, "action": None, **value})
        _check(fault)
        return fault

    def to_json(self) -> dict[str, Any]:
        """Return the fault as JSON, without the members that are None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


FIELDS = tuple(Fault.__dataclass_fields__)


@dataclass(slots=True)
class ActiveFault:
    """A fault that is set, with the number of calls that it has affected so far."""

    id: int
    fault: Fault
    hits: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Create the random generator from the seed."""
        self.chance = random.Random(self.fault.seed)  # noqa: S311 - for tests, not for secrets

    def to_json(self) -> dict[str, Any]:
        """Return the fault as JSON, with the fault's id and the number of affected calls."""
        return {"id": self.id, "hits": self.hits, **self.fault.to_json()}

    def strikes(self, target: str, connection: str) -> bool:
        """Return True and count a hit if the fault applies to a call."""
        fault = self.fault
        if fault.target != target or fault.connection not in (None, connection):
            return False
        if fault.calls is not None and self.hits >= fault.calls:
            return False
        if self.chance.random() >= fault.share:
            return False
        self.hits += 1
        return True


class Faults:
    """The faults that are set. If several faults match a call, the oldest fault applies.

    Attributes:
        relay: sends changes to the process of the embedded DynamoDB; None if there is no process.
    """

    def __init__(self) -> None:
        self.relay: Callable[[dict[str, Any]], None] | None = None
        self._active: dict[int, ActiveFault] = {}
        self._last_id = 0

    def add(self, fault: Fault, fault_id: int | None = None) -> ActiveFault:
        """Set a fault.

        Raises:
            FaultError: the fault is for the embedded DynamoDB, which does not run.
        """
        self._last_id = self._last_id + 1 if fault_id is None else fault_id
        if fault.target == "dynamodb" and fault_id is None:
            if self.relay is None:
                raise FaultError(
                    "only the embedded DynamoDB has faults: leave out --dynamodb-endpoint"
                )
            self.relay({"id": self._last_id, "fault": fault.to_json()})
        self._active[self._last_id] = active = ActiveFault(self._last_id, fault)
        return active

    def clear(self) -> None:
        """Remove all faults."""
        self._active.clear()
        if self.relay is not None:
            self.relay({"clear": True})

    def take(self, target: str, connection: str = "") -> ActiveFault | None:
        """Return the fault that applies to a call, and count a hit; None if no fault applies."""
        return next((f for f in self._active.values() if f.strikes(target, connection)), None)

    def struck(self, fault_id: int) -> None:
        """Count a hit that the process of the embedded DynamoDB reports."""
        if fault_id in self._active:
            self._active[fault_id].hits += 1

    def obey(self, command: dict[str, Any]) -> None:
        """Apply a change that the gateway's process has sent with `relay`."""
        if "clear" in command:
            self._active.clear()
        else:
            self.add(Fault.from_json(command["fault"]), command["id"])

    def to_json(self) -> list[dict[str, Any]]:
        """Return all faults as JSON, including faults with no calls left."""
        return [active.to_json() for active in self._active.values()]


def _check(fault: Fault) -> None:
    """Raise FaultError for the first invalid value."""
    if fault.target not in tuple(ACTIONS):  # the target may be a list, which is not hashable
        raise FaultError(f"target is one of {', '.join(ACTIONS)}, not {fault.target!r}")
    actions = ACTIONS[fault.target]
    if fault.action not in actions:
        raise FaultError(
            f"the action of {fault.target} is one of {', '.join(actions)}, not {fault.action!r}"
        )
    for name, (fits, words) in CHECKS.items():
        if not fits(value := getattr(fault, name)):
            raise FaultError(f"{name} is {words}, not {json.dumps(value)}")
    if fault.connection is not None and fault.target != "connections":
        raise FaultError("connection is only for the target connections")
    if (fault.action == "late") != (fault.milliseconds is not None):
        raise FaultError(
            "milliseconds is the delay: the action late needs it, other actions do not take it"
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return (_is_whole(value) or isinstance(value, float)) and 0 < value <= 1


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "connection": (lambda v: v is None or (isinstance(v, str) and v != ""), "a connection id"),
    "calls": (lambda v: v is None or (_is_whole(v) and v >= 1), "a whole number from 1"),
    "share": (_is_share, "a number above 0, at most 1"),
    "seed": (_is_whole, "a whole number"),
    "milliseconds": (
        lambda v: v is None or (_is_whole(v) and 0 <= v <= MAX_MILLISECONDS),
        f"a whole number from 0 to {MAX_MILLISECONDS}",
    ),
}


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
