"""A rule, its check, and the rules that `decanter verify` does not check."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPException

from websockets.exceptions import WebSocketException

from decanter.errors import AWSError
from decanter.verify.endpoint import Endpoint

SHOWN_CHARACTERS = 160
# An ARN, or the id of an account, an API, a connection or a request. A report omits all of them.
_IDS = re.compile(r"arn:\S+|\b\d{12}\b|[a-z0-9]{10}(?=\.execute-api)|[\w-]{11,22}=")
UNEXPECTED = (AttributeError, LookupError, TypeError, ValueError)

NEVER = "(?!)"
"""A regular expression without a match."""

# Rules that nobody has published. They are inferred from other rules, or are Decanter's choice.
INFERRED = frozenset(
    {2, 3, 10, 11, 14, 16, 17, 23, 28, 29, 30, 32, 34, 36, 38, 42, 43, 47, 48, 49, 50, 51, 66, 75}
    | {76, 79, 85, 93}
)

# The rules in docs/reference/gateway.md that a report checks, omits or lists as not covered.
ALL = range(1, 97)

_HANDLER = "needs a handler with a given behaviour, which the app does not have"
_TIME = "takes minutes to hours"
_EVENT = "is visible only to handlers"

_REASONS: dict[str, Sequence[int]] = {
    _HANDLER: (*range(5, 13), 15, 17, 20, 21, 22, 31, 32, *range(35, 41), 77, 96),
    _TIME: (46, 47, 48),
    _EVENT: (*range(41, 46), 50, 51, *range(52, 70)),
    "the URL has no stage": (2,),
    "needs a custom domain": (94,),
    "needs a client that closes between two fragments": (95,),
    "depends on the client's form of the path; only one form is tried": (70,),
    "needs very many calls": (83, 84),
    "is not promised by AWS": (73, 76, 79, 85),
    "is about Chalice, not about an endpoint": range(86, 93),
}


@dataclass(frozen=True)
class Rule:
    """A behaviour of an endpoint that can be checked.

    Attributes:
        numbers: the numbers of the rules in `docs/reference/gateway.md`; empty for a rule that is
            not in this document.
        title: the behaviour in a few words.
        expected: the result of `look` if the rule holds. In the result, details may follow a colon.
        look: returns a description of the endpoint's behaviour.
        needs_app: True if the check needs an app for which `service.speaks` returns True.
        doubt: a pattern for results that differ from `expected` but do not prove an error. By
            default, such a result is in doubt only if the rule has numbers and all of them are in
            `INFERRED`.
    """

    numbers: tuple[int, ...]
    title: str
    expected: str
    look: Callable[[Endpoint], str]
    needs_app: bool = False
    doubt: str | None = None

    @property
    def label(self) -> str:
        """The numbers as text, or `service`. A number in `INFERRED` has a question mark."""
        numbers = (f"{n}{'?' if n in INFERRED else ''}" for n in self.numbers)
        return ", ".join(numbers) or "service"


@dataclass(frozen=True)
class Finding:
    """The result of the check of a rule."""

    rule: Rule
    seen: str

    @property
    def holds(self) -> bool:
        """True if the endpoint follows the rule."""
        return self.seen == self.rule.expected or self.seen.startswith(f"{self.rule.expected}: ")

    @property
    def failed(self) -> bool:
        """True if the endpoint has an error. Not every difference proves an error."""
        return not self.holds and not self._in_doubt

    @property
    def _in_doubt(self) -> bool:
        if self.rule.doubt is None:
            return bool(self.rule.numbers) and INFERRED.issuperset(self.rule.numbers)
        return re.search(self.rule.doubt, self.seen) is not None


@dataclass(frozen=True)
class Omission:
    """A rule that was not checked, with the reason."""

    rule: Rule
    reason: str


def check(rule: Rule, endpoint: Endpoint) -> Finding:
    """Check a rule. A connection error or an unexpected answer is a result too."""
    try:
        seen = rule.look(endpoint)
    except (OSError, WebSocketException, HTTPException, AWSError, *UNEXPECTED) as error:
        seen = f"{type(error).__name__}: {error}"
    return Finding(rule, _IDS.sub("…", " ".join(seen.split()))[:SHOWN_CHARACTERS])


@dataclass(frozen=True)
class Gap:
    """Rules that no check of a run covers, with the reason."""

    numbers: tuple[int, ...]
    reason: str


def gaps(rules: Iterable[Rule]) -> list[Gap]:
    """Return the numbers in `ALL` that the checked rules do not cover, by reason."""
    covered = {number for rule in rules for number in rule.numbers}
    found = [
        Gap(tuple(n for n in numbers if n not in covered), reason)
        for reason, numbers in _REASONS.items()
    ]
    known = {number for numbers in _REASONS.values() for number in numbers}
    rest = tuple(n for n in ALL if n not in covered | known)
    return [gap for gap in [*found, Gap(rest, "needs --management-endpoint")] if gap.numbers]
