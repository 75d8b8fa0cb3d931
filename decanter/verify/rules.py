"""What a rule is, how it is checked, and which rules this command does not look at."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPException

from websockets.exceptions import WebSocketException

from decanter.errors import AWSError
from decanter.verify.endpoint import Endpoint

SHOWN_CHARACTERS = 160

# What AWS says nothing of, and nobody has published: inferred from other rules, or a choice.
INFERRED = frozenset({2, 3, 14, 16, 23, 28, 29, 30, 34, 49, 75})

# The rules of docs/reference/gateway.md are numbered so.
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
class Rule:
    """One checkable behaviour.

    Attributes:
        numbers: the rules of `docs/reference/gateway.md` that it covers; empty for the service's
            own rules.
        title: the behaviour in a few words.
        expected: what a look gives where the rule holds.
        look: says what is seen.
        needs_app: whether it takes the framework's app, with its route `sendmessage` and its error
            frames, to see anything.
    """

    numbers: tuple[int, ...]
    title: str
    expected: str
    look: Callable[[Endpoint], str]
    needs_app: bool = False

    @property
    def label(self) -> str:
        """Its numbers as text, with a question mark where AWS says nothing of it."""
        numbers = (f"{n}{'?' if n in INFERRED else ''}" for n in self.numbers)
        return ", ".join(numbers) or "service"


@dataclass(frozen=True)
class Finding:
    """A rule, and what was seen."""

    rule: Rule
    seen: str

    @property
    def holds(self) -> bool:
        """Whether that is what the rule says."""
        return self.seen == self.rule.expected


@dataclass(frozen=True)
class Omission:
    """A rule that was not looked at, and why."""

    rule: Rule
    reason: str


def check(rule: Rule, endpoint: Endpoint) -> Finding:
    """Look whether a rule holds; a connection that fails is something seen, too."""
    try:
        seen = rule.look(endpoint)
    except (OSError, WebSocketException, HTTPException, AWSError) as error:
        seen = f"{type(error).__name__}: {error}"
    return Finding(rule, " ".join(seen.split())[:SHOWN_CHARACTERS])


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
