"""What a rule is, and how it is checked."""

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException

from websockets.exceptions import WebSocketException

from decanter.errors import AWSError
from decanter.verify.endpoint import Endpoint

SHOWN_CHARACTERS = 160

# What AWS says nothing of, and nobody has published: inferred from other rules, or a choice.
INFERRED = frozenset({2, 3, 14, 16, 23, 28, 29, 30, 34, 49, 75})


@dataclass(frozen=True)
class Rule:
    """One checkable behaviour.

    Attributes:
        numbers: of the rules in `docs/local-gateway.md` that it covers; none for the service's own.
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
