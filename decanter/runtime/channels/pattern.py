"""Patterns of channel names: `chat:{room}`.

`{name}` matches one or more characters except `:` and control characters. If the server fills in a
value, it percent-encodes `%`, `:` and control characters. An identity such as `a:b` therefore
cannot produce a channel name of another pattern or user. A name in which other characters are
encoded does not match, so each value has exactly one name.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from urllib.parse import unquote

from decanter.runtime.errors import ConfigurationError, DeclarationError

MOST_CHARACTERS = 255

MOST_CHANNELS = 128
MOST_NAME_BYTES = 4096
"""The maximum total size of a connection's channel names, which its row contains."""

OF_IDENTITY = "$identity:"
"""The prefix of the keys that `identity_key` returns. No channel's name begins with it."""

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_ENCODED = re.compile(r"[%:\x00-\x1f\x7f]")
_VALUE = r"[^:\x00-\x1f\x7f]+"


def encoded(value: str) -> str:
    """Return a value in the percent-encoded form that a channel's name contains.

    Raises:
        TypeError: the value is not a string, such as a number that an app uses as identity.
    """
    if not isinstance(value, str):
        raise TypeError(f"an identity or a value of a pattern is a string, not {value!r}: use str")
    return _ENCODED.sub(lambda found: f"%{ord(found[0]):02X}", value)


def identity_key(identity: str) -> str:
    """Return the hash key of the rows that list the connections of an identity."""
    return OF_IDENTITY + encoded(identity)


def too_many(names: Collection[str]) -> str:
    """Return the limit that a connection's channels exceed; an empty string if they are few."""
    if len(names) > MOST_CHANNELS:
        return f"more than {MOST_CHANNELS} channels"
    if sum(len(name.encode()) for name in names) > MOST_NAME_BYTES:
        return f"the names have more than {MOST_NAME_BYTES} bytes"
    return ""


class Pattern:
    """A checked pattern. Its `variables` are the names in braces.

    Raises:
        DeclarationError: the pattern is invalid.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        pieces = _VARIABLE.split(source)
        self._literals, self.variables = pieces[::2], pieces[1::2]
        if problem := self._problem():
            raise DeclarationError(f"channel {source!r}: {problem}")

    def match(self, channel: str) -> dict[str, str] | None:
        """Return the values in a channel's name; None if the name does not match."""
        if len(channel) > MOST_CHARACTERS or channel.startswith(OF_IDENTITY):
            return None
        found = self._regex.fullmatch(channel)
        if found is None:
            return None
        values = {name: unquote(value) for name, value in found.groupdict().items()}
        if any(encoded(value) != found[name] for name, value in values.items()):
            return None
        return values

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the channel's name for these values."""
        texts = [encoded(values[name]) for name in self.variables]
        return "".join(
            text for pair in zip(self._literals, [*texts, ""], strict=True) for text in pair
        )

    def overlaps(self, other: "Pattern") -> bool:
        """Return True if a channel's name can match both patterns."""
        ours, theirs = self.source.split(":"), other.source.split(":")
        return len(ours) == len(theirs) and all(map(_meet, ours, theirs))

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        parts = [re.escape(self._literals[0])]
        for name, literal in zip(self.variables, self._literals[1:], strict=True):
            parts += [f"(?P<{name}>{_VALUE})", re.escape(literal)]
        return re.compile("".join(parts))

    def _problem(self) -> str | None:
        text = "".join(self._literals)
        names = self.variables
        problems = {
            f"a pattern has 1 to {MOST_CHARACTERS} characters": (
                not 1 <= len(self.source) <= MOST_CHARACTERS
            ),
            f"names that begin with {OF_IDENTITY} are reserved": (
                self.source.startswith(OF_IDENTITY)
            ),
            "a brace has no partner": "{" in text or "}" in text,
            "its text has a % or a control character": _ENCODED.search(text.replace(":", "")),
            "write a name in the braces, as in {room}": not all(map(str.isidentifier, names)),
            "two of its variables have one name": len({*names}) < len(names),
            "two variables need text between them, such as `:`": not all(self._literals[1:-1]),
        }
        return next((problem for problem, found in problems.items() if found), None)


def no_match(channel: str, patterns: Iterable[str]) -> ConfigurationError:
    """Return the error for a channel name in the app's code that matches no declared pattern."""
    return ConfigurationError(
        f"channel {channel!r} matches no declared pattern: {', '.join(patterns)}"
    )


def _meet(ours: str, theirs: str) -> bool:
    """Return True if one text can match both parts. The parts contain no `:`."""
    (a, *_), (b, *_) = texts = _VARIABLE.split(ours)[::2], _VARIABLE.split(theirs)[::2]
    if len(texts[0]) == len(texts[1]) == 1:
        return a == b
    for mine, fixed in (texts, texts[::-1]):
        if len(fixed) == 1:
            regex = _VALUE.join(map(re.escape, mine))
            return re.fullmatch(regex, fixed[0]) is not None
    y, z = texts[0][-1], texts[1][-1]
    return _agree(a, b) and _agree(y[::-1], z[::-1])


def _agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
