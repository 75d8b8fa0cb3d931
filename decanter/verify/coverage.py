"""The rules that this command does not look at, and why: a report has to say that, too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from decanter.verify.rules import Rule

# The rules of docs/local-gateway.md are numbered so.
ALL = range(1, 93)

_HANDLER = "needs a handler that does as told; the app's own does not"
_TIME = "takes minutes to hours"
_EVENT = "is seen by the handlers alone"

_REASONS: dict[str, Sequence[int]] = {
    _HANDLER: (*range(5, 13), 15, 17, 20, 21, 22, 31, 32, *range(35, 41), 77),
    _TIME: (46, 47, 48),
    _EVENT: (*range(41, 46), 50, 51, *range(52, 70)),
    "is a client's own choice of path, tried with one form only": (70,),
    "would need a flood of calls": (83, 84),
    "is not promised by AWS": (73, 76, 79, 85),
    "is about Chalice, not about an endpoint": range(86, 93),
}


@dataclass(frozen=True)
class Gap:
    """Rules that are not looked at, for one reason."""

    numbers: tuple[int, ...]
    reason: str


def gaps(rules: Iterable[Rule]) -> list[Gap]:
    """What these rules leave open.

    Args:
        rules: those that are looked at.
    """
    covered = {number for rule in rules for number in rule.numbers}
    found = [
        Gap(tuple(n for n in numbers if n not in covered), reason)
        for reason, numbers in _REASONS.items()
    ]
    known = {number for numbers in _REASONS.values() for number in numbers}
    rest = tuple(n for n in ALL if n not in covered | known)
    return [gap for gap in [*found, Gap(rest, "needs --management-endpoint")] if gap.numbers]
