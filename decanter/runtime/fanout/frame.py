"""The frames that an application sends."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

Frame = str | Mapping[str, Any] | Sequence[Any]
"""A frame to send.

In an app without channels, a string is sent unchanged, and any other value is sent as JSON text.
"""


def text_of(frame: Frame) -> str:
    """Return a frame's text. JSON text is ASCII, because a lone surrogate has no UTF-8 form."""
    return frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"))


def ids(given: str | Collection[str]) -> Collection[str]:
    """Return a set of one connection id or several."""
    return {given} if isinstance(given, str) else {*given}
