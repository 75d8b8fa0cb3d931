"""Text from other sources on the user's terminal."""

import re

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters would control the terminal; surrogates cannot be encoded."""


def printable(text: str) -> str:
    """Return the text with control characters escaped."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
