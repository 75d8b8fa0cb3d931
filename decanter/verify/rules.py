"""The checkable rules, and those that this command does not check."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPException

from websockets.exceptions import WebSocketException

from decanter.errors import AWSError
from decanter.verify.endpoint import Endpoint

SHOWN_CHARACTERS = 160

# Rules that AWS does not document: inferred from others, or a choice.
INFERRED = frozenset({2, 3, 14, 16, 23, 28, 29, 30, 34, 49, 75})

# The rule numbers of docs/local-gateway.md.
ALL = range(1, 93)

_HANDLER = "needs a special handler, which the app does not have"
_TIME = "takes minutes to hours"
_EVENT = "is visible only to the handlers"

_REASONS: dict[str, Sequence[int]] = {
    _HANDLER: (*range(5, 13), 15, 17, 20, 21, 22, 31, 32, *range(35, 41), 77),
    _TIME: (46, 47, 48),
    _EVENT: (*range(41, 46), 50, 51, *range(52, 70)),
    "is a client's choice of path, checked in one form only": (70,),
    "would need a flood of calls": (83, 84),
    "is not promised by AWS": (73, 76, 79, 85),
    "is about Chalice, not about an endpoint": range(86, 93),
}


@dataclass(frozen=True)
class Rule:
    """One checkable behaviour.

    Attributes:
        numbers: the rules in `docs/local-gateway.md` that it covers; none for the service's own.
        title: the behaviour in a few words.
        expected: the result of `look` if the rule holds.
        look: returns what a client observes.
        needs_app: whether it needs the framework's app, with its route `sendmessage` and its error
            frames.
    """

    numbers: tuple[int, ...]
    title: str
    expected: str
    look: Callable[[Endpoint], str]
    needs_app: bool = False

    @property
    def label(self) -> str:
        """Its numbers as text, with a question mark if AWS does not document it."""
        numbers = (f"{n}{'?' if n in INFERRED else ''}" for n in self.numbers)
        return ", ".join(numbers) or "service"


@dataclass(frozen=True)
class Finding:
    """A rule, and the observed result."""

    rule: Rule
    seen: str

    @property
    def holds(self) -> bool:
        """True if the result is the expected one."""
        return self.seen == self.rule.expected


@dataclass(frozen=True)
class Omission:
    """A rule that was not checked, and why."""

    rule: Rule
    reason: str


def check(rule: Rule, endpoint: Endpoint) -> Finding:
    """Check a rule; a connection that fails is a result, too."""
    try:
        seen = rule.look(endpoint)
    except (OSError, WebSocketException, HTTPException, AWSError) as error:
        seen = f"{type(error).__name__}: {error}"
    return Finding(rule, " ".join(seen.split())[:SHOWN_CHARACTERS])


@dataclass(frozen=True)
class Gap:
    """Rules that are not checked, for one reason."""

    numbers: tuple[int, ...]
    reason: str


def gaps(rules: Iterable[Rule]) -> list[Gap]:
    """Return the rules that these rules do not cover.

    Args:
        rules: the rules to check.
    """
    covered = {number for rule in rules for number in rule.numbers}
    found = [
        Gap(tuple(n for n in numbers if n not in covered), reason)
        for reason, numbers in _REASONS.items()
    ]
    known = {number for numbers in _REASONS.values() for number in numbers}
    rest = tuple(n for n in ALL if n not in covered | known)
    return [gap for gap in [*found, Gap(rest, "needs --management-endpoint")] if gap.numbers]
