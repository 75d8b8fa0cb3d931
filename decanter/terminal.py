"""Make untrusted text safe for a terminal."""

import re

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters can control a terminal; surrogates cannot be encoded."""


def printable(text: str) -> str:
    """Return the text with control characters escaped."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
