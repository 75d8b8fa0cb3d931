"""Make untrusted text safe for a terminal."""

import re

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""The characters to escape. Control characters control a terminal. UTF-8 has no surrogates."""


def printable(text: str) -> str:
    """Return the text with control characters and surrogates escaped."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
